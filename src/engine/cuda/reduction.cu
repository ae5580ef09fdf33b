#include "engine/cuda/launch.cuh"
#include "engine/cuda/walk.cuh"
extern "C" {
#include "engine/reduction.h"
}

#include <cmath>

enum {
  RUN = 8,             /* elements that a thread reads at once and adds up in float before they go to a double */
  ENOUGH_BLOCKS = 512, /* from here on a sum is not cut for the GPU's sake */
  LEAST_RUNS = 4,      /* of a thread in a part of a sum: shorter parts cost more than they save */
  COLUMNS = 32         /* side by side: a warp's */
};

/* Output i is the sum, or the largest, of the `count` elements k of x at outer's place i + inner's place k. */
typedef struct reduction {
  ss_walk outer, inner;
  int64_t outputs, count;
  int64_t parts, part_length; /* of count; each has partial results of its own */
  int lanes;                  /* threads of a block that share an output, a power of two */
  bool columns;               /* neighbouring threads read neighbouring outputs' elements; else one output's */
} reduction;

static int64_t least(int64_t a, int64_t b) {
  return a < b ? a : b;
}

static int64_t ceiling(int64_t a, int64_t b) {
  return (a + b - 1) / b;
}

/* The least power of two that is at least `count`, or `most`. */
static int power_of_two(int64_t count, int most) {
  int power = 1;
  while (power < most && power < count) {
    power *= 2;
  }
  return power;
}

/* Over the axes that are in the set. */
static ss_walk walk_set(ss_shape shape, unsigned axes) {
  int list[SS_MAX_RANK], count = 0;
  for (int i = 0; i < shape.rank; i++) {
    if ((axes >> i & 1u) != 0) {
      list[count++] = i;
    }
  }
  return ss_walk_axes(shape, list, count);
}

static int64_t walk_count(const ss_walk *walk) {
  return ss_walk_rows(walk) * ss_walk_row_length(walk);
}

static int64_t block_outputs(const reduction *r) {
  return SS_CUDA_THREADS / r->lanes;
}

static dim3 blocks_of(const reduction *r) {
  return dim3((unsigned)(ceiling(r->outputs, block_outputs(r)) * r->parts));
}

/* In one part. */
static reduction make_reduction(ss_shape shape, unsigned axes) {
  reduction r = {};
  r.outer = walk_set(shape, ~axes);
  r.inner = walk_set(shape, axes);
  r.outputs = walk_count(&r.outer);
  r.count = walk_count(&r.inner);
  r.columns = r.outer.strides[0][r.outer.rank - 1] == 1;
  if (r.columns) {
    const int lanes = SS_CUDA_THREADS / power_of_two(r.outputs, COLUMNS);
    r.lanes = power_of_two(r.count, lanes);
  } else {
    r.lanes = power_of_two(r.count, SS_CUDA_WARP);
    r.lanes *= power_of_two(r.count / (r.lanes * RUN), SS_CUDA_THREADS / r.lanes);
  }
  r.parts = 1;
  r.part_length = r.count;
  return r;
}

/* Cut into parts where there are few outputs of many elements each. The same for every GPU, and so are the sums. */
static reduction cut_reduction(ss_shape shape, unsigned axes) {
  reduction r = make_reduction(shape, axes);
  const int64_t blocks = ceiling(r.outputs, block_outputs(&r));
  const int64_t most = r.count / ((int64_t)r.lanes * RUN * LEAST_RUNS);
  const int64_t parts = least(ENOUGH_BLOCKS / blocks, most);
  if (parts > 1) {
    r.part_length = ceiling(r.count, parts);
    r.parts = ceiling(r.count, r.part_length);
  }
  return r;
}

/* ---- REDUCE ---- */

__device__ static __forceinline__ float value_of(float x) {
  return x;
}
__device__ static __forceinline__ float value_of(bfloat16 x) {
  return ss_widen(x);
}
__device__ static __forceinline__ double value_of(double x) {
  return x;
}

__device__ static __forceinline__ void put(float *y, double value) {
  *y = (float)value;
}
__device__ static __forceinline__ void put(bfloat16 *y, double value) {
  *y = ss_narrow<bfloat16>((float)value);
}
__device__ static __forceinline__ void put(double *y, double value) {
  *y = value;
}

template <bool LARGEST, class T>
__device__ static __forceinline__ T join(T a, T b) {
  if (LARGEST) {
    return b > a || b != b ? b : a; /* a NaN wins */
  }
  return a + b;
}

/* Which output of its block a thread works for, and as which of its lanes. */
struct seat {
  int output, lane;
};
__device__ static __forceinline__ seat find_seat(const reduction &r) {
  const int thread = (int)threadIdx.x, outputs = SS_CUDA_THREADS / r.lanes;
  return r.columns ? seat{thread % outputs, thread / outputs} : seat{thread / r.lanes, thread % r.lanes};
}

/* What an output's lanes have, joined in a fixed order; in all of them. All threads must come here. */
template <bool LARGEST>
__device__ static double join_lanes(const reduction &r, seat own, double value) {
  __shared__ double values[SS_CUDA_THREADS];
  const int apart = r.columns ? SS_CUDA_THREADS / r.lanes : 1;
  const int thread = (int)threadIdx.x;
  values[thread] = value;
  for (int half = r.lanes / 2; half > 0; half /= 2) {
    __syncthreads();
    if (own.lane < half) {
      values[thread] = join<LARGEST>(values[thread], values[thread + half * apart]);
    }
  }
  __syncthreads();
  return values[thread - own.lane * apart];
}

/* y (parts, outputs) */
template <class X, class Y, bool LARGEST>
__global__ void reduce_kernel(const X *x, Y *y, reduction r, double scale) {
  using value = decltype(value_of(X()));
  const seat own = find_seat(r);
  const int64_t part = blockIdx.x % r.parts;
  const int64_t output = blockIdx.x / r.parts * (SS_CUDA_THREADS / r.lanes) + own.output;
  const int64_t begin = part * r.part_length;
  const int64_t end = begin + r.part_length < r.count ? begin + r.part_length : r.count;
  const value nothing = LARGEST ? (value)-INFINITY : (value)0;
  double total = (double)nothing;
  if (output < r.outputs) {
    const X *from = x + ss_walk_place(r.outer, 0, output);
    for (int64_t first = begin + own.lane; first < end; first += r.lanes * RUN) {
      int64_t places[RUN]; /* all found before any is read, so that the reads do not wait for each other */
#pragma unroll
      for (int i = 0; i < RUN; i++) {
        places[i] = ss_walk_place(r.inner, 0, first + (int64_t)i * r.lanes);
      }
      value run = nothing;
#pragma unroll
      for (int i = 0; i < RUN; i++) {
        run = join<LARGEST>(run, first + (int64_t)i * r.lanes < end ? value_of(from[places[i]]) : nothing);
      }
      total = join<LARGEST>(total, (double)run);
    }
  }
  total = join_lanes<LARGEST>(r, own, total);
  if (own.lane == 0 && output < r.outputs) {
    put(y + part * r.outputs + output, total * scale);
  }
}

template <class X, class Y>
static ss_status launch_reduce(const ss_step *step, const X *x, Y *y, const reduction *r, double scale) {
  return step->node->attributes.kind == SS_REDUCE_MAX
             ? ss_launch(reduce_kernel<X, Y, true>, blocks_of(r), SS_CUDA_THREADS, x, y, *r, 1.0)
             : ss_launch(reduce_kernel<X, Y, false>, blocks_of(r), SS_CUDA_THREADS, x, y, *r, scale);
}

static reduction reduction_of(const ss_node *node) {
  return cut_reduction(node->inputs[0]->shape, node->attributes.axes);
}

/* Scratch: the parts' results. */
static ss_status prepare_reduce(ss_step *step, ss_error *error) {
  (void)error;
  const reduction r = reduction_of(step->node);
  step->scratch_bytes = r.parts > 1 ? (size_t)(r.parts * r.outputs) * sizeof(double) : 0;
  return SS_OK;
}

template <class X, class Y>
static ss_status reduce(const ss_step *step) {
  const reduction r = reduction_of(step->node);
  const double scale = step->node->attributes.kind == SS_REDUCE_MEAN ? 1.0 / (double)r.count : 1.0;
  const X *x = (const X *)step->in[0];
  Y *y = (Y *)step->out[0];
  if (r.parts == 1) {
    return launch_reduce(step, x, y, &r, scale);
  }
  double *partial = (double *)step->scratch;
  SS_TRY(launch_reduce(step, x, partial, &r, 1.0));
  const int64_t dims[] = {r.parts, r.outputs};
  const reduction rest = make_reduction(ss_shape_make(2, dims), 1u);
  return launch_reduce(step, (const double *)partial, y, &rest, scale);
}

static ss_status run_reduce(const ss_step *step) {
  const ss_dtype to = step->node->outputs[0]->dtype;
  if (step->node->inputs[0]->dtype == SS_BF16) {
    SS_WITH_FLOATS(to, Y, return (reduce<bfloat16, Y>(step)));
  }
  SS_WITH_FLOATS(to, Y, return (reduce<float, Y>(step)));
}

static const ss_way reduce_ways[] = {{"cuda", NULL, prepare_reduce, run_reduce, NULL}};
const ss_kernel ss_cuda_reduce = {reduce_ways, 1};

/* ---- REDUCE_MAX_BACKWARD ---- */

/* Among those that are the largest the gradient is shared. Its type, and that of the largest, is float32 always. */
template <class X>
__global__ void reduce_max_backward_kernel(const X *x, const float *largest, const float *gradient, X *dx,
                                           reduction r) {
  const seat own = find_seat(r);
  const int64_t output = (int64_t)blockIdx.x * (SS_CUDA_THREADS / r.lanes) + own.output;
  const bool there = output < r.outputs;
  const int64_t base = there ? ss_walk_place(r.outer, 0, output) : 0;
  const float value = there ? largest[output] : 0.0f;
  int64_t ties = 0;
  for (int64_t k = own.lane; there && k < r.count; k += r.lanes) {
    ties += ss_widen(x[base + ss_walk_place(r.inner, 0, k)]) == value;
  }
  const double all = join_lanes<false>(r, own, (double)ties);
  const float share = there && all > 0.0 ? gradient[output] / (float)all : 0.0f;
  for (int64_t k = own.lane; there && k < r.count; k += r.lanes) {
    const int64_t at = base + ss_walk_place(r.inner, 0, k);
    dx[at] = ss_narrow<X>(ss_widen(x[at]) == value ? share : 0.0f);
  }
}

template <class X>
static ss_status reduce_max_backward(const ss_step *step) {
  const ss_node *node = step->node;
  const reduction r = make_reduction(node->inputs[0]->shape, node->attributes.axes);
  return ss_launch(reduce_max_backward_kernel<X>, blocks_of(&r), SS_CUDA_THREADS, (const X *)step->in[0],
                   (const float *)step->in[1], (const float *)step->in[2], (X *)step->out[0], r);
}

static ss_status run_reduce_max_backward(const ss_step *step) {
  SS_WITH_FLOATS(step->node->inputs[0]->dtype, X, return reduce_max_backward<X>(step));
}

SS_CUDA_KERNEL(reduce_max_backward, run_reduce_max_backward);

/* ---- BROADCAST ---- */

template <class X, class Y>
__global__ void broadcast_kernel(const X *x, Y *y, int64_t count, float scale, ss_walk walk) {
  for (int64_t i = ss_first(); i < count; i += ss_stride()) {
    y[i] = ss_narrow<Y>(scale * ss_widen(x[ss_walk_place(walk, 0, i)]));
  }
}

template <class X, class Y>
static ss_status broadcast(const ss_step *step) {
  const ss_node *node = step->node;
  const ss_tensor *y = node->outputs[0];
  const ss_extent from = ss_extent_of(node->inputs[0]);
  const ss_walk walk = ss_walk_make(ss_extent_of(y), &from, 1);
  const int64_t count = ss_shape_count(y->shape);
  return ss_launch(broadcast_kernel<X, Y>, ss_blocks(count), SS_CUDA_THREADS, (const X *)step->in[0], (Y *)step->out[0],
                   count, node->attributes.alpha, walk);
}

static ss_status run_broadcast(const ss_step *step) {
  const ss_dtype to = step->node->outputs[0]->dtype;
  if (step->node->inputs[0]->dtype == SS_BF16) {
    SS_WITH_FLOATS(to, Y, return (broadcast<bfloat16, Y>(step)));
  }
  SS_WITH_FLOATS(to, Y, return (broadcast<float, Y>(step)));
}

SS_CUDA_KERNEL(broadcast, run_broadcast);
