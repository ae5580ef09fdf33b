/* PReLU: x where it is positive, a slope learned for each channel times x elsewhere. */
#include "engine/cuda/stripes.cuh"

template <int WIDTH>
__device__ static __forceinline__ void read_slopes(const float *slope, const ss_stripe_place &place,
                                                   float (&slopes)[WIDTH]) {
  for (int v = 0; v < WIDTH; v++) {
    slopes[v] = slope[place.channel + v];
  }
}

/* y may be x. */
template <class T, int WIDTH>
__global__ void prelu_kernel(const T *x, const float *slope, T *y, ss_stripes of) {
  const ss_stripe_place place = ss_stripe_place_of(of);
  float slopes[WIDTH];
  read_slopes(slope, place, slopes);
  int64_t at = place.at;
  for (int64_t rest = place.rows; rest > 0; rest--, at += place.step) {
    ss_pack<T, WIDTH> row[1];
    ss_stripe_read(x, at, 0, row);
    for (int v = 0; v < WIDTH; v++) {
      const float value = ss_widen(row[0].element[v]);
      row[0].element[v] = ss_narrow<T>(value < 0.0f ? slopes[v] * value : value);
    }
    ss_stripe_write(y, at, row[0]);
  }
}

/* PyTorch's derivative at 0 is the slope. dx may be dy, or NULL; so may partials, for the gradient of the slope. */
template <class T, int WIDTH>
__global__ void prelu_backward_kernel(const T *dy, const T *x, const float *slope, T *dx, ss_stripes of,
                                      double *partials) {
  const ss_stripe_place place = ss_stripe_place_of(of);
  float slopes[WIDTH], sums[1][WIDTH] = {};
  read_slopes(slope, place, slopes);
  int64_t at = place.at;
  for (int64_t rest = place.rows; rest > 0; rest--, at += place.step) {
    ss_pack<T, WIDTH> gradients[1], values[1];
    ss_stripe_read(dy, at, 0, gradients);
    ss_stripe_read(x, at, 0, values);
    for (int v = 0; v < WIDTH; v++) {
      const float gradient = ss_widen(gradients[0].element[v]), value = ss_widen(values[0].element[v]);
      sums[0][v] += value > 0.0f ? 0.0f : gradient * value;
      gradients[0].element[v] = ss_narrow<T>(value > 0.0f ? gradient : slopes[v] * gradient);
    }
    if (dx) {
      ss_stripe_write(dx, at, gradients[0]);
    }
  }
  if (partials) {
    ss_stripe_add(of, sums, partials);
  }
}

template <class T, int WIDTH>
static ss_status launch_prelu(const ss_step *step, const ss_stripes &of) {
  return ss_launch(prelu_kernel<T, WIDTH>, ss_stripes_grid(&of), SS_CUDA_THREADS, (const T *)step->in[0],
                   (const float *)step->in[1], (T *)step->out[0], of);
}

template <class T, int WIDTH>
static ss_status launch_prelu_backward(const ss_step *step, const ss_stripes &of) {
  double *partials = step->out[1] ? (double *)step->scratch : NULL;
  SS_TRY(ss_launch(prelu_backward_kernel<T, WIDTH>, ss_stripes_grid(&of), SS_CUDA_THREADS, (const T *)step->in[0],
                   (const T *)step->in[1], (const float *)step->in[2], (T *)step->out[0], of, partials));
  const ss_stripe_outputs<1> outputs = {{(float *)step->out[1]}};
  return partials
             ? ss_launch(ss_stripe_finish_kernel<1>, ss_stripe_totals_grid(&of), SS_CUDA_THREADS, partials, of, outputs)
             : SS_OK;
}

static ss_status run_prelu(const ss_step *step) {
  const ss_tensor *x = step->node->inputs[0];
  SS_WITH_STRIPES(x, 1, T, WIDTH, of, return (launch_prelu<T, WIDTH>(step, of)));
}

static ss_status prepare_backward(ss_step *step, ss_error *error) {
  (void)error;
  const ss_stripes of = ss_stripes_of(step->node->inputs[1], 1);
  step->scratch_bytes = step->node->outputs[1] ? ss_stripes_bytes(&of, 1) : 0;
  return SS_OK;
}

static ss_status run_prelu_backward(const ss_step *step) {
  const ss_tensor *x = step->node->inputs[1];
  SS_WITH_STRIPES(x, 1, T, WIDTH, of, return (launch_prelu_backward<T, WIDTH>(step, of)));
}

SS_CUDA_KERNEL(prelu, run_prelu);
static const ss_way backward_ways[] = {{"cuda", NULL, prepare_backward, run_prelu_backward, NULL}};
const ss_kernel ss_cuda_prelu_backward = {backward_ways, 1};
