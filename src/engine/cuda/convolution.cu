/* The three convolution nodes: by cuDNN (cudnn.c), and one number at a time. */
#include "engine/cuda/launch.cuh"
extern "C" {
#include "engine/convolution_geometry.h"
#include "engine/cuda/convolution_ways.h"
}

/* A geometry as kernels take it. A tap is a place of the kernel; places count D, H, W. */
struct window {
  int64_t in[3], out[3], kernel[3], stride[3], padding[3], dilation[3];
  int64_t batch, input_channels, output_channels, groups; /* channels of a group */
  int64_t taps;
};

static window window_of(const ss_convolution_geometry &g) {
  window w;
  for (int i = 0; i < 3; i++) {
    w.in[i] = g.in[i];
    w.out[i] = g.out[i];
    w.kernel[i] = g.kernel[i];
    w.stride[i] = g.stride[i];
    w.padding[i] = g.padding[i];
    w.dilation[i] = g.dilation[i];
  }
  w.batch = g.batch;
  w.groups = g.groups;
  w.input_channels = g.input_channels / g.groups;
  w.output_channels = g.output_channels / g.groups;
  w.taps = g.kernel[0] * g.kernel[1] * g.kernel[2];
  return w;
}

struct place {
  int64_t at[3];
};

__device__ static __forceinline__ int64_t volume(const int64_t *size) {
  return size[0] * size[1] * size[2];
}

__device__ static __forceinline__ place place_of(int64_t index, const int64_t *size) {
  return place{{index / (size[1] * size[2]), index / size[2] % size[1], index % size[2]}};
}

__device__ static __forceinline__ int64_t index_of(const place &p, const int64_t *size) {
  return (p.at[0] * size[1] + p.at[1]) * size[2] + p.at[2];
}

/* The x place that the tap of y place `out` reads; false in the padding. */
__device__ static __forceinline__ bool input_place(const window &w, const place &out, const place &tap, place *in) {
  for (int i = 0; i < 3; i++) {
    in->at[i] = out.at[i] * w.stride[i] - w.padding[i] + tap.at[i] * w.dilation[i];
    if (in->at[i] < 0 || in->at[i] >= w.in[i]) {
      return false;
    }
  }
  return true;
}

/* The y place that reads x place `in` with the tap; false if none does. */
__device__ static __forceinline__ bool output_place(const window &w, const place &in, const place &tap, place *out) {
  for (int i = 0; i < 3; i++) {
    const int64_t scaled = in.at[i] + w.padding[i] - tap.at[i] * w.dilation[i];
    if (scaled < 0 || scaled % w.stride[i] != 0 || scaled / w.stride[i] >= w.out[i]) {
      return false;
    }
    out->at[i] = scaled / w.stride[i];
  }
  return true;
}

/* CONVOLUTION writes y from x, BACKWARD_DATA x from y: every written number gathers from the taps that reach it.
 * Weights (O, I/groups, taps) are rounded to what the activations are. */
template <class T, bool FORWARD>
__global__ void gather_kernel(window w, const T *from, const float *weights, const float *bias, bool relu, T *to) {
  const int64_t read = FORWARD ? w.input_channels : w.output_channels;
  const int64_t written = FORWARD ? w.output_channels : w.input_channels;
  const int64_t *from_size = FORWARD ? w.in : w.out, *to_size = FORWARD ? w.out : w.in;
  const int64_t from_pixels = volume(from_size), to_pixels = volume(to_size), to_channels = w.groups * written;
  const int64_t count = w.batch * to_pixels * to_channels;
  /* One step along the read channels, in weights. */
  const int64_t weight_step = FORWARD ? w.taps : w.input_channels * w.taps;
  for (int64_t i = ss_first(); i < count; i += ss_stride()) {
    const int64_t channel = i % to_channels, pixel = i / to_channels % to_pixels, n = i / to_channels / to_pixels;
    const int64_t group = channel / written, own = channel % written;
    const int64_t first =
        FORWARD ? channel * w.input_channels * w.taps : (group * w.output_channels * w.input_channels + own) * w.taps;
    const place here = place_of(pixel, to_size);
    float sum = 0.0f;
    for (int64_t tap = 0; tap < w.taps; tap++) {
      const place offset = place_of(tap, w.kernel);
      place there;
      if (FORWARD ? input_place(w, here, offset, &there) : output_place(w, here, offset, &there)) {
        const T *row = from + ((n * from_pixels + index_of(there, from_size)) * w.groups + group) * read;
        float part = 0.0f;
        for (int64_t r = 0; r < read; r++) {
          part += ss_widen(row[r]) * ss_widen(ss_narrow<T>(weights[first + r * weight_step + tap]));
        }
        sum += part;
      }
    }
    const T rounded = ss_narrow<T>(sum + (bias ? bias[channel] : 0.0f));
    to[i] = relu ? ss_rectify(rounded) : rounded;
  }
}

/* A warp a weight: each lane sums its share of y's places, in double as the CPU does. */
template <class T>
__global__ void weight_kernel(window w, const T *x, const T *y, float *gradient) {
  const int64_t count = w.groups * w.output_channels * w.input_channels * w.taps;
  const int64_t x_pixels = volume(w.in), y_pixels = volume(w.out);
  for (int64_t i = ss_first() / SS_CUDA_WARP; i < count; i += ss_stride() / SS_CUDA_WARP) {
    const int64_t input = i / w.taps % w.input_channels, output = i / w.taps / w.input_channels;
    const int64_t group = output / w.output_channels;
    const place offset = place_of(i % w.taps, w.kernel);
    double sum = 0.0;
    for (int64_t p = threadIdx.x % SS_CUDA_WARP; p < w.batch * y_pixels; p += SS_CUDA_WARP) {
      place in;
      if (input_place(w, place_of(p % y_pixels, w.out), offset, &in)) {
        const int64_t x_row = p / y_pixels * x_pixels + index_of(in, w.in);
        sum += (double)ss_widen(x[(x_row * w.groups + group) * w.input_channels + input]) *
               (double)ss_widen(y[p * w.groups * w.output_channels + output]);
      }
    }
    sum = ss_warp_sum(sum);
    if (threadIdx.x % SS_CUDA_WARP == 0) {
      gradient[i] = (float)sum;
    }
  }
}

template <class T>
static ss_status launch_convolution(const ss_step *step) {
  const ss_node *node = step->node;
  const window w = window_of(ss_convolution_geometry_of(node));
  const int64_t count = ss_shape_count(node->outputs[0]->shape);
  const T *first = (const T *)step->in[0];
  if (node->operation == SS_OP_CONVOLUTION_BACKWARD_WEIGHT) {
    return ss_launch(weight_kernel<T>, ss_blocks(count * SS_CUDA_WARP), SS_CUDA_THREADS, w, first,
                     (const T *)step->in[1], (float *)step->out[0]);
  }
  const float *weights = (const float *)step->in[1];
  const float *bias = node->input_count > 2 ? (const float *)step->in[2] : NULL;
  const bool forward = node->operation == SS_OP_CONVOLUTION;
  const bool relu = forward && (node->attributes.flags & SS_CONVOLUTION_RELU);
  return ss_launch(forward ? gather_kernel<T, true> : gather_kernel<T, false>, ss_blocks(count), SS_CUDA_THREADS, w,
                   first, weights, bias, relu, (T *)step->out[0]);
}

/* x and y are of one type. */
static ss_status run_loops(const ss_step *step) {
  SS_WITH_FLOATS(step->node->inputs[0]->dtype, T, return launch_convolution<T>(step));
}

static const ss_way ways[] = {
#if !SS_CUDA_EMULATED
    {"cudnn", ss_cudnn_supports, ss_cudnn_prepare, ss_cudnn_run, ss_cudnn_release},
#endif
    {"loops", NULL, NULL, run_loops, NULL},
};
const ss_kernel ss_cuda_convolution = {ways, sizeof ways / sizeof ways[0]};
const ss_kernel ss_cuda_convolution_backward_data = {ways, sizeof ways / sizeof ways[0]};
const ss_kernel ss_cuda_convolution_backward_weight = {ways, sizeof ways / sizeof ways[0]};

/* ---- around cuDNN ---- */

/* One number of each pair (inputs, taps) and (taps, inputs) a thread. */
template <class T>
__global__ void pack_kernel(const float *from, T *to, int64_t count, int64_t inputs, int64_t taps) {
  for (int64_t i = ss_first(); i < count; i += ss_stride()) {
    const int64_t input = i % inputs, tap = i / inputs % taps, output = i / inputs / taps;
    to[i] = ss_narrow<T>(from[(output * inputs + input) * taps + tap]);
  }
}

template <class T>
__global__ void unpack_kernel(const T *from, float *to, int64_t count, int64_t inputs, int64_t taps) {
  for (int64_t i = ss_first(); i < count; i += ss_stride()) {
    const int64_t tap = i % taps, input = i / taps % inputs, output = i / taps / inputs;
    to[i] = ss_widen(from[(output * taps + tap) * inputs + input]);
  }
}

template <class T>
__global__ void add_bias_kernel(T *x, int64_t count, int64_t channels, const float *bias) {
  for (int64_t i = ss_first(); i < count; i += ss_stride()) {
    x[i] = ss_narrow<T>(ss_widen(x[i]) + bias[i % channels]);
  }
}

ss_status ss_cuda_pack_weights(const float *from, void *to, ss_dtype dtype, int64_t outputs, int64_t inputs,
                               int64_t taps) {
  const int64_t count = outputs * inputs * taps;
  SS_WITH_FLOATS(
      dtype, T,
      return ss_launch(pack_kernel<T>, ss_blocks(count), SS_CUDA_THREADS, from, (T *)to, count, inputs, taps));
}

ss_status ss_cuda_unpack_weights(const void *from, ss_dtype dtype, float *to, int64_t outputs, int64_t inputs,
                                 int64_t taps) {
  const int64_t count = outputs * inputs * taps;
  SS_WITH_FLOATS(
      dtype, T,
      return ss_launch(unpack_kernel<T>, ss_blocks(count), SS_CUDA_THREADS, (const T *)from, to, count, inputs, taps));
}

ss_status ss_cuda_add_bias(void *x, ss_dtype dtype, int64_t rows, int64_t channels, const float *bias) {
  const int64_t count = rows * channels;
  SS_WITH_FLOATS(
      dtype, T, return ss_launch(add_bias_kernel<T>, ss_blocks(count), SS_CUDA_THREADS, (T *)x, count, channels, bias));
}
