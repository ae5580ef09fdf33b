/* GRU and its backward pass: time after time, one matrix product for all samples and then the gates, a sample at a
 * time. Every array is (N, T, ...), so that the rows of one time lie a whole sample apart. */
#include "base/memory.h"
#include "engine/cpu/elements.h"
#include "engine/cpu/onednn.h"
#include "engine/kernel.h"

#include <stdlib.h>

typedef struct gru_sizes {
  int64_t samples, times, hidden;
} gru_sizes;

/* The first input of the backward pass and the first output forward are (N, T, H). */
static gru_sizes sizes_of(const ss_step *step) {
  const ss_node *node = step->node;
  const ss_shape *shape = node->operation == SS_OP_GRU ? &node->outputs[0]->shape : &node->inputs[0]->shape;
  return (gru_sizes){shape->dims[0], shape->dims[1], shape->dims[2]};
}

/* ---- the product of one time ---- */

/* y (N, O) = x (N, K) times the weight (3H, H), transposed or not, plus a bias; the rows of x lie `stride` apart. */
typedef struct time_product {
  int64_t samples, depth, outputs, stride;
  int64_t weight_row, weight_column; /* the weight's strides along depth and outputs */
  ss_onednn *onednn;                 /* NULL: loops */
} time_product;

static ss_onednn_operand operand(int64_t rows, int64_t columns, int64_t row_stride, int64_t column_stride) {
  return (ss_onednn_operand){
      .rank = 2, .dims = {rows, columns}, .strides = {row_stride, column_stride}, .dtype = SS_F32, .inside = SS_F32};
}

static ss_status prepare_product(ss_step *step, time_product plan, bool bias, ss_error *error) {
  time_product *product = NULL;
  SS_TRY(ss_alloc((void **)&product, 1, sizeof *product, "a GRU's product", error));
  *product = plan;
  step->state = product;
  const ss_onednn_problem problem = {.kind = SS_ONEDNN_MATMUL,
                                     .a = operand(plan.samples, plan.depth, plan.stride, 1),
                                     .b = operand(plan.depth, plan.outputs, plan.weight_row, plan.weight_column),
                                     .c = operand(plan.samples, plan.outputs, plan.outputs, 1),
                                     .bias = bias,
                                     .scale = 1.0f};
  const size_t bytes = ((size_t)(plan.samples * plan.outputs) * sizeof(float) + 63) / 64 * 64;
  if (ss_onednn_supports(&problem)) {
    SS_TRY(ss_onednn_new(&product->onednn, &problem, step->threads, error));
  }
  step->scratch_bytes = bytes + (product->onednn ? ss_onednn_scratch_bytes(product->onednn) : 0);
  return SS_OK;
}

static void release_product(ss_step *step) {
  time_product *product = step->state;
  if (product) {
    ss_onednn_free(product->onednn);
    free(product);
  }
  step->state = NULL;
}

/* Into the beginning of the scratch. */
static ss_status multiply(const ss_step *step, const float *x, const float *weight, const float *bias) {
  const time_product *p = step->state;
  float *y = step->scratch;
  if (p->onednn) {
    const size_t bytes = ((size_t)(p->samples * p->outputs) * sizeof(float) + 63) / 64 * 64;
    return ss_onednn_run(p->onednn, x, weight, bias, y, (char *)step->scratch + bytes);
  }
  for (int64_t i = 0; i < p->samples * p->outputs; i++) {
    const float *row = x + i / p->outputs * p->stride, *column = weight + i % p->outputs * p->weight_column;
    double sum = bias ? (double)bias[i % p->outputs] : 0.0;
    for (int64_t k = 0; k < p->depth; k++) {
      sum += (double)row[k] * (double)column[k * p->weight_row];
    }
    y[i] = (float)sum;
  }
  return SS_OK;
}

/* ---- forward ---- */

SS_INLINE float sigmoid(float x) {
  return 1.0f / (1.0f + ss_element_exp(-x));
}

SS_INLINE float hyperbolic_tangent(float x) {
  return 1.0f - 2.0f / (1.0f + ss_element_exp(2.0f * x));
}

/* One sample at one time: a and b (3H), the state before (H; NULL: zeros) -> the state (H) and gates (4H). */
SS_MULTIVERSION static void advance(const float *a, const float *b, const float *before, int64_t hidden, float *h,
                                    float *gates) {
#pragma omp simd
  for (int64_t i = 0; i < hidden; i++) {
    const float r = sigmoid(a[i] + b[i]), z = sigmoid(a[hidden + i] + b[hidden + i]);
    const float n = hyperbolic_tangent(a[2 * hidden + i] + r * b[2 * hidden + i]);
    h[i] = n + z * ((before ? before[i] : 0.0f) - n);
    gates[i] = r;
    gates[hidden + i] = z;
    gates[2 * hidden + i] = n;
    gates[3 * hidden + i] = b[2 * hidden + i];
  }
}

static ss_status prepare_gru(ss_step *step, ss_error *error) {
  const gru_sizes s = sizes_of(step);
  const time_product plan = {.samples = s.samples,
                             .depth = s.hidden,
                             .outputs = 3 * s.hidden,
                             .stride = s.times * s.hidden,
                             .weight_row = 1,
                             .weight_column = s.hidden};
  return prepare_product(step, plan, true, error);
}

static ss_status run_gru(const ss_step *step) {
  const gru_sizes s = sizes_of(step);
  const float *a = step->in[0], *weight = step->in[1], *bias = step->in[2], *product = step->scratch;
  float *h = step->out[0], *gates = step->out[1];
  for (int64_t t = 0; t < s.times; t++) {
    if (t > 0) {
      SS_TRY(multiply(step, h + (t - 1) * s.hidden, weight, bias));
    }
#pragma omp parallel for schedule(static) num_threads(step->threads) if (s.samples * s.hidden > SS_CHUNK)
    for (int64_t n = 0; n < s.samples; n++) {
      const int64_t at = n * s.times + t;
      advance(a + at * 3 * s.hidden, t > 0 ? product + n * 3 * s.hidden : bias, t > 0 ? h + (at - 1) * s.hidden : NULL,
              s.hidden, h + at * s.hidden, gates + at * 4 * s.hidden);
    }
  }
  return SS_OK;
}

/* ---- backward ---- */

/* One sample at one time. dh is what the output's gradient and the later times say of the state; from it da and db (3H)
 * and, in `carry`, what goes to the state before by way of z alone. */
SS_MULTIVERSION static void retreat(const float *dy, const float *later, const float *gates, const float *before,
                                    int64_t hidden, float *carry, float *da, float *db) {
#pragma omp simd
  for (int64_t i = 0; i < hidden; i++) {
    const float r = gates[i], z = gates[hidden + i], n = gates[2 * hidden + i];
    const float dh = dy[i] + (later ? later[i] + carry[i] : 0.0f);
    const float dn = dh * (1.0f - z) * (1.0f - n * n);
    const float dz = dh * ((before ? before[i] : 0.0f) - n) * z * (1.0f - z);
    const float dr = dn * gates[3 * hidden + i] * r * (1.0f - r);
    carry[i] = dh * z;
    da[i] = db[i] = dr;
    da[hidden + i] = db[hidden + i] = dz;
    da[2 * hidden + i] = dn;
    db[2 * hidden + i] = dn * r;
  }
}

static size_t carry_place(const ss_step *step) {
  const gru_sizes s = sizes_of(step);
  return step->scratch_bytes - ((size_t)(s.samples * s.hidden) * sizeof(float) + 63) / 64 * 64;
}

static ss_status prepare_gru_backward(ss_step *step, ss_error *error) {
  const gru_sizes s = sizes_of(step);
  const time_product plan = {.samples = s.samples,
                             .depth = 3 * s.hidden,
                             .outputs = s.hidden,
                             .stride = s.times * 3 * s.hidden,
                             .weight_row = s.hidden,
                             .weight_column = 1};
  SS_TRY(prepare_product(step, plan, false, error));
  step->scratch_bytes =
      (step->scratch_bytes + 63) / 64 * 64 + ((size_t)(s.samples * s.hidden) * sizeof(float) + 63) / 64 * 64;
  return SS_OK;
}

static ss_status run_gru_backward(const ss_step *step) {
  const gru_sizes s = sizes_of(step);
  const float *dy = step->in[0], *h = step->in[1], *gates = step->in[2], *weight = step->in[3];
  const float *product = step->scratch;
  float *carry = (float *)((char *)step->scratch + carry_place(step)), *da = step->out[0], *db = step->out[1];
  for (int64_t t = s.times - 1; t >= 0; t--) {
    const bool last = t == s.times - 1;
    if (!last) {
      SS_TRY(multiply(step, db + (t + 1) * 3 * s.hidden, weight, NULL));
    }
#pragma omp parallel for schedule(static) num_threads(step->threads) if (s.samples * s.hidden > SS_CHUNK)
    for (int64_t n = 0; n < s.samples; n++) {
      const int64_t at = n * s.times + t;
      retreat(dy + at * s.hidden, last ? NULL : product + n * s.hidden, gates + at * 4 * s.hidden,
              t > 0 ? h + (at - 1) * s.hidden : NULL, s.hidden, carry + n * s.hidden, da + at * 3 * s.hidden,
              db + at * 3 * s.hidden);
    }
  }
  return SS_OK;
}

static const ss_way gru_ways[] = {{"times", NULL, prepare_gru, run_gru, release_product}};
const ss_kernel ss_cpu_gru = {gru_ways, 1};
static const ss_way gru_backward_ways[] = {{"times", NULL, prepare_gru_backward, run_gru_backward, release_product}};
const ss_kernel ss_cpu_gru_backward = {gru_backward_ways, 1};
