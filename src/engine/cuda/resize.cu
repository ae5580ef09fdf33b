/* Bilinear resizing, pixel centres at half places (PyTorch's align_corners=False). Both ways gather. */
#include "engine/cuda/images.cuh"

/* Height or width of the small and the large picture. */
struct resize_axis {
  int in, out;
  float scale, inverse; /* in / out, out / in */
};

struct resizing {
  resize_axis down, across;
  int64_t batch;
  ss_places x, y;
  int channels;
};

/* Where an output reads: places low and high with weights 1 - weight and weight. */
struct resize_source {
  int low, high;
  float weight;
};

static resize_axis axis_of(int64_t in, int64_t out) {
  return {(int)in, (int)out, (float)in / (float)out, (float)out / (float)in};
}

static resizing resizing_of(ss_shape x, ss_shape y, int together) {
  return {axis_of(x.dims[1], y.dims[1]), axis_of(x.dims[2], y.dims[2]), x.dims[0],
          ss_places_of(x, together),     ss_places_of(y, together),     (int)x.dims[3]};
}

/* fmaf by name, that it is the same in both kernels. */
__device__ static resize_source source_of(const resize_axis &a, int place) {
  const float centre = fmaf((float)place + 0.5f, a.scale, -0.5f), inside = centre > 0.0f ? centre : 0.0f;
  const int low = (int)inside < a.in ? (int)inside : a.in - 1;
  return {low, low + 1 < a.in ? low + 1 : low, inside - (float)low};
}

/* How much of an input goes into an output. */
__device__ static float weight_in(const resize_source &of, int input) {
  return (of.low == input ? 1.0f - of.weight : 0.0f) + (of.high == input ? of.weight : 0.0f);
}

template <class T, int N>
__global__ void resize_kernel(resizing r, const T *x, T *y) {
  for (int64_t image = blockIdx.y; image < r.batch; image += gridDim.y) {
    const T *from = x + image * r.x.elements;
    for (uint32_t i = (uint32_t)ss_first(); i < r.y.count; i += (uint32_t)ss_stride()) {
      const ss_place at = ss_place_at(r.y, i);
      const resize_source down = source_of(r.down, at.row), across = source_of(r.across, at.column);
      float sum[N] = {}, values[N];
      for (int corner = 0; corner < 4; corner++) {
        const int h = corner < 2 ? down.low : down.high, w = corner % 2 == 0 ? across.low : across.high;
        const float of_h = corner < 2 ? 1.0f - down.weight : down.weight;
        const float of_w = corner % 2 == 0 ? 1.0f - across.weight : across.weight;
        ss_read(from + (h * r.across.in + w) * r.channels + at.channel, values);
        for (int k = 0; k < N; k++) {
          sum[k] += values[k] * (of_h * of_w);
        }
      }
      ss_write(y + image * r.y.elements + (int64_t)i * N, sum);
    }
  }
}

/* The outputs whose centres lie within one place of the input's are those that read it; one more on either side makes
 * up for rounding. */
__device__ static int first_reader(const resize_axis &a, int place) {
  const int first = (int)floorf(((float)place - 0.5f) * a.inverse - 0.5f);
  return first > 0 ? first : 0;
}
__device__ static int last_reader(const resize_axis &a, int place) {
  const int last = (int)ceilf(((float)place + 1.5f) * a.inverse - 0.5f);
  return last < a.out ? last : a.out - 1;
}

template <class T, int N>
__global__ void resize_backward_kernel(resizing r, const T *dy, T *dx) {
  for (int64_t image = blockIdx.y; image < r.batch; image += gridDim.y) {
    const T *from = dy + image * r.y.elements;
    for (uint32_t i = (uint32_t)ss_first(); i < r.x.count; i += (uint32_t)ss_stride()) {
      const ss_place at = ss_place_at(r.x, i);
      const int bottom = last_reader(r.down, at.row), right = last_reader(r.across, at.column);
      float sum[N] = {}, gradients[N];
      for (int h = first_reader(r.down, at.row); h <= bottom; h++) {
        const float of_h = weight_in(source_of(r.down, h), at.row);
        for (int w = first_reader(r.across, at.column); w <= right; w++) {
          const float weight = of_h * weight_in(source_of(r.across, w), at.column);
          if (weight != 0.0f) {
            ss_read(from + (h * r.across.out + w) * r.channels + at.channel, gradients);
            for (int k = 0; k < N; k++) {
              sum[k] += gradients[k] * weight;
            }
          }
        }
      }
      ss_write(dx + image * r.x.elements + (int64_t)i * N, sum);
    }
  }
}

template <class T, int N>
static ss_status launch(const ss_step *step) {
  const resizing r = resizing_of(step->node->inputs[0]->shape, step->node->outputs[0]->shape, N);
  return ss_launch(resize_kernel<T, N>, ss_blocks_of_images(r.y, r.batch), SS_CUDA_THREADS, r, (const T *)step->in[0],
                   (T *)step->out[0]);
}

template <class T, int N>
static ss_status launch_backward(const ss_step *step) {
  const resizing r = resizing_of(step->node->outputs[0]->shape, step->node->inputs[0]->shape, N);
  return ss_launch(resize_backward_kernel<T, N>, ss_blocks_of_images(r.x, r.batch), SS_CUDA_THREADS, r,
                   (const T *)step->in[0], (T *)step->out[0]);
}

template <class T>
static ss_status run_typed(const ss_step *step, bool backward) {
  const int pack = 16 / sizeof(T);
  if (ss_packs_fit<T>(step->node->outputs[0]->shape)) {
    return backward ? launch_backward<T, pack>(step) : launch<T, pack>(step);
  }
  return backward ? launch_backward<T, 1>(step) : launch<T, 1>(step);
}

static ss_status run_resize(const ss_step *step) {
  SS_WITH_FLOATS(step->node->outputs[0]->dtype, T, return run_typed<T>(step, false));
}

static ss_status run_resize_backward(const ss_step *step) {
  SS_WITH_FLOATS(step->node->outputs[0]->dtype, T, return run_typed<T>(step, true));
}

static bool supports(const ss_node *node) {
  return ss_places_fit(node->inputs[0]) && ss_places_fit(node->outputs[0]);
}

static const ss_way resize_ways[] = {{"cuda", supports, NULL, run_resize, NULL}};
const ss_kernel ss_cuda_resize = {resize_ways, 1};
static const ss_way resize_backward_ways[] = {{"cuda", supports, NULL, run_resize_backward, NULL}};
const ss_kernel ss_cuda_resize_backward = {resize_backward_ways, 1};
