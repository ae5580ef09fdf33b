/* Pooling. Each output, and each input's gradient, is made by one thread, which goes over the places it depends on in a
 * fixed order. */
#include "engine/cuda/images.cuh"
extern "C" {
#include "engine/pooling.h"
}

struct pool_span {
  int begin, end;
};

/* ss_pool_axis for kernels. */
struct pool_axis {
  int in, out, kernel, padding;
  bool adaptive;
  ss_divisor stride;
};

struct pooling {
  pool_axis axes[3];
  int64_t batch;
  ss_places x, y;
  int channels;
  bool count_padding;
};

static pool_axis axis_of(const ss_pool_axis &a) {
  return {(int)a.in, (int)a.out, (int)a.kernel, (int)a.padding, a.adaptive, ss_divisor_of(a.stride)};
}

static pooling pooling_of(const ss_attributes *attributes, ss_shape x, ss_shape y, int together) {
  pooling p = {};
  for (int i = 0; i < 3; i++) {
    p.axes[i] = axis_of(ss_pool_axis_of(attributes, x, y, i));
  }
  p.batch = x.dims[0];
  p.x = ss_places_of(x, together);
  p.y = ss_places_of(y, together);
  p.channels = (int)x.dims[x.rank - 1];
  p.count_padding = (attributes->flags & SS_POOL_COUNT_PADDING) != 0 && !p.axes[0].adaptive;
  return p;
}

/* As ss_pool_window: the inputs of output `place`. */
__device__ static pool_span window_of(const pool_axis &a, int place) {
  if (a.adaptive) {
    return {(int)((int64_t)place * a.in / a.out), (int)(((int64_t)(place + 1) * a.in + a.out - 1) / a.out)};
  }
  const int first = place * (int)a.stride.by - a.padding, end = first + a.kernel;
  return {first > 0 ? first : 0, end < a.in ? end : a.in};
}

/* As ss_pool_readers: the outputs whose windows hold input `place`. */
__device__ static pool_span readers_of(const pool_axis &a, int place) {
  if (a.adaptive) {
    return {(int)((int64_t)place * a.out / a.in), (int)(((int64_t)(place + 1) * a.out + a.in - 1) / a.in)};
  }
  const int padded = place + a.padding;
  const int begin = padded < a.kernel ? 0 : (int)ss_divide((uint32_t)(padded - a.kernel), a.stride) + 1;
  const int last = (int)ss_divide((uint32_t)padded, a.stride);
  return {begin, last < a.out ? last + 1 : a.out};
}

/* Where channel `channel` of a place lies in its image of x, or of y. */
__device__ static int in_x(const pooling &p, int d, int h, int w, int channel) {
  return ((d * p.axes[1].in + h) * p.axes[2].in + w) * p.channels + channel;
}
__device__ static int in_y(const pooling &p, int d, int h, int w, int channel) {
  return ((d * p.axes[1].out + h) * p.axes[2].out + w) * p.channels + channel;
}

/* One over the number of elements that an average is of. */
__device__ static float share_of(const pooling &p, pool_span d, pool_span h, pool_span w) {
  const pool_axis *a = p.axes;
  const int count = p.count_padding ? a[0].kernel * a[1].kernel * a[2].kernel
                                    : (d.end - d.begin) * (h.end - h.begin) * (w.end - w.begin);
  return 1.0f / (float)count;
}

/* The number of a place within its window, counted from the window's first. */
__device__ static int number_in(const pooling &p, int d, int h, int w) {
  return (d * p.axes[1].kernel + h) * p.axes[2].kernel + w;
}

/* The first of the largest wins; a NaN is largest. winners: NULL where they are not wanted. */
template <class T, class W, int N, bool MAXIMUM>
__global__ void pool_kernel(pooling p, const T *x, T *y, W *winners) {
  for (int64_t image = blockIdx.y; image < p.batch; image += gridDim.y) {
    const T *from = x + image * p.x.elements;
    for (uint32_t i = (uint32_t)ss_first(); i < p.y.count; i += (uint32_t)ss_stride()) {
      const ss_place at = ss_place_at(p.y, i);
      const pool_span ds = window_of(p.axes[0], at.depth), hs = window_of(p.axes[1], at.row),
                      ws = window_of(p.axes[2], at.column);
      const float share = MAXIMUM ? 1.0f : share_of(p, ds, hs, ws);
      float result[N], values[N];
      ss_pack<W, N> winner;
      for (int k = 0; k < N; k++) {
        result[k] = MAXIMUM ? -INFINITY : 0.0f;
        winner.element[k] = 0;
      }
      for (int d = ds.begin; d < ds.end; d++) {
        for (int h = hs.begin; h < hs.end; h++) {
          for (int w = ws.begin; w < ws.end; w++) {
            const W number = (W)number_in(p, d - ds.begin, h - hs.begin, w - ws.begin);
            ss_read(from + in_x(p, d, h, w, at.channel), values);
            for (int k = 0; k < N; k++) {
              if (MAXIMUM) {
                const bool larger = values[k] > result[k] || values[k] != values[k];
                result[k] = larger ? values[k] : result[k];
                winner.element[k] = larger ? number : winner.element[k];
              } else {
                result[k] += values[k] * share;
              }
            }
          }
        }
      }
      const int64_t to = image * p.y.elements + (int64_t)i * N;
      ss_write(y + to, result);
      if (MAXIMUM && winners) {
        *(ss_pack<W, N> *)(winners + to) = winner;
      }
    }
  }
}

template <class T, class W, int N, bool MAXIMUM>
__global__ void pool_backward_kernel(pooling p, const T *dy, const W *winners, T *dx) {
  for (int64_t image = blockIdx.y; image < p.batch; image += gridDim.y) {
    const T *from = dy + image * p.y.elements;
    for (uint32_t i = (uint32_t)ss_first(); i < p.x.count; i += (uint32_t)ss_stride()) {
      const ss_place at = ss_place_at(p.x, i);
      const pool_span ds = readers_of(p.axes[0], at.depth), hs = readers_of(p.axes[1], at.row),
                      ws = readers_of(p.axes[2], at.column);
      float sum[N] = {}, gradients[N];
      for (int d = ds.begin; d < ds.end; d++) {
        for (int h = hs.begin; h < hs.end; h++) {
          for (int w = ws.begin; w < ws.end; w++) {
            const pool_span of_d = window_of(p.axes[0], d), of_h = window_of(p.axes[1], h),
                            of_w = window_of(p.axes[2], w);
            const int reader = in_y(p, d, h, w, at.channel);
            ss_read(from + reader, gradients);
            if (MAXIMUM) {
              const int number = number_in(p, at.depth - of_d.begin, at.row - of_h.begin, at.column - of_w.begin);
              const ss_pack<W, N> won = *(const ss_pack<W, N> *)(winners + image * p.y.elements + reader);
              for (int k = 0; k < N; k++) {
                sum[k] += (int)won.element[k] == number ? gradients[k] : 0.0f;
              }
            } else {
              const float share = share_of(p, of_d, of_h, of_w);
              for (int k = 0; k < N; k++) {
                sum[k] += gradients[k] * share;
              }
            }
          }
        }
      }
      ss_write(dx + image * p.x.elements + (int64_t)i * N, sum);
    }
  }
}

static bool is_maximum(const ss_node *node) {
  return node->attributes.kind == SS_POOL_MAX || node->attributes.kind == SS_POOL_ADAPTIVE_MAX;
}

template <class T, class W, int N>
static ss_status launch(const ss_step *step) {
  const ss_node *node = step->node;
  const pooling p = pooling_of(&node->attributes, node->inputs[0]->shape, node->outputs[0]->shape, N);
  return ss_launch(is_maximum(node) ? pool_kernel<T, W, N, true> : pool_kernel<T, W, N, false>,
                   ss_blocks_of_images(p.y, p.batch), SS_CUDA_THREADS, p, (const T *)step->in[0], (T *)step->out[0],
                   (W *)step->out[1]);
}

template <class T, class W, int N>
static ss_status launch_backward(const ss_step *step) {
  const ss_node *node = step->node;
  const pooling p = pooling_of(&node->attributes, node->outputs[0]->shape, node->inputs[0]->shape, N);
  return ss_launch(is_maximum(node) ? pool_backward_kernel<T, W, N, true> : pool_backward_kernel<T, W, N, false>,
                   ss_blocks_of_images(p.x, p.batch), SS_CUDA_THREADS, p, (const T *)step->in[0],
                   (const W *)step->in[1], (T *)step->out[0]);
}

template <class T, class W>
static ss_status run_typed(const ss_step *step, bool backward) {
  const int pack = 16 / sizeof(T);
  if (ss_packs_fit<T>(step->node->outputs[0]->shape)) {
    return backward ? launch_backward<T, W, pack>(step) : launch<T, W, pack>(step);
  }
  return backward ? launch_backward<T, W, 1>(step) : launch<T, W, 1>(step);
}

static ss_status run(const ss_step *step, const ss_tensor *winners, bool backward) {
  const ss_dtype dtype = step->node->outputs[0]->dtype;
  if (winners && winners->dtype == SS_I32) {
    SS_WITH_FLOATS(dtype, T, return (run_typed<T, int32_t>(step, backward)));
  }
  SS_WITH_FLOATS(dtype, T, return (run_typed<T, uint8_t>(step, backward)));
}

static ss_status run_pool(const ss_step *step) {
  return run(step, step->node->outputs[1], false);
}

static ss_status run_pool_backward(const ss_step *step) {
  return run(step, step->node->inputs[1], true);
}

static bool supports(const ss_node *node) {
  return ss_places_fit(node->inputs[0]) && ss_places_fit(node->outputs[0]);
}

static const ss_way pool_ways[] = {{"cuda", supports, NULL, run_pool, NULL}};
const ss_kernel ss_cuda_pool = {pool_ways, 1};
static const ss_way pool_backward_ways[] = {{"cuda", supports, NULL, run_pool_backward, NULL}};
const ss_kernel ss_cuda_pool_backward = {pool_backward_ways, 1};
