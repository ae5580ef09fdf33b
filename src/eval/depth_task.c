#include "eval/depth_task.h"

#include "base/memory.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

static const float lambda = 0.5f;    /* of equation 4: 0 is the squared error of logarithms, 1 does not see the scale */
static const float most_log = 20.0f; /* of a prediction, either way, so that it is a depth above 0 */

/* The value below which `share` of those that were measured lie. */
static uint32_t quantile(const uint64_t *values, double share) {
  double all = 0.0, below = 0.0;
  for (uint32_t v = SS_MAP_UNKNOWN + 1; v < SS_MAP_VALUES; v++) {
    all += (double)values[v];
  }
  uint32_t last = 0;
  for (uint32_t v = SS_MAP_UNKNOWN + 1; v < SS_MAP_VALUES; v++) {
    last = values[v] ? v : last;
    below += (double)values[v];
    if (below > 0.0 && below >= share * all) {
      break;
    }
  }
  return last;
}

ss_status ss_depth_start(ss_depth *depth, double scale, const uint64_t *train_values, ss_error *error) {
  memset(depth, 0, sizeof *depth);
  const uint32_t median = quantile(train_values, 0.5);
  if (median == SS_MAP_UNKNOWN) {
    return ss_fail(error, SS_FAILED, "no depth was measured anywhere in the training part: every map is 0");
  }
  depth->scale = scale;
  depth->middle = (float)(median / scale);
  depth->log_middle = logf(depth->middle);
  depth->nearest = (float)(quantile(train_values, 0.02) / scale);
  depth->farthest = (float)(quantile(train_values, 0.98) / scale);
  return SS_OK;
}

void ss_depth_free(ss_depth *depth) {
  free(depth->truth);
  free(depth->predicted);
  memset(depth, 0, sizeof *depth);
}

/* log y*, y* in metres. */
static bool target_of(const void *context, uint16_t value, float zoom, ss_dense_target *target) {
  const ss_depth *own = context;
  const bool known = value != SS_MAP_UNKNOWN;
  target->number = known ? logf((float)(value / own->scale) / zoom) : 0.0f;
  return known;
}

/* Equation 4: 1/n sum d^2 - lambda / n^2 (sum d)^2 with d = log y - log y*, of each picture over its n known pixels,
 * whose weights are 1/n; the mean over pictures. */
static ss_tensor *loss_of(const void *context, ss_graph *graph, ss_tensor *outputs, ss_tensor *targets,
                          ss_tensor *weights) {
  (void)context;
  const int64_t batch = ss_tensor_dim(targets, 0);
  const ss_shape flat = ss_shape_of(batch, -1);
  ss_tensor *d = ss_subtract(graph, ss_reshape(graph, outputs, flat), ss_reshape(graph, targets, flat));
  ss_tensor *w = ss_reshape(graph, weights, flat);
  ss_tensor *squares = ss_reduce_sum(graph, ss_multiply(graph, w, ss_square(graph, d)), 1u << 1, false);
  ss_tensor *mean = ss_reduce_sum(graph, ss_multiply(graph, w, d), 1u << 1, false);
  ss_tensor *each = ss_subtract(graph, squares, ss_affine(graph, ss_square(graph, mean), lambda, 0.0f));
  return ss_reduce_mean(graph, each, 1u << 0, true);
}

static float depth_of(float output) {
  return expf(fminf(fmaxf(output, -most_log), most_log));
}

static ss_status measure(void *context, const float *outputs, const ss_map *truth, ss_error *error) {
  ss_depth *own = context;
  const size_t count = (size_t)truth->width * (size_t)truth->height;
  if (own->capacity < count) {
    free(own->truth);
    free(own->predicted);
    own->predicted = NULL;
    own->capacity = 0;
    SS_TRY(ss_alloc((void **)&own->truth, count, sizeof(float), "the depths of pixels", error));
    SS_TRY(ss_alloc((void **)&own->predicted, count, sizeof(float), "the depths of pixels", error));
    own->capacity = count;
  }
  for (size_t i = 0; i < count; i++) {
    own->truth[i] = (float)(truth->values[i] / own->scale);
    own->predicted[i] = depth_of(outputs[i]);
  }
  ss_depth_add(&own->sums, own->truth, own->predicted, (int64_t)count);
  return SS_OK;
}

/* From near (yellow) over green to far (dark blue), evenly in the logarithm: a few colours of matplotlib's viridis. */
static void colour_of(float position, uint8_t colour[3]) {
  static const uint8_t stops[5][3] = {{253, 231, 37}, {94, 201, 98}, {33, 145, 140}, {59, 82, 139}, {68, 1, 84}};
  const float place = fminf(fmaxf(position, 0.0f), 1.0f) * 4.0f;
  const int stop = place < 4.0f ? (int)place : 3;
  const float share = place - (float)stop;
  for (int c = 0; c < 3; c++) {
    colour[c] = (uint8_t)lrintf((1.0f - share) * (float)stops[stop][c] + share * (float)stops[stop + 1][c]);
  }
}

/* Black where nothing was measured. */
static ss_status draw(const void *context, const float *outputs, const ss_map *truth, ss_image *picture,
                      ss_error *error) {
  const ss_depth *own = context;
  SS_TRY(ss_image_resize_buffer(picture, truth->width, truth->height, 3, error));
  const size_t count = (size_t)truth->width * (size_t)truth->height;
  const float near = logf(own->nearest), far = fmaxf(logf(own->farthest), near + 1e-3f);
  for (size_t i = 0; i < count; i++) {
    memset(picture->pixels + 3 * i, 0, 3);
    if (outputs || truth->values[i] != SS_MAP_UNKNOWN) {
      const float log_depth = outputs ? outputs[i] : logf((float)(truth->values[i] / own->scale));
      colour_of((log_depth - near) / (far - near), picture->pixels + 3 * i);
    }
  }
  return SS_OK;
}

ss_dense_task ss_depth_task(ss_depth *depth) {
  return (ss_dense_task){.outputs = 1,
                         .start = &depth->log_middle,
                         .target_type = SS_F32,
                         .target = target_of,
                         .loss = loss_of,
                         .measure = measure,
                         .draw = draw,
                         .context = depth};
}

ss_depth_metrics ss_depth_take(ss_depth *depth) {
  const ss_depth_metrics metrics = ss_depth_measure(&depth->sums);
  memset(&depth->sums, 0, sizeof depth->sums);
  return metrics;
}

ss_depth_metrics ss_depth_constant(const ss_depth *depth, const uint64_t *test_values) {
  ss_depth_sums all = {0};
  for (uint32_t v = SS_MAP_UNKNOWN + 1; v < SS_MAP_VALUES; v++) {
    if (test_values[v] == 0) {
      continue;
    }
    const float truth = (float)(v / depth->scale);
    const double times = (double)test_values[v];
    ss_depth_sums one = {0};
    ss_depth_add(&one, &truth, &depth->middle, 1);
    all.count += (int64_t)test_values[v];
    all.relative += times * one.relative;
    all.square += times * one.square;
    all.log10 += times * one.log10;
    all.square_log += times * one.square_log;
    for (int k = 0; k < 3; k++) {
      all.within[k] += (int64_t)test_values[v] * one.within[k];
    }
  }
  ss_depth_metrics metrics = ss_depth_measure(&all);
  metrics.scale_invariant = NAN;
  return metrics;
}
