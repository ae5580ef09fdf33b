#include "engine/elementwise.h"

#include "engine/cpu/elements.h"
#include "engine/elementwise_formulas.h"
#include "engine/kernel.h"
#include "engine/walk.h"

#include <math.h>

/* ---- UNARY ---- */

SS_INLINE float unary_value(int kind, float x, float alpha, float beta) {
  switch (kind) {
    case SS_UNARY_RELU:
      return x < 0.0f ? 0.0f : x; /* a NaN stays one */
    case SS_UNARY_LEAKY_RELU:
      return x < 0.0f ? alpha * x : x;
    case SS_UNARY_SIGMOID:
      return 1.0f / (1.0f + ss_element_exp(-x));
    case SS_UNARY_TANH:
      return tanhf(x);
    case SS_UNARY_EXP:
      return ss_element_exp(x);
    case SS_UNARY_LOG:
      return logf(x);
    case SS_UNARY_SQRT:
      return sqrtf(x);
    case SS_UNARY_SQUARE:
      return x * x;
    case SS_UNARY_ABS:
      return fabsf(x);
    default: /* SS_UNARY_AFFINE */
      return alpha * x + beta;
  }
}

/* in and out may be the same memory: every loop here reads an element before it writes it. */
SS_INLINE void unary_loop(int kind, const float *in, float *out, int64_t count, float alpha, float beta) {
#pragma omp simd
  for (int64_t i = 0; i < count; i++) {
    out[i] = unary_value(kind, in[i], alpha, beta);
  }
}

/* For functions of the C library, which make no vectors. */
SS_INLINE void library_loop(int kind, const float *in, float *out, int64_t count) {
  for (int64_t i = 0; i < count; i++) {
    out[i] = unary_value(kind, in[i], 0.0f, 0.0f);
  }
}

SS_INLINE void slope_loop(int kind, const float *gradient, const float *v, float *out, int64_t count, float alpha) {
#pragma omp simd
  for (int64_t i = 0; i < count; i++) {
    out[i] = ss_unary_slope(kind, gradient[i], v[i], alpha);
  }
}

#define SS_FOR_VECTOR_KINDS(X) \
  X(SS_UNARY_RELU)             \
  X(SS_UNARY_LEAKY_RELU)       \
  X(SS_UNARY_SIGMOID)          \
  X(SS_UNARY_EXP)              \
  X(SS_UNARY_SQRT)             \
  X(SS_UNARY_SQUARE)           \
  X(SS_UNARY_ABS)              \
  X(SS_UNARY_AFFINE)

/* A loop of its own for each kind. */
SS_MULTIVERSION static void unary_block(int kind, const float *in, float *out, int64_t count, float alpha, float beta) {
  switch (kind) {
#define SS_X(name)                                 \
  case name:                                       \
    unary_loop(name, in, out, count, alpha, beta); \
    break;
    SS_FOR_VECTOR_KINDS(SS_X)
#undef SS_X
    case SS_UNARY_TANH:
      library_loop(SS_UNARY_TANH, in, out, count);
      break;
    case SS_UNARY_LOG:
      library_loop(SS_UNARY_LOG, in, out, count);
      break;
  }
}

SS_MULTIVERSION static void slope_block(int kind, const float *gradient, const float *v, float *out, int64_t count,
                                        float alpha) {
  switch (kind) {
#define SS_X(name)                                    \
  case name:                                          \
    slope_loop(name, gradient, v, out, count, alpha); \
    break;
    SS_FOR_VECTOR_KINDS(SS_X)
    SS_X(SS_UNARY_TANH)
    SS_X(SS_UNARY_LOG)
#undef SS_X
  }
}

SS_MULTIVERSION static void relu_bf16(const ss_bf16 *in, ss_bf16 *out, int64_t count) {
#pragma omp simd
  for (int64_t i = 0; i < count; i++) {
    out[i] = ss_bf16_to_float(in[i]) < 0.0f ? 0 : in[i];
  }
}

SS_MULTIVERSION static void relu_slope_bf16(const ss_bf16 *gradient, const ss_bf16 *y, ss_bf16 *out, int64_t count) {
#pragma omp simd
  for (int64_t i = 0; i < count; i++) {
    out[i] = ss_bf16_to_float(y[i]) > 0.0f ? gradient[i] : 0;
  }
}

static int64_t chunks_of(int64_t count) {
  return (count + SS_CHUNK - 1) / SS_CHUNK;
}

static int64_t least(int64_t a, int64_t b) {
  return a < b ? a : b;
}

static void unary_chunk(const ss_step *step, int64_t begin, int64_t end) {
  const ss_attributes *attributes = &step->node->attributes;
  const ss_dtype dtype = step->node->outputs[0]->dtype;
  if (dtype == SS_BF16 && attributes->kind == SS_UNARY_RELU) {
    relu_bf16((const ss_bf16 *)step->in[0] + begin, (ss_bf16 *)step->out[0] + begin, end - begin);
    return;
  }
  float buffer[SS_BLOCK];
  for (int64_t at = begin; at < end; at += SS_BLOCK) {
    const int64_t count = least(SS_BLOCK, end - at);
    float *out = ss_elements_target(step->out[0], dtype, at, buffer);
    unary_block(attributes->kind, ss_elements_read(step->in[0], dtype, at, count, buffer), out, count,
                attributes->alpha, attributes->beta);
    ss_elements_write(step->out[0], dtype, at, count, out);
  }
}

static ss_status run_unary(const ss_step *step) {
  const int64_t count = ss_shape_count(step->node->outputs[0]->shape);
  const int64_t chunks = chunks_of(count);
#pragma omp parallel for schedule(static) num_threads(step->threads) if (chunks > 1)
  for (int64_t chunk = 0; chunk < chunks; chunk++) {
    unary_chunk(step, chunk * SS_CHUNK, least(count, (chunk + 1) * SS_CHUNK));
  }
  return SS_OK;
}

static void slope_chunk(const ss_step *step, int64_t begin, int64_t end) {
  const ss_attributes *attributes = &step->node->attributes;
  const ss_dtype dtype = step->node->outputs[0]->dtype;
  if (dtype == SS_BF16 && attributes->kind == SS_UNARY_RELU) {
    relu_slope_bf16((const ss_bf16 *)step->in[0] + begin, (const ss_bf16 *)step->in[1] + begin,
                    (ss_bf16 *)step->out[0] + begin, end - begin);
    return;
  }
  float buffers[2][SS_BLOCK];
  for (int64_t at = begin; at < end; at += SS_BLOCK) {
    const int64_t count = least(SS_BLOCK, end - at);
    float *out = ss_elements_target(step->out[0], dtype, at, buffers[0]);
    slope_block(attributes->kind, ss_elements_read(step->in[0], dtype, at, count, buffers[0]),
                ss_elements_read(step->in[1], dtype, at, count, buffers[1]), out, count, attributes->alpha);
    ss_elements_write(step->out[0], dtype, at, count, out);
  }
}

static ss_status run_unary_backward(const ss_step *step) {
  const int64_t count = ss_shape_count(step->node->outputs[0]->shape);
  const int64_t chunks = chunks_of(count);
#pragma omp parallel for schedule(static) num_threads(step->threads) if (chunks > 1)
  for (int64_t chunk = 0; chunk < chunks; chunk++) {
    slope_chunk(step, chunk * SS_CHUNK, least(count, (chunk + 1) * SS_CHUNK));
  }
  return SS_OK;
}

SS_CPU_LOOPS(unary, run_unary);
SS_CPU_LOOPS(unary_backward, run_unary_backward);

/* ---- BINARY ---- */

SS_INLINE void binary_loop(int kind, const float *a, const float *b, float *out, int64_t count) {
#pragma omp simd
  for (int64_t i = 0; i < count; i++) {
    out[i] = ss_binary_value(kind, a[i], b[i]);
  }
}

SS_INLINE void binary_loop_bf16(int kind, const ss_bf16 *a, const ss_bf16 *b, ss_bf16 *out, int64_t count) {
#pragma omp simd
  for (int64_t i = 0; i < count; i++) {
    out[i] = ss_element_narrow(ss_binary_value(kind, ss_bf16_to_float(a[i]), ss_bf16_to_float(b[i])));
  }
}

#define SS_FOR_BINARY_KINDS(X) \
  X(SS_BINARY_ADD)             \
  X(SS_BINARY_SUBTRACT)        \
  X(SS_BINARY_MULTIPLY)        \
  X(SS_BINARY_DIVIDE)

SS_MULTIVERSION static void binary_block(int kind, const float *a, const float *b, float *out, int64_t count) {
  switch (kind) {
#define SS_X(name)                       \
  case name:                             \
    binary_loop(name, a, b, out, count); \
    break;
    SS_FOR_BINARY_KINDS(SS_X)
#undef SS_X
  }
}

SS_MULTIVERSION static void binary_block_bf16(int kind, const ss_bf16 *a, const ss_bf16 *b, ss_bf16 *out,
                                              int64_t count) {
  switch (kind) {
#define SS_X(name)                            \
  case name:                                  \
    binary_loop_bf16(name, a, b, out, count); \
    break;
    SS_FOR_BINARY_KINDS(SS_X)
#undef SS_X
  }
}

/* An operand along a row: elements at, at + stride, ... */
typedef struct operand {
  const void *data;
  ss_dtype dtype;
  int64_t at, stride;
} operand;

static const float *read_operand(const operand *x, int64_t skip, int64_t count, float *buffer) {
  return ss_elements_read_strided(x->data, x->dtype, x->at + skip * x->stride, x->stride, count, buffer);
}

static void binary_row(int kind, const operand *a, const operand *b, void *out, ss_dtype dtype, int64_t at,
                       int64_t count) {
  if (dtype == SS_BF16 && a->stride == 1 && b->stride == 1) { /* the result is bf16 only if both are */
    binary_block_bf16(kind, (const ss_bf16 *)a->data + a->at, (const ss_bf16 *)b->data + b->at, (ss_bf16 *)out + at,
                      count);
    return;
  }
  float buffers[3][SS_BLOCK];
  for (int64_t done = 0; done < count; done += SS_BLOCK) {
    const int64_t length = least(SS_BLOCK, count - done);
    float *target = ss_elements_target(out, dtype, at + done, buffers[2]);
    binary_block(kind, read_operand(a, done, length, buffers[0]), read_operand(b, done, length, buffers[1]), target,
                 length);
    ss_elements_write(out, dtype, at + done, length, target);
  }
}

static ss_status run_binary(const ss_step *step) {
  const ss_node *node = step->node;
  const ss_tensor *a = node->inputs[0], *b = node->inputs[1], *y = node->outputs[0];
  const ss_walk walk = ss_walk_make(ss_extent_of(y), (const ss_extent[]){ss_extent_of(a), ss_extent_of(b)}, 2);
  const int last = walk.rank - 1;
  const int64_t length = ss_walk_row_length(&walk), rows = ss_walk_rows(&walk);
  /* Long rows are cut into chunks, short ones put together into one. */
  const int64_t pieces = chunks_of(length), rows_each = pieces > 1 ? 1 : (SS_CHUNK + length - 1) / length;
  const int64_t tasks = (rows + rows_each - 1) / rows_each * pieces;
#pragma omp parallel for schedule(static) num_threads(step->threads) if (tasks > 1)
  for (int64_t task = 0; task < tasks; task++) {
    const int64_t first = task / pieces * rows_each, begin = task % pieces * SS_CHUNK;
    const int64_t count = pieces > 1 ? least(SS_CHUNK, length - begin) : length;
    for (int64_t row = first; row < least(rows, first + rows_each); row++) {
      int64_t places[SS_WALK_FOLLOWERS];
      ss_walk_row_places(&walk, row, places);
      const int64_t stride_a = walk.strides[0][last], stride_b = walk.strides[1][last];
      binary_row(node->attributes.kind, &(operand){step->in[0], a->dtype, places[0] + begin * stride_a, stride_a},
                 &(operand){step->in[1], b->dtype, places[1] + begin * stride_b, stride_b}, step->out[0], y->dtype,
                 row * length + begin, count);
    }
  }
  return SS_OK;
}

SS_CPU_LOOPS(binary, run_binary);

/* ---- CAST and STOP_GRADIENT ---- */

static void cast_chunk(const ss_step *step, int64_t begin, int64_t end) {
  const ss_dtype from = step->node->inputs[0]->dtype, to = step->node->outputs[0]->dtype;
  float buffer[SS_BLOCK];
  for (int64_t at = begin; at < end; at += SS_BLOCK) {
    const int64_t count = least(SS_BLOCK, end - at);
    float *target = ss_elements_target(step->out[0], to, at, buffer);
    /* into float32 the conversion itself is the result; from float32 it is where it was */
    const float *values = ss_elements_read(step->in[0], from, at, count, target);
    ss_elements_write(step->out[0], to, at, count, values);
  }
}

static ss_status run_cast(const ss_step *step) {
  const int64_t count = ss_shape_count(step->node->outputs[0]->shape);
  const int64_t chunks = chunks_of(count);
#pragma omp parallel for schedule(static) num_threads(step->threads) if (chunks > 1)
  for (int64_t chunk = 0; chunk < chunks; chunk++) {
    cast_chunk(step, chunk * SS_CHUNK, least(count, (chunk + 1) * SS_CHUNK));
  }
  return SS_OK;
}

SS_CPU_LOOPS(cast, run_cast);

static ss_status run_stop_gradient(const ss_step *step) {
  const ss_tensor *x = step->node->inputs[0];
  ss_elements_copy(step->out[0], step->in[0], (size_t)ss_shape_count(x->shape) * ss_dtype_size(x->dtype),
                   step->threads);
  return SS_OK;
}

SS_CPU_LOOPS(stop_gradient, run_stop_gradient);
