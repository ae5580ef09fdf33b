#include "eval/finetune.h"

#include "base/clock.h"
#include "base/memory.h"
#include "base/system.h"
#include "eval/classification_view.h"
#include "eval/topk.h"
#include "eval/tuned_network.h"
#include "features/pictures.h"

#include <stdlib.h>
#include <string.h>

enum { measured_at_once = 256 };

/* What a loader thread owns. */
typedef struct worker {
  ss_view_scratch scratch;
  ss_image work, view;
} worker;

typedef struct tuning {
  const ss_finetune_data *data;
  const ss_finetune_options *how;
  ss_tuned_network network;
  ss_loader *loader;
  worker *workers;
  int threads, size;
} tuning;

static size_t picture_bytes(const tuning *run) {
  return (size_t)run->size * (size_t)run->size * 3 * sizeof(float);
}

/* ---- training ---- */

static ss_status make_view(void *context, int thread, uint32_t epoch, uint32_t position, uint32_t sample,
                           const ss_image *image, void *slot, ss_error *error) {
  (void)position;
  const tuning *run = context;
  worker *own = &run->workers[thread];
  ss_random random = ss_random_stream(run->how->seed, SS_RANDOM_VIEWS, epoch, sample, 0);
  SS_TRY(ss_classification_view(image, run->size, &random, &own->scratch, &own->work, &own->view, error));
  ss_picture_for_model(run->network.model, &own->view, slot);
  return SS_OK;
}

static void tell_bad(void *context, uint32_t sample, const char *message) {
  const tuning *run = context;
  if (run->how->bad) {
    run->how->bad(NULL, sample, message);
  }
}

static ss_status start_loader(tuning *run, ss_error *error) {
  SS_TRY(ss_alloc((void **)&run->workers, (size_t)run->threads, sizeof *run->workers, "the loader", error));
  ss_loader_options loading = SS_LOADER_DEFAULTS;
  loading.source = run->data->source;
  loading.samples = run->data->train->samples;
  loading.count = run->data->train->count;
  loading.batch = (uint32_t)run->how->batch;
  loading.slot_bytes = picture_bytes(run);
  loading.make = make_view;
  loading.bad = tell_bad;
  loading.context = run;
  loading.threads = run->threads;
  loading.shuffle = true;
  loading.drop_last = true;
  loading.seed = run->how->seed;
  loading.end_epoch = (uint32_t)run->how->epochs;
  loading.decode.smallest_side = 2 * run->size; /* crops of a quarter of a picture keep their resolution */
  loading.max_bad = run->how->max_bad;
  return ss_loader_create(&loading, &run->loader, error);
}

static ss_status step(tuning *run, float rate, double *loss, ss_error *error) {
  ss_batch batch = {0};
  SS_TRY(ss_loader_next(run->loader, &batch, error));
  memcpy(ss_tuned_network_images(&run->network), batch.slots, batch.count * picture_bytes(run));
  int32_t *labels = ss_tuned_network_labels(&run->network);
  for (uint32_t i = 0; i < batch.count; i++) {
    labels[i] = ss_source_label(run->data->source, batch.samples[i]);
  }
  return ss_tuned_network_step(&run->network, rate, loss, error);
}

/* The papers' steps: divided by 10 after each third of the epochs. */
static float rate_of(const ss_finetune_options *how, int epoch) {
  float rate = how->rate;
  for (int drops = 3 * epoch / how->epochs; drops > 0; drops--) {
    rate *= 0.1f;
  }
  return rate;
}

static ss_status train_epoch(tuning *run, int epoch, double *loss, ss_error *error) {
  const uint32_t steps = ss_loader_steps_per_epoch(run->loader);
  const float rate = rate_of(run->how, epoch);
  const double start = ss_clock_seconds();
  *loss = 0.0;
  for (uint32_t i = 0; i < steps; i++) {
    double now = 0.0;
    SS_TRY(step(run, rate, &now, error));
    *loss += now / (double)steps;
  }
  const double seconds = ss_clock_seconds() - start, images = (double)steps * run->how->batch;
  const ss_finetune_epoch done = {.epoch = epoch + 1,
                                  .epochs = run->how->epochs,
                                  .loss = *loss,
                                  .rate = (double)rate,
                                  .images_per_s = seconds > 0.0 ? images / seconds : 0.0};
  if (run->how->tell) {
    run->how->tell(run->how->context, &done);
  }
  return SS_OK;
}

/* ---- measuring ---- */

/* The network in evaluation, planned for a batch. */
typedef struct measured {
  ss_graph *graph;
  ss_plan *plan;
  ss_tensor *images, *logits;
} measured;

static ss_status open_measured(const tuning *run, int batch, measured *network, ss_error *error) {
  const ss_model *model = run->network.model;
  network->graph = ss_graph_new(model->parameters, &(ss_graph_options){.compute = SS_F32});
  if (!network->graph) {
    return ss_fail_memory(error, 1, "the graph");
  }
  network->images = ss_graph_input(network->graph, "images", SS_F32, ss_shape_of(batch, run->size, run->size, 3));
  network->logits = ss_graph_keep(
      network->graph, ss_classifier_build(network->graph, network->images, &model->backbone, run->data->classes));
  return ss_plan_new(network->graph,
                     &(ss_plan_options){.device = run->how->device, .threads = run->threads, .ways = run->how->ways},
                     &network->plan, error);
}

static ss_status count_pictures(const tuning *run, const measured *network, ss_pictures *pictures, ss_topk *topk,
                                ss_error *error) {
  for (;;) {
    const uint32_t *samples = NULL;
    int64_t count = 0;
    SS_TRY(ss_pictures_next(pictures, ss_plan_data(network->plan, network->images), &samples, &count, error));
    if (count == 0) {
      return SS_OK;
    }
    SS_TRY(ss_plan_run(network->plan, 0, error)); /* beyond an incomplete batch: old pictures, not counted */
    const float *logits = ss_plan_data(network->plan, network->logits);
    for (int64_t i = 0; i < count; i++) {
      const int32_t label = ss_source_label(run->data->test_source, samples[i]);
      ss_topk_add(topk, logits + i * run->data->classes, &label, 1, run->data->classes);
    }
  }
}

static ss_status measure(const tuning *run, ss_finetune_result *result, ss_error *error) {
  const ss_subset *test = run->data->test;
  const int batch = test->count < measured_at_once ? (int)test->count : measured_at_once;
  const ss_picture_options reading = {
      .size = run->size, .batch = batch, .threads = run->threads, .max_bad = run->how->max_bad, .bad = run->how->bad};
  measured network = {0};
  ss_pictures *pictures = NULL;
  ss_topk topk = {0};
  ss_status status = open_measured(run, batch, &network, error);
  if (status == SS_OK) {
    status = ss_pictures_open(run->network.model, run->data->test_source, test, &reading, &pictures, error);
  }
  if (status == SS_OK) {
    status = count_pictures(run, &network, pictures, &topk, error);
  }
  ss_pictures_close(pictures);
  ss_plan_free(network.plan);
  ss_graph_free(network.graph);
  result->top1 = ss_topk_top1(&topk);
  result->top5 = ss_topk_top5(&topk);
  return status;
}

/* ---- the whole ---- */

static ss_status check(const ss_finetune_data *data, const ss_finetune_options *how, ss_error *error) {
  if (data->classes < 2) {
    return ss_fail(error, SS_FAILED, "fine-tuning needs at least two classes, and %s has %d",
                   ss_source_path(data->source), data->classes);
  }
  if (data->train->count < 2 || data->test->count < 1) {
    return ss_fail(error, SS_FAILED, "fine-tuning needs two training pictures and one to test on: %s has %u and %u",
                   ss_source_path(data->source), data->train->count, data->test->count);
  }
  if (how->epochs < 1 || how->batch < 2 || (uint32_t)how->batch > data->train->count) {
    return ss_fail(error, SS_USAGE, "%d epochs in batches of %d cannot be made of %u pictures; use another --batch",
                   how->epochs, how->batch, data->train->count);
  }
  return SS_OK;
}

static ss_status tune(tuning *run, const ss_model *start, ss_finetune_result *result, ss_error *error) {
  const ss_finetune_options *how = run->how;
  const ss_tuning_options options = {.size = run->size,
                                     .batch = how->batch,
                                     .classes = run->data->classes,
                                     .frozen_layers = how->frozen_layers,
                                     .reinitialise = how->reinitialise,
                                     .bf16 = how->bf16,
                                     .tf32 = how->tf32,
                                     .momentum = how->momentum,
                                     .weight_decay = how->weight_decay,
                                     .seed = how->seed,
                                     .threads = run->threads,
                                     .ways = how->ways,
                                     .device = how->device};
  SS_TRY(ss_tuned_network_open(start, &options, &run->network, error));
  SS_TRY(start_loader(run, error));
  for (int epoch = 0; epoch < how->epochs; epoch++) {
    SS_TRY(train_epoch(run, epoch, &result->loss, error));
  }
  SS_TRY(measure(run, result, error));
  return ss_parameters_settle(run->network.model->parameters, error);
}

static void close_tuning(tuning *run) {
  ss_loader_free(run->loader);
  for (int i = 0; i < run->threads && run->workers; i++) {
    ss_scratch_free(&run->workers[i].scratch);
    ss_image_free(&run->workers[i].work);
    ss_image_free(&run->workers[i].view);
  }
  free(run->workers);
  ss_tuned_network_close(&run->network);
}

ss_status ss_finetune(const ss_model *start, const ss_finetune_data *data, const ss_finetune_options *options,
                      ss_finetune_result *result, ss_model **tuned, ss_error *error) {
  memset(result, 0, sizeof *result);
  if (tuned) {
    *tuned = NULL;
  }
  SS_TRY(check(data, options, error));
  tuning run = {.data = data,
                .how = options,
                .threads = options->threads ? options->threads : ss_system_processors(),
                .size = options->size ? options->size : start->backbone.size};
  const ss_status status = tune(&run, start, result, error);
  if (status == SS_OK && tuned) {
    *tuned = run.network.model;
    run.network.model = NULL;
  }
  close_tuning(&run);
  return status;
}
