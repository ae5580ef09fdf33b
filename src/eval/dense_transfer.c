#include "eval/dense_transfer.h"

#include "base/memory.h"
#include "base/system.h"
#include "engine/optimizer.h"
#include "eval/fcn_head.h"
#include "methods/sheet.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

static const double power = 0.9; /* of the rate's fall: "poly" (Chen et al., DeepLab, PAMI 2018, section 4.1) */

/* Backbone and head, planned for a batch; with a loss in training. */
typedef struct network {
  ss_graph *graph;
  ss_plan *plan;
  ss_tensor *images, *targets, *weights, *outputs, *loss;
  int size, batch;
} network;

static void close_network(network *net) {
  ss_plan_free(net->plan);
  ss_graph_free(net->graph);
  memset(net, 0, sizeof *net);
}

static int threads_of(const ss_dense_options *options) {
  return options->threads ? options->threads : ss_system_processors();
}

/* A frozen backbone is recorded as in evaluation: running statistics, no gradient. */
static void record(network *net, const ss_backbone_options *backbone, const ss_dense_task *task,
                   const ss_dense_options *options, bool training) {
  ss_graph *graph = net->graph;
  const int64_t batch = net->batch, size = net->size;
  const bool frozen = training && !options->finetune;
  net->images = ss_graph_input(graph, "images", SS_F32, ss_shape_of(batch, size, size, 3));
  if (frozen) {
    ss_graph_set_training(graph, false);
    ss_graph_freeze(graph, true);
  }
  ss_graph_push_scope(graph, "backbone");
  const ss_backbone_layers layers = ss_backbone_build(graph, net->images, backbone);
  ss_graph_pop_scope(graph);
  if (frozen) {
    ss_graph_freeze(graph, false);
    ss_graph_set_training(graph, true);
  }
  const ss_fcn_options head = {.outputs = task->outputs, .skips = options->skips};
  ss_graph_push_scope(graph, "head");
  net->outputs = ss_fcn_head(graph, &layers, net->size, net->size, &head);
  ss_graph_pop_scope(graph);
  if (!training) {
    net->outputs = ss_graph_keep(graph, net->outputs);
    return;
  }
  net->targets = ss_graph_input(graph, "targets", task->target_type, ss_shape_of(batch, size, size));
  net->weights = ss_graph_input(graph, "weights", SS_F32, ss_shape_of(batch, size, size));
  net->loss = ss_graph_keep(graph, task->loss(task->context, graph, net->outputs, net->targets, net->weights));
  ss_graph_backward(graph, net->loss, "");
}

static ss_status open_network(network *net, const ss_model *model, const ss_dense_task *task, int batch,
                              const ss_dense_options *options, bool training, ss_error *error) {
  ss_backbone_options backbone = model->backbone;
  net->size = backbone.size = options->size ? options->size : backbone.size;
  net->batch = batch;
  SS_TRY(ss_backbone_check(&backbone, error));
  net->graph = ss_graph_new(model->parameters, &(ss_graph_options){.compute = SS_F32, .training = training});
  if (!net->graph) {
    return ss_fail_memory(error, 1, "the graph");
  }
  record(net, &backbone, task, options, training);
  return ss_plan_new(
      net->graph, &(ss_plan_options){.device = options->device, .threads = threads_of(options), .ways = options->ways},
      &net->plan, error);
}

static ss_status open_pairs(const network *net, const ss_model *model, const ss_dense_set *set, const ss_subset *subset,
                            const ss_dense_task *task, const ss_dense_options *options, bool training,
                            ss_dense_pairs **pairs, ss_error *error) {
  const ss_dense_pairs_options how = {.size = net->size,
                                      .batch = net->batch,
                                      .threads = threads_of(options),
                                      .min_scale = training ? options->min_scale : 0.0f,
                                      .target = task->target,
                                      .context = task->context,
                                      .seed = options->seed,
                                      .max_bad = options->max_bad,
                                      .bad = options->bad};
  return ss_dense_pairs_open(model, set, subset, &how, pairs, error);
}

/* Where the network's inputs are. */
static ss_dense_batch inputs_of(const network *net) {
  ss_dense_batch batch = {.images = ss_plan_data(net->plan, net->images)};
  if (net->targets) {
    batch.targets = ss_plan_data(net->plan, net->targets);
    batch.weights = ss_plan_data(net->plan, net->weights);
  }
  return batch;
}

/* ---- training ---- */

/* The head's weights are zero: its biases are what it predicts at first. */
static void start_at(const ss_model *model, const ss_dense_task *task) {
  const ss_parameter *bias = ss_parameters_find(model->parameters, "head.score0.bias");
  if (bias && bias->count == task->outputs) {
    memcpy(bias->value, task->start, (size_t)task->outputs * sizeof *task->start);
  }
}

static ss_status run_steps(const network *net, ss_dense_pairs *pairs, ss_optimizer *optimizer, int64_t steps_per_epoch,
                           const ss_dense_options *options, ss_dense_result *result, ss_error *error) {
  ss_dense_batch batch = inputs_of(net);
  const int64_t steps = result->steps;
  double sum = 0.0;
  for (int64_t step = 0; step < steps; step++) {
    SS_TRY(ss_dense_pairs_next(pairs, &batch, error));
    SS_TRY(ss_plan_run(net->plan, (uint64_t)step, error));
    const float loss = *(const float *)ss_plan_data(net->plan, net->loss);
    if (!isfinite(loss)) {
      return ss_fail(error, SS_FAILED, "the loss is %g at step %lld; choose a smaller --lr than %g", (double)loss,
                     (long long)step + 1, (double)options->rate);
    }
    const double rate = options->rate * pow(1.0 - (double)step / (double)steps, power);
    SS_TRY(ss_optimizer_step(optimizer, net->plan, (float)rate, 1, error));
    sum += loss;
    if ((step + 1) % steps_per_epoch == 0) {
      const int epoch = (int)((step + 1) / steps_per_epoch);
      result->loss = sum / (double)steps_per_epoch;
      result->first_loss = epoch == 1 ? result->loss : result->first_loss;
      sum = 0.0;
      if (options->tell) {
        options->tell(options->tell_context, epoch, result->loss);
      }
    }
  }
  return SS_OK;
}

ss_status ss_dense_train(ss_model *model, const ss_dense_set *set, const ss_subset *train, const ss_dense_task *task,
                         const ss_dense_options *options, ss_dense_result *result, ss_error *error) {
  const ss_optimizer_options how = {
      .kind = SS_ADAMW, .weight_decay = options->weight_decay, .skip_norm_and_bias = true};
  const int batch = options->batch < (int64_t)train->count ? options->batch : (int)train->count;
  const int64_t steps_per_epoch = train->count / (uint32_t)batch;
  network net = {0};
  ss_dense_pairs *pairs = NULL;
  ss_optimizer *optimizer = NULL;
  *result = (ss_dense_result){.steps = steps_per_epoch * options->epochs};
  ss_status status = open_network(&net, model, task, batch, options, true, error);
  if (status == SS_OK) {
    start_at(model, task);
  }
  status = status ? status : ss_optimizer_new(&how, net.graph, "", &optimizer, error);
  status = status ? status : open_pairs(&net, model, set, train, task, options, true, &pairs, error);
  status = status ? status : run_steps(&net, pairs, optimizer, steps_per_epoch, options, result, error);
  ss_dense_pairs_close(pairs);
  ss_optimizer_free(optimizer);
  close_network(&net);
  return status;
}

/* ---- testing ---- */

/* What testing needs at hand. */
typedef struct tested {
  const network *net;
  const ss_dense_set *set;
  const ss_subset *subset;
  const ss_dense_task *task;
  ss_dense_sheet *sheet; /* NULL: none */
  int threads;
  ss_map truth;
  float *resized; /* outputs in the truth's size */
  size_t capacity;
  ss_image drawn, picture;
  ss_decoder *decoder;
  uint32_t position; /* pictures tested so far */
} tested;

/* Where pixel `at` of `to` lies among the `from` of the other: two neighbours and the second's share (PyTorch's
 * bilinear, align_corners False). */
static void between(int at, int to, int from, int neighbours[2], float *share) {
  const float place = fmaxf(((float)at + 0.5f) * (float)from / (float)to - 0.5f, 0.0f);
  neighbours[0] = (int)place < from - 1 ? (int)place : from - 1;
  neighbours[1] = neighbours[0] < from - 1 ? neighbours[0] + 1 : neighbours[0];
  *share = place - (float)neighbours[0];
}

/* in (size, size, channels) -> out (height, width, channels). */
static void resize(const float *in, int size, int channels, float *out, int height, int width, int threads) {
#pragma omp parallel for schedule(static) num_threads(threads)
  for (int y = 0; y < height; y++) {
    int rows[2], columns[2];
    float down, right;
    between(y, height, size, rows, &down);
    const float *above = in + (size_t)rows[0] * (size_t)size * (size_t)channels;
    const float *below = in + (size_t)rows[1] * (size_t)size * (size_t)channels;
    float *to = out + (size_t)y * (size_t)width * (size_t)channels;
    for (int x = 0; x < width; x++) {
      between(x, width, size, columns, &right);
      const size_t a = (size_t)columns[0] * (size_t)channels, b = (size_t)columns[1] * (size_t)channels;
      for (int c = 0; c < channels; c++) {
        const float top = above[a + c] + right * (above[b + c] - above[a + c]);
        const float bottom = below[a + c] + right * (below[b + c] - below[a + c]);
        *to++ = top + down * (bottom - top);
      }
    }
  }
}

/* A picture's outputs in the size of its map. */
static ss_status outputs_of(tested *t, int index, const float **outputs, ss_error *error) {
  const int size = t->net->size, channels = t->task->outputs, width = t->truth.width, height = t->truth.height;
  const float *all = ss_plan_data(t->net->plan, t->net->outputs);
  const float *own = all + (size_t)index * (size_t)size * (size_t)size * (size_t)channels;
  *outputs = own;
  if (width == size && height == size) {
    return SS_OK;
  }
  const size_t count = (size_t)width * (size_t)height * (size_t)channels;
  if (t->capacity < count) {
    free(t->resized);
    t->capacity = 0;
    SS_TRY(ss_alloc((void **)&t->resized, count, sizeof(float), "the predictions", error));
    t->capacity = count;
  }
  resize(own, size, channels, t->resized, height, width, t->threads);
  *outputs = t->resized;
  return SS_OK;
}

/* The row of the sheet that the picture at this position has: they are evenly spread; -1: none. */
static int row_of(const tested *t) {
  const uint64_t rows = (uint64_t)t->sheet->rows, count = t->subset->count;
  const uint64_t row = (t->position * rows + count - 1) / count;
  return row < rows && row * count / rows == t->position ? (int)row : -1;
}

static ss_status draw(tested *t, uint32_t sample, const float *outputs, ss_error *error) {
  const ss_dense_sheet *sheet = t->sheet;
  const int row = sheet ? row_of(t) : -1;
  if (row < 0) {
    return SS_OK;
  }
  SS_TRY(ss_source_read(ss_dense_set_source(t->set), sample, t->decoder, NULL, &t->picture, error));
  ss_sheet_put(sheet->image, sheet->tile, 0, row, &t->picture);
  SS_TRY(t->task->draw(t->task->context, NULL, &t->truth, &t->drawn, error));
  ss_sheet_put(sheet->image, sheet->tile, 1, row, &t->drawn);
  SS_TRY(t->task->draw(t->task->context, outputs, &t->truth, &t->drawn, error));
  ss_sheet_put(sheet->image, sheet->tile, sheet->column, row, &t->drawn);
  return SS_OK;
}

static ss_status test_batches(tested *t, ss_dense_pairs *pairs, ss_error *error) {
  ss_dense_batch batch = inputs_of(t->net);
  for (;;) {
    SS_TRY(ss_dense_pairs_next(pairs, &batch, error));
    if (batch.count == 0) {
      return SS_OK;
    }
    SS_TRY(ss_plan_run(t->net->plan, 0, error)); /* beyond an incomplete batch: old pictures, not read below */
    for (int i = 0; i < batch.count; i++, t->position++) {
      const float *outputs = NULL;
      SS_TRY(ss_dense_set_read(t->set, batch.samples[i], 0, 0, &t->truth, error));
      SS_TRY(outputs_of(t, i, &outputs, error));
      SS_TRY(t->task->measure(t->task->context, outputs, &t->truth, error));
      SS_TRY(draw(t, batch.samples[i], outputs, error));
    }
  }
}

ss_status ss_dense_test(ss_model *model, const ss_dense_set *set, const ss_subset *test, const ss_dense_task *task,
                        const ss_dense_options *options, ss_error *error) {
  const int batch = options->batch < (int64_t)test->count ? options->batch : (int)test->count;
  network net = {0};
  ss_dense_pairs *pairs = NULL;
  tested t = {
      .net = &net, .set = set, .subset = test, .task = task, .sheet = options->sheet, .threads = threads_of(options)};
  ss_status status = ss_decoder_create(&t.decoder, error);
  status = status ? status : open_network(&net, model, task, batch, options, false, error);
  status = status ? status : open_pairs(&net, model, set, test, task, options, false, &pairs, error);
  status = status ? status : test_batches(&t, pairs, error);
  ss_dense_pairs_close(pairs);
  close_network(&net);
  ss_decoder_free(t.decoder);
  ss_map_free(&t.truth);
  ss_image_free(&t.drawn);
  ss_image_free(&t.picture);
  free(t.resized);
  return status;
}

/* ---- both ---- */

ss_status ss_dense_transfer(const ss_model *model, const ss_dense_set *set, const ss_subset *train,
                            const ss_subset *test, const ss_dense_task *task, const ss_dense_options *options,
                            ss_dense_result *result, ss_error *error) {
  ss_model *copy = NULL;
  SS_TRY(ss_model_copy(model, options->seed, &copy, error));
  ss_status status = ss_dense_train(copy, set, train, task, options, result, error);
  status = status ? status : ss_dense_test(copy, set, test, task, options, error);
  ss_model_free(copy);
  return status;
}
