#include "engine/cuda/launch.cuh"
#include "engine/cuda/unary.cuh"
#include "engine/cuda/walk.cuh"
extern "C" {
#include "engine/cuda/elementwise_ways.h"
}

/* ---- UNARY ---- */

/* x and y may be the same memory. */
template <class T, int KIND>
__global__ void unary_kernel(const T *x, T *y, int64_t count, float alpha, float beta) {
  for (int64_t i = ss_first(); i < count; i += ss_stride()) {
    y[i] = ss_narrow<T>(ss_unary_value(KIND, ss_widen(x[i]), alpha, beta));
  }
}

template <class T, int KIND>
__global__ void unary_backward_kernel(const T *gradient, const T *v, T *out, int64_t count, float alpha) {
  for (int64_t i = ss_first(); i < count; i += ss_stride()) {
    out[i] = ss_narrow<T>(ss_unary_slope(KIND, ss_widen(gradient[i]), ss_widen(v[i]), alpha));
  }
}

#define SS_FOR_UNARY_KINDS(X) \
  X(SS_UNARY_RELU)            \
  X(SS_UNARY_LEAKY_RELU)      \
  X(SS_UNARY_SIGMOID)         \
  X(SS_UNARY_TANH)            \
  X(SS_UNARY_EXP)             \
  X(SS_UNARY_LOG)             \
  X(SS_UNARY_SQRT)            \
  X(SS_UNARY_SQUARE)          \
  X(SS_UNARY_ABS)

template <class T>
static ss_status launch_unary(const ss_step *step, int64_t count) {
  const ss_attributes *a = &step->node->attributes;
  const T *x = (const T *)step->in[0];
  T *y = (T *)step->out[0];
  switch (a->kind) {
#define SS_X(kind) \
  case kind:       \
    return ss_launch(unary_kernel<T, kind>, ss_blocks(count), SS_CUDA_THREADS, x, y, count, a->alpha, a->beta);
    SS_FOR_UNARY_KINDS(SS_X)
    SS_X(SS_UNARY_AFFINE)
#undef SS_X
    default:
      return SS_FAILED;
  }
}

template <class T>
static ss_status launch_unary_backward(const ss_step *step, int64_t count) {
  const ss_attributes *a = &step->node->attributes;
  const T *gradient = (const T *)step->in[0], *v = (const T *)step->in[1];
  T *out = (T *)step->out[0];
  switch (a->kind) {
#define SS_X(kind)                                                                                               \
  case kind:                                                                                                     \
    return ss_launch(unary_backward_kernel<T, kind>, ss_blocks(count), SS_CUDA_THREADS, gradient, v, out, count, \
                     a->alpha);
    SS_FOR_UNARY_KINDS(SS_X)
#undef SS_X
    default:
      return SS_FAILED;
  }
}

static ss_status run_unary(const ss_step *step) {
  const ss_tensor *y = step->node->outputs[0];
  SS_WITH_FLOATS(y->dtype, T, return launch_unary<T>(step, ss_shape_count(y->shape)));
}

static ss_status run_unary_backward(const ss_step *step) {
  const ss_tensor *y = step->node->outputs[0];
  SS_WITH_FLOATS(y->dtype, T, return launch_unary_backward<T>(step, ss_shape_count(y->shape)));
}

template <class T>
static ss_status launch_relu(T *x, int64_t count) {
  return ss_launch(unary_kernel<T, SS_UNARY_RELU>, ss_blocks(count), SS_CUDA_THREADS, x, x, count, 0.0f, 0.0f);
}

ss_status ss_cuda_relu(void *x, ss_dtype dtype, int64_t count) {
  SS_WITH_FLOATS(dtype, T, return launch_relu((T *)x, count));
}

SS_CUDA_KERNEL(unary, run_unary);
SS_CUDA_KERNEL(unary_backward, run_unary_backward);

/* ---- BINARY ---- */

/* Operands of y's shape. */
template <class A, class B, class Y>
__global__ void binary_kernel(int kind, const A *a, const B *b, Y *y, int64_t count) {
  for (int64_t i = ss_first(); i < count; i += ss_stride()) {
    y[i] = ss_narrow<Y>(ss_binary_value(kind, ss_widen(a[i]), ss_widen(b[i])));
  }
}

template <class A, class B, class Y>
__global__ void binary_broadcast_kernel(int kind, const A *a, const B *b, Y *y, int64_t count, ss_walk walk) {
  for (int64_t i = ss_first(); i < count; i += ss_stride()) {
    const float left = ss_widen(a[ss_walk_place(walk, 0, i)]), right = ss_widen(b[ss_walk_place(walk, 1, i)]);
    y[i] = ss_narrow<Y>(ss_binary_value(kind, left, right));
  }
}

template <class A, class B, class Y>
static ss_status launch_binary(const ss_step *step) {
  const ss_node *node = step->node;
  const ss_tensor *a = node->inputs[0], *b = node->inputs[1], *y = node->outputs[0];
  const int64_t count = ss_shape_count(y->shape);
  const int kind = node->attributes.kind;
  const A *left = (const A *)step->in[0];
  const B *right = (const B *)step->in[1];
  Y *out = (Y *)step->out[0];
  if (ss_shape_count(a->shape) == count && ss_shape_count(b->shape) == count) {
    return ss_launch(binary_kernel<A, B, Y>, ss_blocks(count), SS_CUDA_THREADS, kind, left, right, out, count);
  }
  const ss_extent followers[] = {ss_extent_of(a), ss_extent_of(b)};
  const ss_walk walk = ss_walk_make(ss_extent_of(y), followers, 2);
  return ss_launch(binary_broadcast_kernel<A, B, Y>, ss_blocks(count), SS_CUDA_THREADS, kind, left, right, out, count,
                   walk);
}

/* The result is bf16 only if both operands are. */
static ss_status run_binary(const ss_step *step) {
  const bool a = step->node->inputs[0]->dtype == SS_BF16, b = step->node->inputs[1]->dtype == SS_BF16;
  if (a && b) {
    return step->node->outputs[0]->dtype == SS_BF16 ? launch_binary<bfloat16, bfloat16, bfloat16>(step)
                                                    : launch_binary<bfloat16, bfloat16, float>(step);
  }
  return a   ? launch_binary<bfloat16, float, float>(step)
         : b ? launch_binary<float, bfloat16, float>(step)
             : launch_binary<float, float, float>(step);
}

SS_CUDA_KERNEL(binary, run_binary);

/* ---- CAST and STOP_GRADIENT ---- */

template <class X, class Y>
__global__ void cast_kernel(const X *x, Y *y, int64_t count) {
  for (int64_t i = ss_first(); i < count; i += ss_stride()) {
    y[i] = ss_narrow<Y>(ss_widen(x[i]));
  }
}

template <class X, class Y>
static ss_status launch_cast(const void *from, void *to, int64_t count) {
  return ss_launch(cast_kernel<X, Y>, ss_blocks(count), SS_CUDA_THREADS, (const X *)from, (Y *)to, count);
}

ss_status ss_cuda_convert(const void *from, ss_dtype from_dtype, void *to, ss_dtype to_dtype, int64_t count) {
  if (from_dtype == SS_I32) {
    SS_WITH_FLOATS(to_dtype, Y, return (launch_cast<int32_t, Y>(from, to, count)));
  }
  if (from_dtype == SS_U8) {
    SS_WITH_FLOATS(to_dtype, Y, return (launch_cast<uint8_t, Y>(from, to, count)));
  }
  if (from_dtype == SS_BF16) {
    SS_WITH_FLOATS(to_dtype, Y, return (launch_cast<bfloat16, Y>(from, to, count)));
  }
  SS_WITH_FLOATS(to_dtype, Y, return (launch_cast<float, Y>(from, to, count)));
}

static ss_status run_cast(const ss_step *step) {
  const ss_tensor *x = step->node->inputs[0], *y = step->node->outputs[0];
  return ss_cuda_convert(step->in[0], x->dtype, step->out[0], y->dtype, ss_shape_count(y->shape));
}

SS_CUDA_KERNEL(cast, run_cast);

static ss_status run_stop_gradient(const ss_step *step) {
  const ss_tensor *x = step->node->inputs[0];
  const size_t bytes = (size_t)ss_shape_count(x->shape) * ss_dtype_size(x->dtype);
  return cudaMemcpyAsync(step->out[0], step->in[0], bytes, cudaMemcpyDeviceToDevice, ss_cuda_stream()) == cudaSuccess
             ? SS_OK
             : SS_FAILED;
}

SS_CUDA_KERNEL(stop_gradient, run_stop_gradient);
