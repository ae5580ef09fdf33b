#include "eval/detection.h"

#include "base/memory.h"
#include "base/system.h"
#include "engine/optimizer.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

static const double most_warmup = 100.0; /* steps */

/* Backbone and detector, planned for a batch; with a loss in training. */
typedef struct network {
  ss_graph *graph;
  ss_plan *plan;
  ss_fcos_grid grid;
  int batch;
  ss_tensor *images, *loss;
  ss_fcos_truth truth;
  ss_fcos_answers answers;
} network;

static void close_network(network *net) {
  ss_plan_free(net->plan);
  ss_graph_free(net->graph);
  memset(net, 0, sizeof *net);
}

static int threads_of(const ss_detection_options *options) {
  return options->threads ? options->threads : ss_system_processors();
}

/* A frozen backbone is recorded as in evaluation: running statistics, no gradient. */
static ss_backbone_layers record_backbone(network *net, const ss_backbone_options *backbone, bool frozen,
                                          bool training) {
  ss_graph *graph = net->graph;
  net->images = ss_graph_input(graph, "images", SS_F32, ss_shape_of(net->batch, backbone->size, backbone->size, 3));
  ss_graph_set_training(graph, training && !frozen);
  ss_graph_freeze(graph, frozen);
  ss_graph_push_scope(graph, "backbone");
  const ss_backbone_layers layers = ss_backbone_build(graph, net->images, backbone);
  ss_graph_pop_scope(graph);
  ss_graph_freeze(graph, false);
  ss_graph_set_training(graph, training);
  return layers;
}

static void record_loss(network *net) {
  ss_graph *graph = net->graph;
  const int64_t batch = net->batch, places = net->grid.places;
  net->truth = (ss_fcos_truth){
      .classes = ss_graph_input(graph, "classes", SS_F32, ss_shape_of(batch, places, net->grid.classes)),
      .distances = ss_graph_input(graph, "distances", SS_F32, ss_shape_of(batch, places, 4)),
      .objects = ss_graph_input(graph, "objects", SS_F32, ss_shape_of(batch, places)),
      .centreness = ss_graph_input(graph, "centreness", SS_F32, ss_shape_of(batch, places)),
      .per_object = ss_graph_input(graph, "per object", SS_F32, ss_shape_of(1))};
  net->loss = ss_graph_keep(graph, ss_fcos_loss(graph, &net->answers, &net->truth));
  ss_graph_backward(graph, net->loss, "");
}

static ss_status open_network(network *net, const ss_model *model, int classes, int batch,
                              const ss_detection_options *options, bool training, ss_error *error) {
  ss_backbone_options backbone = model->backbone;
  backbone.size = options->size ? options->size : backbone.size;
  net->batch = batch;
  SS_TRY(ss_backbone_check(&backbone, error));
  net->graph = ss_graph_new(model->parameters, &(ss_graph_options){.compute = SS_F32, .training = training});
  if (!net->graph) {
    return ss_fail_memory(error, 1, "the graph");
  }
  const ss_backbone_layers layers = record_backbone(net, &backbone, !options->finetune, training);
  SS_TRY(ss_graph_status(net->graph, error));
  SS_TRY(ss_fcos_grid_of(&layers, backbone.size, classes, &net->grid, error));
  net->answers = ss_fcos_build(net->graph, &layers, &net->grid, options->channels);
  if (training) {
    record_loss(net);
  } else {
    net->answers.logits = ss_graph_keep(net->graph, net->answers.logits);
    net->answers.distances = ss_graph_keep(net->graph, net->answers.distances);
    net->answers.centreness = ss_graph_keep(net->graph, net->answers.centreness);
  }
  return ss_plan_new(
      net->graph, &(ss_plan_options){.device = options->device, .threads = threads_of(options), .ways = options->ways},
      &net->plan, error);
}

static ss_status open_pairs(const network *net, const ss_model *model, const ss_box_set *set, const ss_subset *subset,
                            const ss_detection_options *options, bool training, ss_box_pairs **pairs, ss_error *error) {
  const ss_box_pairs_options how = {.batch = net->batch,
                                    .threads = threads_of(options),
                                    .min_scale = training ? options->min_scale : 0.0f,
                                    .seed = options->seed,
                                    .max_bad = options->max_bad,
                                    .bad = options->bad};
  return ss_box_pairs_open(model, set, subset, &net->grid, &how, pairs, error);
}

/* ---- training ---- */

static float rate_at(const ss_detection_options *options, int64_t step, int64_t steps) {
  const double pi = 3.14159265358979323846;
  const double warmup = fmin(most_warmup, (double)steps / 10.0);
  const double warm = fmin((double)(step + 1) / warmup, 1.0);
  return (float)(options->rate * warm * 0.5 * (1.0 + cos(pi * (double)step / (double)steps)));
}

static ss_status run_steps(const network *net, ss_box_pairs *pairs, ss_optimizer *optimizer, int64_t steps_per_epoch,
                           const ss_detection_options *options, double *last_loss, ss_error *error) {
  ss_box_batch batch = {.images = ss_plan_data(net->plan, net->images),
                        .targets = {.classes = ss_plan_data(net->plan, net->truth.classes),
                                    .distances = ss_plan_data(net->plan, net->truth.distances),
                                    .objects = ss_plan_data(net->plan, net->truth.objects),
                                    .centreness = ss_plan_data(net->plan, net->truth.centreness)},
                        .per_object = ss_plan_data(net->plan, net->truth.per_object)};
  const int64_t steps = steps_per_epoch * options->epochs;
  double sum = 0.0;
  for (int64_t step = 0; step < steps; step++) {
    SS_TRY(ss_box_pairs_next(pairs, &batch, error));
    SS_TRY(ss_plan_run(net->plan, (uint64_t)step, error));
    const float loss = *(const float *)ss_plan_data(net->plan, net->loss);
    if (!isfinite(loss)) {
      return ss_fail(error, SS_FAILED, "the loss is %g at step %lld; choose a smaller --lr than %g", (double)loss,
                     (long long)step + 1, (double)options->rate);
    }
    SS_TRY(ss_optimizer_step(optimizer, net->plan, rate_at(options, step, steps), 1, error));
    sum += loss;
    if ((step + 1) % steps_per_epoch == 0) {
      *last_loss = sum / (double)steps_per_epoch;
      sum = 0.0;
      if (options->tell) {
        options->tell(options->tell_context, (int)((step + 1) / steps_per_epoch), *last_loss);
      }
    }
  }
  return SS_OK;
}

static ss_status train_detector(ss_model *model, const ss_box_set *set, const ss_subset *train,
                                const ss_detection_options *options, double *last_loss, ss_error *error) {
  const ss_optimizer_options how = {
      .kind = SS_ADAMW, .weight_decay = options->weight_decay, .skip_norm_and_bias = true};
  const int batch = options->batch < (int64_t)train->count ? options->batch : (int)train->count;
  network net = {0};
  ss_box_pairs *pairs = NULL;
  ss_optimizer *optimizer = NULL;
  ss_status status = open_network(&net, model, ss_box_set_class_count(set), batch, options, true, error);
  status = status ? status : ss_optimizer_new(&how, net.graph, "", &optimizer, error);
  status = status ? status : open_pairs(&net, model, set, train, options, true, &pairs, error);
  status =
      status ? status : run_steps(&net, pairs, optimizer, train->count / (uint32_t)batch, options, last_loss, error);
  ss_box_pairs_close(pairs);
  ss_optimizer_free(optimizer);
  close_network(&net);
  return status;
}

/* ---- testing ---- */

void ss_detections_free(ss_detections *detections) {
  free(detections->boxes);
  *detections = (ss_detections){0};
}

/* True boxes grow as pictures are tested: those of a picture that did not decode are not asked for. */
typedef struct truths {
  ss_true_box *boxes;
  size_t count, capacity;
} truths;

static ss_status add_truths(truths *all, const ss_box_set *set, uint32_t sample, int32_t picture, ss_error *error) {
  size_t count = 0;
  const ss_labelled_box *boxes = ss_box_set_boxes(set, sample, &count);
  if (all->count + count > all->capacity) {
    const size_t capacity = 2 * (all->count + count);
    ss_true_box *grown = realloc(all->boxes, capacity * sizeof *grown);
    if (!grown) {
      return ss_fail_memory(error, capacity * sizeof *grown, "the boxes");
    }
    all->boxes = grown;
    all->capacity = capacity;
  }
  for (size_t i = 0; i < count; i++) {
    all->boxes[all->count++] =
        (ss_true_box){.picture = picture, .label = boxes[i].label, .box = boxes[i].box, .ignored = boxes[i].difficult};
  }
  return SS_OK;
}

/* Appends what was found in one picture, its boxes in shares of the sides. */
static ss_status add_found(ss_detections *all, const ss_found_box *boxes, size_t count, int size, ss_error *error) {
  if (all->count + count > all->capacity) {
    const size_t capacity = 2 * (all->count + count);
    ss_found_box *grown = realloc(all->boxes, capacity * sizeof *grown);
    if (!grown) {
      return ss_fail_memory(error, capacity * sizeof *grown, "the boxes found");
    }
    all->boxes = grown;
    all->capacity = capacity;
  }
  const float scale = 1.0f / (float)size;
  for (size_t i = 0; i < count; i++) {
    ss_found_box box = boxes[i];
    box.box.left *= scale;
    box.box.top *= scale;
    box.box.right *= scale;
    box.box.bottom *= scale;
    all->boxes[all->count++] = box;
  }
  return SS_OK;
}

static ss_status test_batches(const network *net, const ss_box_set *set, ss_box_pairs *pairs, ss_found_box *room,
                              truths *truth, ss_detections *found, int32_t *pictures, ss_error *error) {
  const int64_t places = net->grid.places;
  const float *logits = ss_plan_data(net->plan, net->answers.logits);
  const float *distances = ss_plan_data(net->plan, net->answers.distances);
  const float *centreness = ss_plan_data(net->plan, net->answers.centreness);
  ss_box_batch batch = {.images = ss_plan_data(net->plan, net->images)};
  for (;;) {
    SS_TRY(ss_box_pairs_next(pairs, &batch, error));
    if (batch.count == 0) {
      return SS_OK;
    }
    SS_TRY(ss_plan_run(net->plan, 0, error)); /* beyond an incomplete batch: old pictures, not read below */
    for (int64_t i = 0; i < batch.count; i++, ++*pictures) {
      size_t count = 0;
      ss_fcos_decode(&net->grid, logits + i * places * net->grid.classes, distances + i * places * 4,
                     centreness + i * places, *pictures, room, &count);
      SS_TRY(add_truths(truth, set, batch.samples[i], *pictures, error));
      SS_TRY(add_found(found, room, count, net->grid.size, error));
    }
  }
}

static ss_status test_detector(const ss_model *model, const ss_box_set *set, const ss_subset *test,
                               const ss_detection_options *options, ss_detection_score *score, double *per_class,
                               ss_detections *found, ss_error *error) {
  const int batch = options->batch < (int64_t)test->count ? options->batch : (int)test->count;
  const int classes = ss_box_set_class_count(set);
  network net = {0};
  ss_box_pairs *pairs = NULL;
  ss_found_box *room = NULL;
  truths truth = {0};
  int32_t pictures = 0;
  ss_status status = ss_alloc((void **)&room, SS_FCOS_ROOM, sizeof *room, "the boxes found", error);
  status = status ? status : open_network(&net, model, classes, batch, options, false, error);
  status = status ? status : open_pairs(&net, model, set, test, options, false, &pairs, error);
  status = status ? status : test_batches(&net, set, pairs, room, &truth, found, &pictures, error);
  if (status == SS_OK) {
    const ss_boxes boxes = {.truth = truth.boxes,
                            .truth_count = truth.count,
                            .found = found->boxes,
                            .found_count = found->count,
                            .pictures = pictures,
                            .classes = classes};
    status = ss_detection_measure(&boxes, score, per_class, error);
  }
  ss_box_pairs_close(pairs);
  close_network(&net);
  free(truth.boxes);
  free(room);
  return status;
}

ss_status ss_detect(const ss_model *model, const ss_box_set *set, const ss_subset *train, const ss_subset *test,
                    const ss_detection_options *options, ss_detection_score *score, double *per_class,
                    ss_detections *found, double *last_loss, ss_error *error) {
  ss_model *copy = NULL;
  ss_detections own = {0};
  double loss = NAN;
  SS_TRY(ss_model_copy(model, options->seed, &copy, error));
  ss_status status = train_detector(copy, set, train, options, &loss, error);
  status = status ? status : test_detector(copy, set, test, options, score, per_class, &own, error);
  ss_model_free(copy);
  if (last_loss) {
    *last_loss = loss;
  }
  if (status == SS_OK && found) {
    *found = own;
  } else {
    ss_detections_free(&own);
  }
  return status;
}
