#include "engine/loss.h"

#include "engine/cpu/elements.h"
#include "engine/kernel.h"

#include <math.h>

static int64_t least(int64_t a, int64_t b) {
  return a < b ? a : b;
}

/* ---- CROSS_ENTROPY ---- */

enum { LANES = 16 };

SS_MULTIVERSION static float largest_of(const float *x, int64_t count) {
  float lanes[LANES];
  for (int k = 0; k < LANES; k++) {
    lanes[k] = -INFINITY;
  }
  int64_t i = 0;
  for (; i + LANES <= count; i += LANES) {
    for (int k = 0; k < LANES; k++) {
      lanes[k] = x[i + k] > lanes[k] ? x[i + k] : lanes[k];
    }
  }
  for (; i < count; i++) {
    lanes[0] = x[i] > lanes[0] ? x[i] : lanes[0];
  }
  for (int k = 1; k < LANES; k++) {
    lanes[0] = lanes[k] > lanes[0] ? lanes[k] : lanes[0];
  }
  return lanes[0];
}

SS_MULTIVERSION static float sum_of_exponentials(const float *x, int64_t count, float largest) {
  float sum = 0.0f;
#pragma omp simd reduction(+ : sum)
  for (int64_t i = 0; i < count; i++) {
    sum += ss_element_exp(x[i] - largest);
  }
  return sum;
}

/* A row's largest logit m and log of the sum of e^(logit - m). */
typedef struct normalizer {
  float largest, log_sum;
} normalizer;

/* out = sum of the targets x softmax - target, all x scale. */
SS_MULTIVERSION static void softmax_minus(const float *x, const float *targets, int64_t count, normalizer n,
                                          float target_sum, float scale, float *out) {
#pragma omp simd
  for (int64_t i = 0; i < count; i++) {
    out[i] = scale * (target_sum * ss_element_exp((x[i] - n.largest) - n.log_sum) - targets[i]);
  }
}

SS_MULTIVERSION static void softmax_scaled(const float *x, int64_t count, normalizer n, float scale, float *out) {
#pragma omp simd
  for (int64_t i = 0; i < count; i++) {
    out[i] = scale * ss_element_exp((x[i] - n.largest) - n.log_sum);
  }
}

/* A row's few classes and their shares; count 0: it has one label or a target for every class. */
typedef struct shares {
  const int32_t *labels;
  const float *targets;
  int64_t count;
} shares;

static shares shares_of(const ss_step *step, int64_t row) {
  const int32_t *labels = step->in[SS_CE_LABELS];
  const float *targets = step->in[SS_CE_TARGETS];
  if (!labels || !targets) {
    return (shares){NULL, NULL, 0};
  }
  const int64_t count = step->node->inputs[SS_CE_LABELS]->shape.dims[1];
  return (shares){labels + row * count, targets + row * count, count};
}

static bool is_class(int32_t label, int64_t classes) {
  return label >= 0 && label < classes;
}

static float weight_of(const ss_step *step, int64_t row, int64_t classes) {
  const int32_t *labels = step->in[SS_CE_LABELS];
  const float *weights = step->in[SS_CE_WEIGHTS];
  if (labels && !step->in[SS_CE_TARGETS] && !is_class(labels[row], classes)) {
    return 0.0f;
  }
  return weights ? weights[row] : 1.0f;
}

static double sum_of_weights(const ss_step *step, int64_t rows, int64_t classes) {
  double sum = 0.0;
  for (int64_t row = 0; row < rows; row++) {
    sum += (double)weight_of(step, row, classes);
  }
  return sum;
}

static bool is_without_self(const ss_step *step) {
  return (step->node->attributes.flags & SS_CROSS_ENTROPY_WITHOUT_SELF) != 0;
}

/* Logits [at, at + count) of a row; the row's own is -infinity where it takes no part. */
static const float *logits_of(const ss_step *step, int64_t row, int64_t classes, int64_t at, int64_t count,
                              float *buffer) {
  const float *logits = ss_elements_read(step->in[SS_CE_LOGITS], step->node->inputs[SS_CE_LOGITS]->dtype,
                                         row * classes + at, count, buffer);
  if (is_without_self(step) && row >= at && row < at + count) {
    if (logits != buffer) {
      memcpy(buffer, logits, (size_t)count * sizeof(float));
    }
    buffer[row - at] = -INFINITY;
    return buffer;
  }
  return logits;
}

static normalizer normalizer_of(const ss_step *step, int64_t row, int64_t classes) {
  float buffer[SS_BLOCK];
  float largest = -INFINITY;
  for (int64_t at = 0; at < classes; at += SS_BLOCK) {
    const int64_t count = least(SS_BLOCK, classes - at);
    const float here = largest_of(logits_of(step, row, classes, at, count, buffer), count);
    largest = here > largest ? here : largest;
  }
  double sum = 0.0;
  for (int64_t at = 0; at < classes; at += SS_BLOCK) {
    const int64_t count = least(SS_BLOCK, classes - at);
    sum += (double)sum_of_exponentials(logits_of(step, row, classes, at, count, buffer), count, largest);
  }
  return (normalizer){largest, (float)log(sum)};
}

/* -log softmax of a logit. */
static double surprise(normalizer n, float logit) {
  return ((double)n.largest - (double)logit) + (double)n.log_sum;
}

/* sum over k of target x -log softmax. */
static double loss_of_row(const ss_step *step, int64_t row, int64_t classes, normalizer n) {
  float buffers[2][SS_BLOCK];
  const int32_t *labels = step->in[SS_CE_LABELS];
  if (labels && step->in[SS_CE_TARGETS]) {
    const shares few = shares_of(step, row);
    double sum = 0.0;
    for (int64_t i = 0; i < few.count; i++) {
      if (is_class(few.labels[i], classes) && few.targets[i] != 0.0f) {
        sum += (double)few.targets[i] * surprise(n, *logits_of(step, row, classes, few.labels[i], 1, buffers[0]));
      }
    }
    return sum;
  }
  if (labels) {
    return surprise(n, *logits_of(step, row, classes, labels[row], 1, buffers[0]));
  }
  double sum = 0.0;
  for (int64_t at = 0; at < classes; at += SS_BLOCK) {
    const int64_t count = least(SS_BLOCK, classes - at);
    const float *logits = logits_of(step, row, classes, at, count, buffers[0]);
    const float *targets = ss_elements_read(step->in[SS_CE_TARGETS], step->node->inputs[SS_CE_TARGETS]->dtype,
                                            row * classes + at, count, buffers[1]);
    for (int64_t i = 0; i < count; i++) {
      sum += targets[i] != 0.0f ? (double)targets[i] * surprise(n, logits[i]) : 0.0;
    }
  }
  return sum;
}

static ss_status prepare_cross_entropy(ss_step *step, ss_error *error) {
  (void)error;
  step->scratch_bytes = (size_t)step->node->inputs[SS_CE_LOGITS]->shape.dims[0] * sizeof(double);
  return SS_OK;
}

static ss_status run_cross_entropy(const ss_step *step) {
  const ss_shape *shape = &step->node->inputs[SS_CE_LOGITS]->shape;
  const int64_t rows = shape->dims[0], classes = shape->dims[1];
  double *losses = step->scratch;
  normalizer *normalizers = step->out[1]; /* (N, 2) */
#pragma omp parallel for schedule(static) num_threads(step->threads) if (rows * classes > SS_CHUNK)
  for (int64_t row = 0; row < rows; row++) {
    const float weight = weight_of(step, row, classes);
    normalizers[row] = weight != 0.0f ? normalizer_of(step, row, classes) : (normalizer){0.0f, 0.0f};
    losses[row] = weight != 0.0f ? (double)weight * loss_of_row(step, row, classes, normalizers[row]) : 0.0;
  }
  double sum = 0.0;
  for (int64_t row = 0; row < rows; row++) {
    sum += losses[row];
  }
  const double weights = sum_of_weights(step, rows, classes);
  ((float *)step->out[0])[0] = weights != 0.0 ? (float)(sum / weights) : 0.0f;
  return SS_OK;
}

static const ss_way cross_entropy_ways[] = {{"loops", NULL, prepare_cross_entropy, run_cross_entropy, NULL}};
const ss_kernel ss_cpu_cross_entropy = {cross_entropy_ways, 1};

static double sum_of_targets(const ss_step *step, int64_t row, int64_t classes) {
  float buffer[SS_BLOCK];
  double sum = 0.0;
  if (step->in[SS_CE_LABELS]) {
    const shares few = shares_of(step, row);
    for (int64_t i = 0; i < few.count; i++) {
      sum += is_class(few.labels[i], classes) ? (double)few.targets[i] : 0.0;
    }
    return sum;
  }
  for (int64_t at = 0; at < classes; at += SS_BLOCK) {
    const int64_t count = least(SS_BLOCK, classes - at);
    const float *targets = ss_elements_read(step->in[SS_CE_TARGETS], step->node->inputs[SS_CE_TARGETS]->dtype,
                                            row * classes + at, count, buffer);
    for (int64_t i = 0; i < count; i++) {
      sum += (double)targets[i];
    }
  }
  return sum;
}

static void logits_gradient(const ss_step *step, int64_t row, int64_t classes, normalizer n, float scale) {
  const ss_dtype dtype = step->node->outputs[0]->dtype;
  const int32_t *labels = step->in[SS_CE_LABELS];
  const float target_sum = step->in[SS_CE_TARGETS] ? (float)sum_of_targets(step, row, classes) : 1.0f;
  const shares few = shares_of(step, row);
  float buffers[3][SS_BLOCK];
  for (int64_t at = 0; at < classes; at += SS_BLOCK) {
    const int64_t count = least(SS_BLOCK, classes - at);
    float *out = ss_elements_target(step->out[0], dtype, row * classes + at, buffers[2]);
    if (scale == 0.0f) { /* an ignored row's logits may be anything */
      memset(out, 0, (size_t)count * sizeof(float));
    } else if (labels) {
      softmax_scaled(logits_of(step, row, classes, at, count, buffers[0]), count, n, scale * target_sum, out);
      for (int64_t i = 0; i < few.count; i++) {
        if (few.labels[i] >= at && few.labels[i] < at + count) {
          out[few.labels[i] - at] -= scale * few.targets[i];
        }
      }
      if (few.count == 0 && labels[row] >= at && labels[row] < at + count) {
        out[labels[row] - at] -= scale;
      }
    } else {
      const float *targets = ss_elements_read(step->in[SS_CE_TARGETS], step->node->inputs[SS_CE_TARGETS]->dtype,
                                              row * classes + at, count, buffers[1]);
      softmax_minus(logits_of(step, row, classes, at, count, buffers[0]), targets, count, n, target_sum, scale, out);
    }
    ss_elements_write(step->out[0], dtype, row * classes + at, count, out);
  }
}

static void targets_gradient(const ss_step *step, int64_t row, int64_t classes, normalizer n, float scale) {
  for (int64_t k = 0; k < classes; k++) {
    const float logit =
        ss_element_at(step->in[SS_CE_LOGITS], step->node->inputs[SS_CE_LOGITS]->dtype, row * classes + k);
    ss_element_put(step->out[1], step->node->outputs[1]->dtype, row * classes + k,
                   scale == 0.0f ? 0.0f : (float)((double)scale * surprise(n, logit)));
  }
}

static ss_status run_cross_entropy_backward(const ss_step *step) {
  const ss_shape *shape = &step->node->inputs[SS_CE_LOGITS]->shape;
  const int64_t rows = shape->dims[0], classes = shape->dims[1];
  const normalizer *normalizers = step->in[SS_CE_NORMALIZERS];
  const double weights = sum_of_weights(step, rows, classes);
  const double each = weights != 0.0 ? (double)((const float *)step->in[SS_CE_GRADIENT])[0] / weights : 0.0;
#pragma omp parallel for schedule(static) num_threads(step->threads) if (rows * classes > SS_CHUNK)
  for (int64_t row = 0; row < rows; row++) {
    const float scale = (float)(each * (double)weight_of(step, row, classes));
    if (step->out[0]) {
      logits_gradient(step, row, classes, normalizers[row], scale);
    }
    if (step->out[1]) {
      targets_gradient(step, row, classes, normalizers[row], scale);
    }
  }
  return SS_OK;
}

SS_CPU_LOOPS(cross_entropy_backward, run_cross_entropy_backward);

/* ---- ELEMENT_LOSS ---- */

SS_INLINE float element_value(int kind, float p, float t, float alpha) {
  const float d = p - t;
  switch (kind) {
    case SS_LOSS_BINARY_CROSS_ENTROPY:
      return (p > 0.0f ? p : 0.0f) - p * t + log1pf(expf(-fabsf(p)));
    case SS_LOSS_L1:
      return fabsf(d);
    case SS_LOSS_L2:
      return d * d;
    case SS_LOSS_SMOOTH_L1:
      return fabsf(d) < alpha ? 0.5f * d * d / alpha : fabsf(d) - 0.5f * alpha;
    default: /* SS_LOSS_HINGE; a NaN stays one */
      return alpha - t * p < 0.0f ? 0.0f : alpha - t * p;
  }
}

/* The derivative by the prediction, or by the target. */
SS_INLINE float element_slope(int kind, float p, float t, float alpha, bool by_target) {
  const float d = p - t;
  float slope = 0.0f;
  switch (kind) {
    case SS_LOSS_BINARY_CROSS_ENTROPY:
      return by_target ? -p : 1.0f / (1.0f + ss_element_exp(-p)) - t;
    case SS_LOSS_L1:
      slope = d > 0.0f ? 1.0f : (d < 0.0f ? -1.0f : 0.0f);
      break;
    case SS_LOSS_L2:
      slope = 2.0f * d;
      break;
    case SS_LOSS_SMOOTH_L1:
      slope = fabsf(d) < alpha ? d / alpha : (d > 0.0f ? 1.0f : (d < 0.0f ? -1.0f : 0.0f));
      break;
    default: /* SS_LOSS_HINGE */
      return alpha - t * p > 0.0f ? -(by_target ? p : t) : 0.0f;
  }
  return by_target ? -slope : slope;
}

#define SS_FOR_LOSS_KINDS(X)      \
  X(SS_LOSS_BINARY_CROSS_ENTROPY) \
  X(SS_LOSS_L1)                   \
  X(SS_LOSS_L2)                   \
  X(SS_LOSS_SMOOTH_L1)            \
  X(SS_LOSS_HINGE)

SS_MULTIVERSION static void element_values(int kind, const float *p, const float *t, int64_t count, float alpha,
                                           float *out) {
  switch (kind) {
#define SS_X(name)                                     \
  case name:                                           \
    for (int64_t i = 0; i < count; i++) {              \
      out[i] = element_value(name, p[i], t[i], alpha); \
    }                                                  \
    break;
    SS_FOR_LOSS_KINDS(SS_X)
#undef SS_X
  }
}

SS_MULTIVERSION static void element_slopes(int kind, const float *p, const float *t, int64_t count, float alpha,
                                           bool by_target, float *out) {
  switch (kind) {
#define SS_X(name)                                                \
  case name:                                                      \
    for (int64_t i = 0; i < count; i++) {                         \
      out[i] = element_slope(name, p[i], t[i], alpha, by_target); \
    }                                                             \
    break;
    SS_FOR_LOSS_KINDS(SS_X)
#undef SS_X
  }
}

static const float *read_input(const ss_step *step, int input, int64_t at, int64_t count, float *buffer) {
  return ss_elements_read(step->in[input], step->node->inputs[input]->dtype, at, count, buffer);
}

static double sum_of_losses(const ss_step *step, int64_t begin, int64_t end) {
  const ss_attributes *attributes = &step->node->attributes;
  float buffers[3][SS_BLOCK], values[SS_BLOCK] = {0};
  double sum = 0.0;
  for (int64_t at = begin; at < end; at += SS_BLOCK) {
    const int64_t count = least(SS_BLOCK, end - at);
    element_values(attributes->kind, read_input(step, 0, at, count, buffers[0]),
                   read_input(step, 1, at, count, buffers[1]), count, attributes->alpha, values);
    const float *weights = step->in[2] ? read_input(step, 2, at, count, buffers[2]) : NULL;
    for (int64_t i = 0; i < count; i++) {
      sum += (double)values[i] * (weights ? (double)weights[i] : 1.0);
    }
  }
  return sum;
}

static int64_t chunks_of(const ss_step *step) {
  return (ss_shape_count(step->node->inputs[0]->shape) + SS_CHUNK - 1) / SS_CHUNK;
}

static ss_status prepare_element_loss(ss_step *step, ss_error *error) {
  (void)error;
  step->scratch_bytes = (size_t)chunks_of(step) * sizeof(double);
  return SS_OK;
}

static ss_status run_element_loss(const ss_step *step) {
  const int64_t total = ss_shape_count(step->node->inputs[0]->shape), chunks = chunks_of(step);
  double *sums = step->scratch;
#pragma omp parallel for schedule(static) num_threads(step->threads) if (chunks > 1)
  for (int64_t chunk = 0; chunk < chunks; chunk++) {
    sums[chunk] = sum_of_losses(step, chunk * SS_CHUNK, least(total, (chunk + 1) * SS_CHUNK));
  }
  double sum = 0.0;
  for (int64_t chunk = 0; chunk < chunks; chunk++) {
    sum += sums[chunk];
  }
  ((float *)step->out[0])[0] = (float)(sum / (double)total);
  return SS_OK;
}

static const ss_way element_loss_ways[] = {{"loops", NULL, prepare_element_loss, run_element_loss, NULL}};
const ss_kernel ss_cpu_element_loss = {element_loss_ways, 1};

SS_MULTIVERSION static void scale_slopes(float *slopes, float scale, const float *weights, int64_t count) {
  if (!weights) {
#pragma omp simd
    for (int64_t i = 0; i < count; i++) {
      slopes[i] *= scale;
    }
    return;
  }
#pragma omp simd
  for (int64_t i = 0; i < count; i++) {
    slopes[i] *= scale * weights[i];
  }
}

static ss_status run_element_loss_backward(const ss_step *step) {
  const ss_attributes *attributes = &step->node->attributes;
  const int64_t total = ss_shape_count(step->node->inputs[0]->shape);
  const int64_t blocks = (total + SS_BLOCK - 1) / SS_BLOCK;
  const float scale = (float)((double)((const float *)step->in[3])[0] / (double)total);
#pragma omp parallel for schedule(static) num_threads(step->threads) if (total > SS_CHUNK)
  for (int64_t block = 0; block < blocks; block++) {
    const int64_t at = block * SS_BLOCK, count = least(SS_BLOCK, total - at);
    float buffers[3][SS_BLOCK], slopes[SS_BLOCK];
    const float *p = read_input(step, 0, at, count, buffers[0]), *t = read_input(step, 1, at, count, buffers[1]);
    const float *weights = step->in[2] ? read_input(step, 2, at, count, buffers[2]) : NULL;
    for (int output = 0; output < 2; output++) {
      if (step->out[output]) {
        const ss_dtype dtype = step->node->outputs[output]->dtype;
        float *out = ss_elements_target(step->out[output], dtype, at, slopes);
        element_slopes(attributes->kind, p, t, count, attributes->alpha, output == 1, out);
        scale_slopes(out, scale, weights, count);
        ss_elements_write(step->out[output], dtype, at, count, out);
      }
    }
  }
  return SS_OK;
}

SS_CPU_LOOPS(element_loss_backward, run_element_loss_backward);

/* ---- ACCURACY ---- */

static ss_status run_accuracy(const ss_step *step) {
  const ss_tensor *logits = step->node->inputs[0];
  const int32_t *labels = step->in[1];
  const int64_t rows = logits->shape.dims[0], classes = logits->shape.dims[1];
  int64_t correct = 0;
#pragma omp parallel for schedule(static) num_threads(step->threads) reduction(+ : correct) \
    if (rows * classes > SS_CHUNK)
  for (int64_t row = 0; row < rows; row++) {
    if (labels[row] < 0 || labels[row] >= classes) {
      continue;
    }
    const float own = ss_element_at(step->in[0], logits->dtype, row * classes + labels[row]);
    bool is_largest = true;
    for (int64_t k = 0; k < classes && is_largest; k++) { /* the first of equals counts as the largest; a NaN never */
      const float other = ss_element_at(step->in[0], logits->dtype, row * classes + k);
      is_largest = k < labels[row] ? own > other : own >= other;
    }
    correct += is_largest;
  }
  ((float *)step->out[0])[0] = (float)((double)correct / (double)rows);
  return SS_OK;
}

SS_CPU_LOOPS(accuracy, run_accuracy);
