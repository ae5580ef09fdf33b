#include "train/session.h"

#include "base/file.h"
#include "base/memory.h"
#include "io/png.h"
#include "nets/model.h"

#include <math.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

void ss_session_note(const ss_session *session, const char *format, ...) {
  if (!session->observer->note) {
    return;
  }
  char line[600];
  va_list arguments;
  va_start(arguments, format);
  vsnprintf(line, sizeof line, format, arguments);
  va_end(arguments);
  session->observer->note(session->observer->context, line);
}

/* At most SS_HELD_OUT_MOST, evenly over the part, so that every class has its share. */
static void thin_out(ss_subset *held) {
  if (held->count > SS_HELD_OUT_MOST) {
    for (uint32_t i = 0; i < SS_HELD_OUT_MOST; i++) {
      held->samples[i] = held->samples[(uint64_t)i * held->count / SS_HELD_OUT_MOST];
    }
    held->count = SS_HELD_OUT_MOST;
  }
}

/* The samples that are trained on and those that are held out for the score. */
static ss_status take_samples(ss_session *session, ss_error *error) {
  const ss_method *method = session->config->method;
  const ss_settings *settings = session->config->settings;
  SS_TRY(ss_subset_for_pretext(session->source, !method->needs_labels, (uint32_t)ss_settings_int(settings, "limit"),
                               &session->train, &session->held, &session->held_out, error));
  const int64_t most = method->most_samples ? method->most_samples(settings) : 0;
  if (most > 0 && most < (int64_t)session->train.count) {
    session->train.count = (uint32_t)most;
  }
  if (session->train.count < 2 && !method->untrained) {
    return ss_fail(error, SS_FAILED, "there is %s picture to train on: %s; give it more of them",
                   session->train.count ? "only one" : "no", session->config->data);
  }
  if (method->score.of_training) {
    ss_subset_free(&session->held);
    SS_TRY(ss_alloc((void **)&session->held.samples, session->train.count, sizeof *session->held.samples, "the samples",
                    error));
    memcpy(session->held.samples, session->train.samples, session->train.count * sizeof *session->held.samples);
    session->held.count = session->train.count;
  }
  thin_out(&session->held);
  return SS_OK;
}

static ss_status number_samples(ss_session *session, ss_error *error) {
  const ss_subset *train = &session->train, *held = &session->held;
  SS_TRY(ss_alloc((void **)&session->ranks, ss_source_count(session->source), sizeof *session->ranks, "the samples",
                  error));
  SS_TRY(ss_alloc((void **)&session->labels, train->count, sizeof *session->labels, "the labels", error));
  for (uint32_t i = 0; i < held->count; i++) {
    session->ranks[held->samples[i]] = i;
  }
  for (uint32_t i = 0; i < train->count; i++) { /* a score of_training is of samples that are in both */
    session->ranks[train->samples[i]] = i;
    session->labels[i] = ss_source_label(session->source, train->samples[i]);
  }
  return SS_OK;
}

static ss_task make_task(const ss_session *session, int batch) {
  const ss_settings *settings = session->config->settings;
  const int size = (int)ss_settings_int(settings, "size");
  return (ss_task){.method = session->config->method,
                   .settings = settings,
                   .backbone = {.arch = ss_settings_text(settings, "arch"),
                                .width = (int)ss_settings_int(settings, "width"),
                                .size = size},
                   .size = size,
                   .batch = batch,
                   .classes = ss_source_class_count(session->source),
                   .samples = session->train.count,
                   .labels = session->labels,
                   .seed = (uint64_t)ss_settings_int(settings, "seed"),
                   .threads = (int)ss_settings_int(settings, "threads"),
                   .steps = session->steps,
                   .steps_per_epoch = session->steps_per_epoch};
}

/* Crops of a quarter of a picture keep their resolution. */
static ss_decode_options decode_options(const ss_session *session) {
  return (ss_decode_options){.smallest_side = 2 * session->task.size};
}

/* Shows the method the pictures that it asks for; those that do not decode are left out. */
static ss_status survey(ss_session *session, ss_error *error) {
  const ss_method *method = session->config->method;
  if (!method->survey) {
    return SS_OK;
  }
  const ss_subset *train = &session->train;
  const uint32_t wanted = (uint32_t)method->survey_pictures, count = train->count < wanted ? train->count : wanted;
  const ss_decode_options options = decode_options(session);
  ss_decoder *decoder = NULL;
  ss_image picture = {0};
  ss_status status = ss_decoder_create(&decoder, error);
  for (uint32_t i = 0; i < count && status == SS_OK; i++) {
    const uint32_t sample = train->samples[(uint64_t)i * train->count / count];
    if (ss_source_read(session->source, sample, decoder, &options, &picture, NULL) == SS_OK) {
      status = method->survey(&session->task, &picture, error);
    }
  }
  if (status == SS_OK) {
    status = method->survey(&session->task, NULL, error);
  }
  ss_image_free(&picture);
  ss_decoder_free(decoder);
  return status;
}

ss_status ss_session_open(ss_session *session, ss_config *config, const ss_observer *observer, ss_error *error) {
  memset(session, 0, sizeof *session);
  session->config = config;
  session->observer = observer;
  if (!config->source) {
    SS_TRY(ss_source_open(config->data, &session->opened, error));
  }
  session->source = config->source ? config->source : session->opened;
  const ss_method *method = config->method;
  if (method->needs_labels && ss_source_class_count(session->source) == 0) {
    return ss_fail(error, SS_FAILED, "%s needs labels, and there are none: %s; put the pictures into a folder a class",
                   method->name, config->data);
  }
  SS_TRY(take_samples(session, error));
  SS_TRY(number_samples(session, error));
  SS_TRY(ss_config_resolve(config, session->source, session->train.count, error));
  session->accumulate = (int)ss_settings_int(config->settings, "accumulate");
  session->steps = ss_settings_int(config->settings, "steps");
  const int64_t batch = ss_settings_int(config->settings, "batch");
  const int64_t per_epoch = (int64_t)session->train.count / batch / session->accumulate;
  session->steps_per_epoch = per_epoch > 0 ? per_epoch : 1;
  SS_TRY(ss_device_open(ss_settings_text(config->settings, "device"), &session->device, error));
  session->task = make_task(session, (int)batch);
  session->task.features = ss_session_features;
  session->task.features_context = session;
  SS_TRY(ss_backbone_check(&session->task.backbone, error));
  session->configured = true; /* from here on there may be something to release */
  SS_TRY(method->configure(&session->task, error));
  SS_TRY(ss_backbone_check(&session->task.backbone, error)); /* as the method wants it */
  return survey(session, error);
}

/* Keeps what is read after each run of a graph. */
static void keep_outputs(ss_recorded *recorded, bool training, int player) {
  ss_build *build = &recorded->build;
  ss_graph *graph = recorded->graph;
  if (player > 0) { /* the first player's graph tells it all but the others' losses */
    return;
  }
  for (int i = 0; i < build->report_count; i++) {
    build->reports[i].value = ss_graph_keep(graph, ss_cast(graph, build->reports[i].value, SS_F32));
  }
  if (!training) {
    if (build->score) {
      ss_graph_keep(graph, build->score);
    }
    if (build->chance) {
      ss_graph_keep(graph, build->chance);
    }
    return;
  }
  if (build->embeddings) {
    build->embeddings = ss_graph_keep(graph, ss_cast(graph, build->embeddings, SS_F32));
  }
  if (build->prediction) {
    ss_graph_keep(graph, build->prediction);
  }
  if (build->carried) {
    ss_graph_keep(graph, build->carried);
  }
}

ss_status ss_session_record_graph(const ss_session *session, const ss_task *task, bool training, int player,
                                  ss_recorded *recorded, ss_error *error) {
  const ss_settings *settings = session->config->settings;
  const char *precision = ss_settings_text(settings, "precision");
  const ss_graph_options options = {.compute = strcmp(precision, "bf16") == 0 ? SS_BF16 : SS_F32,
                                    .tf32 = strcmp(precision, "tf32") == 0,
                                    .training = training,
                                    .seed = task->seed};
  recorded->graph = ss_graph_new(session->parameters, &options);
  if (!recorded->graph) {
    return ss_fail_memory(error, 1, "the graph");
  }
  ss_build *build = &recorded->build;
  *build = (ss_build){.task = task, .graph = recorded->graph, .batch = task->batch};
  for (int i = 0; i < task->input_count; i++) {
    const ss_method_input *input = &task->inputs[i];
    ss_shape shape = {.rank = input->shape.rank + 1, .dims = {(int64_t)input->views * task->batch}};
    memcpy(shape.dims + 1, input->shape.dims, sizeof(int64_t) * (size_t)input->shape.rank);
    build->inputs[i] = ss_graph_input(recorded->graph, input->name, input->dtype, shape);
  }
  task->method->loss(build);
  if (training) {
    const char *prefixes = task->method->players[player];
    if (!task->method->untrained) {
      ss_graph_backward(recorded->graph, build->losses[player], prefixes ? prefixes : "");
    }
  }
  keep_outputs(recorded, training, player);
  return ss_graph_status(recorded->graph, error);
}

ss_plan_options ss_session_plan_options(const ss_session *session) {
  return (ss_plan_options){.device = session->device,
                           .threads = (int)ss_settings_int(session->config->settings, "threads"),
                           .ways = session->config->ways,
                           .recompute = ss_settings_bool(session->config->settings, "recompute")};
}

static ss_status plan(const ss_session *session, ss_recorded *recorded, ss_error *error) {
  const ss_plan_options options = ss_session_plan_options(session);
  return ss_plan_new(recorded->graph, &options, &recorded->plan, error);
}

static ss_optimizer_options optimizer_options(const ss_settings *settings) {
  static const struct {
    const char *name;
    ss_optimizer_kind kind;
  } kinds[] = {{"sgd", SS_SGD}, {"lars", SS_LARS}, {"adam", SS_ADAM}, {"adamw", SS_ADAMW}};
  ss_optimizer_options options = {.momentum = (float)ss_settings_float(settings, "momentum"),
                                  .nesterov = ss_settings_bool(settings, "nesterov"),
                                  .beta1 = (float)ss_settings_float(settings, "beta1"),
                                  .beta2 = (float)ss_settings_float(settings, "beta2"),
                                  .weight_decay = (float)ss_settings_float(settings, "weight_decay"),
                                  .skip_norm_and_bias = !ss_settings_bool(settings, "decay_all"),
                                  .trust = (float)ss_settings_float(settings, "trust"),
                                  .clip_trust = ss_settings_bool(settings, "clip_trust")};
  for (size_t i = 0; i < sizeof kinds / sizeof *kinds; i++) {
    if (strcmp(kinds[i].name, ss_settings_text(settings, "optimizer")) == 0) {
      options.kind = kinds[i].kind;
    }
  }
  return options;
}

static ss_status record_players(ss_session *session, ss_error *error) {
  const ss_method *method = session->config->method;
  const ss_build *build = &session->players[0].build;
  for (int p = 0; p < SS_MAX_PLAYERS && (p == 0 || (method->players[p] && build->losses[p])); p++) {
    SS_TRY(ss_session_record_graph(session, &session->task, true, p, &session->players[p], error));
    session->player_count = p + 1;
    const ss_optimizer_options options = optimizer_options(session->config->settings);
    SS_TRY(ss_optimizer_new(&options, session->players[p].graph, method->players[p] ? method->players[p] : "",
                            &session->optimizers[p], error));
    if (session->accumulate > 1) {
      SS_TRY(ss_optimizer_reserve_accumulation(session->optimizers[p], error));
    }
    if (!method->untrained) {
      SS_TRY(ss_optimizer_reserve(session->optimizers[p], session->device, error));
      SS_TRY(plan(session, &session->players[p], error));
    }
  }
  return SS_OK;
}

static ss_status record_evaluation(ss_session *session, ss_error *error) {
  const int batch = (int)session->held.count < session->task.batch ? (int)session->held.count : session->task.batch;
  session->held_task = session->task;
  session->held_task.batch = batch;
  if (batch < 2 || session->config->method->untrained) { /* one sample says nothing, and has no negatives */
    return SS_OK;
  }
  SS_TRY(ss_session_record_graph(session, &session->held_task, false, 0, &session->evaluation, error));
  return session->evaluation.build.score ? plan(session, &session->evaluation, error) : SS_OK;
}

ss_status ss_session_record(ss_session *session, ss_error *error) {
  session->parameters = ss_parameters_new(session->task.seed);
  if (!session->parameters) {
    return ss_fail_memory(error, 1, "the parameters");
  }
  ss_status status = record_players(session, error);
  if (status == SS_OK) {
    status = record_evaluation(session, error);
  }
  if (status == SS_NO_MEMORY && ss_device_has_memory(session->device)) {
    return ss_session_tell_memory(session, error);
  }
  SS_TRY(status);
  const char *init = ss_settings_text(session->config->settings, "init");
  return *init ? ss_model_initialize(init, session->parameters, "backbone.", &session->task.backbone, error) : SS_OK;
}

/* A loader thread: one sample's views. */
static ss_status make_sample(ss_session *session, int worker, uint32_t epoch, uint32_t index, bool held_out,
                             const ss_image *image, void *slot, ss_error *error) {
  ss_worker *own = &session->workers[held_out ? session->worker_count + worker : worker];
  ss_sample sample = {.image = image,
                      .label = ss_source_label(session->source, index),
                      .epoch = epoch,
                      .index = index,
                      .rank = session->ranks[index],
                      .held_out = held_out,
                      .seed = session->task.seed,
                      .scratch = &own->scratch,
                      .work = own->work};
  return session->task.method->views(&session->task, &sample, slot, error);
}

static ss_status make_views(void *context, int worker, uint32_t epoch, uint32_t position, uint32_t index,
                            const ss_image *image, void *slot, ss_error *error) {
  (void)position;
  const ss_session *session = context;
  if (session->device_views) {
    const ss_sample sample = {
        .image = image, .epoch = epoch, .index = index, .rank = session->ranks[index], .seed = session->task.seed};
    ss_device_views_draw(session->device_views, &sample, slot);
    return SS_OK;
  }
  return make_sample(context, worker, epoch, index, false, image, slot, error);
}

/* The same views each time, so that scores can be compared, and no epoch's of training. */
static ss_status make_held_views(void *context, int worker, uint32_t epoch, uint32_t position, uint32_t index,
                                 const ss_image *image, void *slot, ss_error *error) {
  (void)epoch;
  (void)position;
  return make_sample(context, worker, UINT32_MAX, index, true, image, slot, error);
}

static void tell_bad(void *context, uint32_t sample, const char *message) {
  (void)sample;
  ss_session_note(context, "skipped: %s", message);
}

ss_loader_options ss_session_loader_options(ss_session *session, bool held_out) {
  const ss_settings *settings = session->config->settings;
  ss_loader_options options = SS_LOADER_DEFAULTS;
  options.source = session->source;
  options.slot_bytes = ss_slot_bytes(&session->task);
  options.make = held_out ? make_held_views : make_views;
  options.bad = tell_bad;
  options.context = session;
  options.seed = session->task.seed;
  options.max_bad = ss_settings_float(settings, "max-bad");
  options.decode = decode_options(session);
  return options;
}

ss_status ss_session_make_workers(ss_session *session, ss_error *error) {
  if (session->workers) {
    return SS_OK;
  }
  session->worker_count = (int)ss_settings_int(session->config->settings, "threads");
  return ss_alloc((void **)&session->workers, (size_t)session->worker_count + 1, sizeof *session->workers, "the loader",
                  error);
}

/* The pictures that a GPU makes views of are those that the loader would. */
static ss_status open_device_views(ss_session *session, const ss_decode_options *decoding, ss_error *error) {
  int64_t bytes = 0;
  if (!session->players[0].plan) {
    return SS_OK;
  }
  SS_TRY(ss_device_views_open(&session->task, session->device, session->source, &session->train, decoding,
                              &session->device_views, &bytes, error));
  if (session->device_views) {
    ss_session_note(session, "views are made on the GPU, of %u pictures in %.0f MB of its memory", session->train.count,
                    (double)bytes / 1e6);
  } else if (bytes > 0) {
    ss_session_note(session, "views are made on the processors: the GPU has no room for the pictures");
  }
  return SS_OK;
}

ss_status ss_session_start_loader(ss_session *session, size_t cache_bytes, ss_error *error) {
  SS_TRY(ss_session_make_workers(session, error));
  const int64_t batches_per_epoch = (int64_t)session->train.count / session->task.batch;
  ss_loader_options options = ss_session_loader_options(session, false);
  SS_TRY(open_device_views(session, &options.decode, error));
  if (session->device_views) {
    options.slot_bytes = ss_device_views_slot_bytes(session->device_views);
  }
  options.samples = session->train.samples;
  options.count = session->train.count;
  options.batch = (uint32_t)session->task.batch;
  options.threads = session->worker_count;
  options.cache_bytes = cache_bytes;
  options.shuffle = true;
  options.drop_last = true;
  options.start_epoch = (uint32_t)(session->batches / batches_per_epoch);
  options.start_step = (uint32_t)(session->batches % batches_per_epoch);
  return ss_loader_create(&options, &session->loader, error);
}

void ss_session_fill(const ss_task *task, const ss_recorded *recorded, const ss_batch *batch) {
  const size_t slot_bytes = ss_slot_bytes(task);
  for (int i = 0; i < task->input_count; i++) {
    const size_t bytes = ss_view_bytes(&task->inputs[i]);
    char *to = ss_plan_data(recorded->plan, recorded->build.inputs[i]);
    if (!to) {
      continue; /* an input that this graph does not use */
    }
    for (int v = 0; v < task->inputs[i].views; v++) {
      for (uint32_t n = 0; n < batch->count; n++) {
        char *slot = (char *)batch->slots + n * slot_bytes;
        memcpy(to + ((size_t)v * (size_t)task->batch + n) * bytes, ss_view_slot(task, slot, i, v), bytes);
      }
    }
  }
}

ss_status ss_session_fill_player(ss_session *session, int player, const ss_batch *batch, ss_error *error) {
  const ss_recorded *recorded = &session->players[player];
  if (session->device_views) {
    return ss_device_views_make(session->device_views, recorded->plan, recorded->build.inputs[0], batch->slots,
                                batch->count, error);
  }
  ss_session_fill(&session->task, recorded, batch);
  return SS_OK;
}

ss_status ss_session_picture(const ss_session *session, const char *out, const char *name, ss_metrics *metrics,
                             ss_error *error) {
  const ss_recorded *recorded = &session->players[0];
  const ss_method *method = session->config->method;
  if (!method->picture || !recorded->plan) {
    return SS_OK;
  }
  ss_shown shown = {.batch = session->task.batch};
  for (int i = 0; i < session->task.input_count; i++) {
    shown.inputs[i] = ss_plan_data(recorded->plan, recorded->build.inputs[i]);
  }
  shown.prediction = ss_plan_data(recorded->plan, recorded->build.prediction);
  ss_image sheet = {0};
  char *path = NULL, *relative = NULL;
  ss_status status = method->picture(&session->task, &shown, &sheet, error);
  if (status == SS_OK) {
    status = asprintf(&relative, "samples/%s.png", name) < 0 ? ss_fail_memory(error, 64, "a path")
                                                             : ss_run_path(out, relative, &path, error);
  }
  if (status == SS_OK) {
    status = ss_png_write(path, &sheet, error);
  }
  if (status == SS_OK) {
    status = ss_metrics_picture(metrics, session->step, path, sheet.width, sheet.height, error);
  }
  free(relative);
  free(path);
  ss_image_free(&sheet);
  return status;
}

ss_run_state ss_session_state(ss_session *session) {
  ss_run_state state = {.task = &session->task,
                        .parameters = session->parameters,
                        .players = session->player_count,
                        .step = session->step,
                        .batches = session->batches};
  memcpy(state.optimizers, session->optimizers, sizeof state.optimizers);
  return state;
}

static void close_recorded(ss_recorded *recorded) {
  ss_plan_free(recorded->plan);
  ss_graph_free(recorded->graph);
}

void ss_session_close(ss_session *session) {
  ss_loader_free(session->loader);
  for (int i = 0; i <= session->worker_count && session->workers; i++) {
    ss_scratch_free(&session->workers[i].scratch);
    for (int k = 0; k < SS_WORK_IMAGES; k++) {
      ss_image_free(&session->workers[i].work[k]);
    }
  }
  ss_device_views_close(session->device_views);
  free(session->workers);
  free(session->ranks);
  free(session->labels);
  for (int p = 0; p < SS_MAX_PLAYERS; p++) {
    ss_optimizer_free(session->optimizers[p]);
    close_recorded(&session->players[p]);
  }
  close_recorded(&session->evaluation);
  ss_parameters_free(session->parameters);
  if (session->configured && session->task.method->release) {
    session->task.method->release(&session->task);
  }
  ss_subset_free(&session->train);
  ss_subset_free(&session->held);
  ss_source_close(session->opened);
  memset(session, 0, sizeof *session);
}
