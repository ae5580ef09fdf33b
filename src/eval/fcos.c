#include "eval/fcos.h"

#include "eval/non_maximum_suppression.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

enum { tower_layers = 2, most_candidates = 1000 };
static const double centre_radius = 1.5; /* strides */
static const double least_score = 0.05, most_iou = 0.6;

/* ---- which places there are ---- */

ss_status ss_fcos_grid_of(const ss_backbone_layers *layers, int size, int classes, ss_fcos_grid *grid,
                          ss_error *error) {
  *grid = (ss_fcos_grid){.classes = classes, .size = size};
  int chosen[SS_FCOS_LEVELS] = {0}; /* the coarsest first */
  int64_t finest = 0;
  for (int layer = layers->count - 1; layer >= 0 && grid->count < SS_FCOS_LEVELS; layer--) {
    const ss_shape shape = ss_tensor_shape(layers->tensors[layer]);
    if (shape.rank != 4 || shape.dims[1] != shape.dims[2]) {
      return ss_fail(error, SS_FAILED, "a detector needs layers that are square maps; %s is not", layers->names[layer]);
    }
    if (shape.dims[1] > finest) {
      finest = shape.dims[1];
      chosen[grid->count++] = layer;
    }
  }
  for (int i = 0; i < grid->count; i++) {
    const int layer = chosen[grid->count - 1 - i];
    const int64_t side = ss_tensor_dim(layers->tensors[layer], 1);
    const double stride = (double)size / (double)side;
    grid->levels[i] = (ss_fcos_level){.layer = layer,
                                      .side = side,
                                      .stride = stride,
                                      .least = i > 0 ? 4.0 * stride : 0.0,
                                      .most = i + 1 < grid->count ? 8.0 * stride : INFINITY};
    grid->places += side * side;
  }
  return SS_OK;
}

/* ---- what they should say ---- */

typedef struct edges {
  double left, top, right, bottom; /* distances from a place */
} edges;

static edges edges_from(const ss_bounding_box *box, double x, double y) {
  return (edges){.left = x - box->left, .top = y - box->top, .right = box->right - x, .bottom = box->bottom - y};
}

/* The box that a place is to find, or NULL. */
static const ss_true_box *box_of_place(const ss_fcos_level *level, double x, double y, const ss_true_box *boxes,
                                       size_t count) {
  const ss_true_box *best = NULL;
  for (size_t i = 0; i < count; i++) {
    const ss_bounding_box *box = &boxes[i].box;
    const edges to = edges_from(box, x, y);
    const double centre_x = 0.5 * ((double)box->left + box->right), centre_y = 0.5 * ((double)box->top + box->bottom);
    const bool central = fmax(fabs(x - centre_x), fabs(y - centre_y)) < centre_radius * level->stride;
    const bool inside = fmin(fmin(to.left, to.right), fmin(to.top, to.bottom)) > 0.0;
    const double farthest = fmax(fmax(to.left, to.right), fmax(to.top, to.bottom));
    const bool asked = farthest > level->least && farthest < level->most;
    if (central && inside && asked && (!best || ss_bounding_box_area(box) < ss_bounding_box_area(&best->box))) {
      best = &boxes[i];
    }
  }
  return best;
}

static void set_place(const ss_fcos_grid *grid, double stride, const ss_true_box *box, double x, double y,
                      int64_t place, ss_fcos_targets *targets) {
  float *classes = targets->classes + place * grid->classes, *distances = targets->distances + 4 * place;
  memset(classes, 0, (size_t)grid->classes * sizeof *classes);
  targets->objects[place] = box ? 1.0f : 0.0f;
  targets->centreness[place] = 0.0f;
  distances[0] = distances[1] = distances[2] = distances[3] = 1.0f;
  if (!box) {
    return;
  }
  const edges to = edges_from(&box->box, x, y);
  classes[box->label] = 1.0f;
  distances[0] = (float)(to.left / stride);
  distances[1] = (float)(to.top / stride);
  distances[2] = (float)(to.right / stride);
  distances[3] = (float)(to.bottom / stride);
  targets->centreness[place] = (float)sqrt(fmin(to.left, to.right) / fmax(to.left, to.right) * fmin(to.top, to.bottom) /
                                           fmax(to.top, to.bottom));
}

int64_t ss_fcos_assign(const ss_fcos_grid *grid, const ss_true_box *boxes, size_t count, ss_fcos_targets *targets) {
  int64_t place = 0, found = 0;
  for (int i = 0; i < grid->count; i++) {
    const ss_fcos_level *level = &grid->levels[i];
    for (int64_t row = 0; row < level->side; row++) {
      for (int64_t column = 0; column < level->side; column++, place++) {
        const double x = ((double)column + 0.5) * level->stride, y = ((double)row + 0.5) * level->stride;
        const ss_true_box *box = box_of_place(level, x, y, boxes, count);
        set_place(grid, level->stride, box, x, y, place, targets);
        found += box != NULL;
      }
    }
  }
  return found;
}

/* ---- the network ---- */

static ss_tensor *convolution(ss_graph *graph, ss_tensor *x, int channels, int kernel, const char *name) {
  const ss_convolution_options options = {.kernel = {kernel, kernel},
                                          .padding = {kernel / 2, kernel / 2},
                                          .bias = true,
                                          .zero_bias = true,
                                          .initializer = {SS_INIT_NORMAL, 0.01f}};
  return ss_convolution2d(graph, x, channels, &options, name);
}

static ss_tensor *pyramid_convolution(ss_graph *graph, ss_tensor *x, int channels, int kernel, const char *what,
                                      int level) {
  char name[32];
  snprintf(name, sizeof name, "%s%d", what, level);
  const ss_convolution_options options = {
      .kernel = {kernel, kernel}, .padding = {kernel / 2, kernel / 2}, .bias = true, .zero_bias = true};
  return ss_convolution2d(graph, x, channels, &options, name);
}

static ss_tensor *tower(ss_graph *graph, ss_tensor *x, int channels, const char *what) {
  for (int i = 0; i < tower_layers; i++) {
    char name[32];
    snprintf(name, sizeof name, "%s%d", what, i);
    const ss_convolution_options options = {.kernel = {3, 3},
                                            .padding = {1, 1},
                                            .bias = true,
                                            .zero_bias = true,
                                            .initializer = {SS_INIT_KAIMING_NORMAL_FAN_OUT, 1.0f}};
    x = ss_relu(graph, ss_convolution2d(graph, x, channels, &options, name));
  }
  return x;
}

/* (N, side, side, C) -> (N, side^2, C), or (N, side^2) for one channel that is to go. */
static ss_tensor *flat(ss_graph *graph, ss_tensor *x, int64_t side, int64_t channels) {
  x = ss_cast(graph, x, SS_F32);
  return x ? ss_reshape(graph, x,
                        channels > 0 ? ss_shape_of(ss_tensor_dim(x, 0), side * side, channels)
                                     : ss_shape_of(ss_tensor_dim(x, 0), side * side))
           : NULL;
}

ss_fcos_answers ss_fcos_build(ss_graph *graph, const ss_backbone_layers *layers, const ss_fcos_grid *grid,
                              int channels) {
  ss_tensor *pyramid[SS_FCOS_LEVELS] = {NULL}, *logits[SS_FCOS_LEVELS], *distances[SS_FCOS_LEVELS],
            *centreness[SS_FCOS_LEVELS];
  const float prior = -4.59511985f; /* log(0.01 / 0.99): at first no place sees anything (RetinaNet, section 3.3) */
  ss_graph_push_scope(graph, "detector");
  for (int i = grid->count - 1; i >= 0; i--) { /* from the coarsest: each level is told what the one above it knows */
    const int side = (int)grid->levels[i].side;
    pyramid[i] = pyramid_convolution(graph, layers->tensors[grid->levels[i].layer], channels, 1, "lateral", i);
    if (i + 1 < grid->count) {
      pyramid[i] = ss_add(graph, pyramid[i], ss_resize_bilinear(graph, pyramid[i + 1], side, side));
    }
  }
  for (int i = 0; i < grid->count; i++) {
    const int64_t side = grid->levels[i].side;
    ss_tensor *level = pyramid_convolution(graph, pyramid[i], channels, 3, "smooth", i);
    ss_tensor *seen = tower(graph, level, channels, "class_tower");
    ss_tensor *placed = tower(graph, level, channels, "box_tower");
    ss_tensor *classes = convolution(graph, seen, grid->classes, 3, "classes");
    logits[i] = ss_affine(graph, flat(graph, classes, side, grid->classes), 1.0f, prior);
    distances[i] = ss_exp(graph, flat(graph, convolution(graph, placed, 4, 3, "distances"), side, 4));
    centreness[i] = flat(graph, convolution(graph, placed, 1, 3, "centreness"), side, 0);
  }
  ss_graph_pop_scope(graph);
  return (ss_fcos_answers){.logits = ss_concatenate(graph, logits, grid->count, 1),
                           .distances = ss_concatenate(graph, distances, grid->count, 1),
                           .centreness = ss_concatenate(graph, centreness, grid->count, 1)};
}

/* ---- the loss ---- */

/* The sum of w x. */
static ss_tensor *weighted_sum(ss_graph *graph, ss_tensor *x, ss_tensor *weights) {
  ss_tensor *product = weights ? ss_multiply(graph, x, weights) : x;
  if (!product) {
    return NULL;
  }
  const unsigned all = (1u << ss_tensor_rank(product)) - 1u;
  return ss_reshape(graph, ss_reduce_sum(graph, product, all, true), ss_shape_of(1));
}

/* Focal loss (Lin et al., ICCV 2017, equation 5): sum of -alpha_t (1 - p_t)^2 log p_t, where p_t is the probability of
 * what is right: sigmoid(z) for a 1, sigmoid(-z) for a 0. */
static ss_tensor *focal_loss(ss_graph *graph, ss_tensor *logits, ss_tensor *targets) {
  ss_tensor *sign = ss_affine(graph, targets, 2.0f, -1.0f);
  ss_tensor *alpha = ss_affine(graph, targets, -0.5f, 0.75f);
  ss_tensor *p = ss_sigmoid(graph, ss_multiply(graph, sign, logits));
  ss_tensor *log_p = ss_log(graph, ss_affine(graph, p, 1.0f, 1e-30f));
  ss_tensor *modulation = ss_square(graph, ss_affine(graph, p, -1.0f, 1.0f));
  return ss_affine(graph, weighted_sum(graph, ss_multiply(graph, modulation, log_p), alpha), -1.0f, 0.0f);
}

/* The smaller or the larger: (a + b -+ |a - b|) / 2. */
static ss_tensor *extreme(ss_graph *graph, ss_tensor *a, ss_tensor *b, float sign) {
  ss_tensor *apart = ss_affine(graph, ss_abs(graph, ss_subtract(graph, a, b)), sign, 0.0f);
  return ss_affine(graph, ss_add(graph, ss_add(graph, a, b), apart), 0.5f, 0.0f);
}

/* Width times height of boxes given by the distances of their edges from one place, (N, P, 4) -> (N, P, 1). */
static ss_tensor *area_of(ss_graph *graph, ss_tensor *distances) {
  ss_tensor *sides = ss_add(graph, ss_slice(graph, distances, 2, 0, 2), ss_slice(graph, distances, 2, 2, 4));
  return ss_multiply(graph, ss_slice(graph, sides, 2, 0, 1), ss_slice(graph, sides, 2, 1, 2));
}

/* Generalised IoU (Rezatofighi et al., CVPR 2019): sum over the objects of 1 - IoU + (enclosing - union) / enclosing.
 */
static ss_tensor *box_loss(ss_graph *graph, ss_tensor *predicted, ss_tensor *true_distances, ss_tensor *objects) {
  const float epsilon = 1e-7f;
  ss_tensor *overlap = area_of(graph, extreme(graph, predicted, true_distances, -1.0f));
  ss_tensor *enclosing = area_of(graph, extreme(graph, predicted, true_distances, 1.0f));
  ss_tensor *both = ss_add(graph, area_of(graph, predicted), area_of(graph, true_distances));
  ss_tensor *all = ss_subtract(graph, both, overlap);
  ss_tensor *iou = ss_divide(graph, overlap, ss_affine(graph, all, 1.0f, epsilon));
  ss_tensor *empty = ss_divide(graph, ss_subtract(graph, enclosing, all), ss_affine(graph, enclosing, 1.0f, epsilon));
  ss_tensor *loss = ss_affine(graph, ss_subtract(graph, iou, empty), -1.0f, 1.0f);
  return objects ? weighted_sum(graph, ss_reshape(graph, loss, ss_tensor_shape(objects)), objects) : NULL;
}

ss_tensor *ss_fcos_loss(ss_graph *graph, const ss_fcos_answers *answers, const ss_fcos_truth *truth) {
  if (!answers->centreness || !truth->objects) {
    return NULL;
  }
  const float places = (float)ss_shape_count(ss_tensor_shape(answers->centreness));
  ss_tensor *classes = focal_loss(graph, answers->logits, truth->classes);
  ss_tensor *boxes = box_loss(graph, answers->distances, truth->distances, truth->objects);
  ss_tensor *mean = ss_binary_cross_entropy(graph, answers->centreness, truth->centreness, truth->objects);
  ss_tensor *sum = ss_add(graph, ss_add(graph, classes, boxes), ss_affine(graph, mean, places, 0.0f));
  return ss_multiply(graph, sum, truth->per_object);
}

/* ---- what it found ---- */

static float probability(float logit) {
  return 1.0f / (1.0f + expf(-logit));
}

/* Adds a candidate of a level, the least sure of which goes when there are too many: `from` is where the level's begin.
 */
static size_t add_candidate(ss_found_box *found, size_t from, size_t count, const ss_found_box *box) {
  if (count - from < most_candidates) {
    found[count] = *box;
    return count + 1;
  }
  size_t least = from;
  for (size_t i = from + 1; i < count; i++) {
    least = found[i].score < found[least].score ? i : least;
  }
  if (box->score > found[least].score) {
    found[least] = *box;
  }
  return count;
}

static ss_bounding_box box_at(const ss_fcos_grid *grid, const ss_fcos_level *level, int64_t row, int64_t column,
                              const float *distances) {
  const double x = ((double)column + 0.5) * level->stride, y = ((double)row + 0.5) * level->stride;
  const double size = grid->size;
  return (ss_bounding_box){.left = (float)fmin(fmax(x - distances[0] * level->stride, 0.0), size),
                           .top = (float)fmin(fmax(y - distances[1] * level->stride, 0.0), size),
                           .right = (float)fmin(fmax(x + distances[2] * level->stride, 0.0), size),
                           .bottom = (float)fmin(fmax(y + distances[3] * level->stride, 0.0), size)};
}

void ss_fcos_decode(const ss_fcos_grid *grid, const float *logits, const float *distances, const float *centreness,
                    int32_t picture, ss_found_box *found, size_t *count) {
  int64_t place = 0;
  size_t filled = 0;
  for (int i = 0; i < grid->count; i++) {
    const ss_fcos_level *level = &grid->levels[i];
    const size_t from = filled;
    for (int64_t k = 0; k < level->side * level->side; k++, place++) {
      const float central = probability(centreness[place]);
      for (int label = 0; label < grid->classes; label++) {
        const float score = sqrtf(probability(logits[place * grid->classes + label]) * central);
        if (score > least_score) {
          const ss_found_box box = {
              .picture = picture,
              .label = label,
              .score = score,
              .box = box_at(grid, level, k / level->side, k % level->side, distances + 4 * place)};
          filled = add_candidate(found, from, filled, &box);
        }
      }
    }
  }
  *count = ss_non_maximum_suppression(found, filled, most_iou, SS_FCOS_MOST_FOUND);
}
