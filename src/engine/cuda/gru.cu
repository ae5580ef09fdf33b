/* GRU and its backward pass: time after time, one kernel that multiplies the states (or gradients) of the time beside
 * it with the weight and then does the gates. Every array is (N, T, ...), so that the rows of one time lie a whole
 * sample apart. */
#include "engine/cuda/product.cuh"

struct gru_sizes {
  int64_t samples, times, hidden;
};

/* The first input of the backward pass and the first output forward are (N, T, H). */
static gru_sizes sizes_of(const ss_node *node) {
  const ss_shape *shape = node->operation == SS_OP_GRU ? &node->outputs[0]->shape : &node->inputs[0]->shape;
  return gru_sizes{shape->dims[0], shape->dims[1], shape->dims[2]};
}

static dim3 tiles_of(const gru_sizes &s) {
  return dim3((unsigned)ss_tiles(s.hidden), (unsigned)ss_tiles(s.samples));
}

__device__ static __forceinline__ float sigmoid(float x) {
  return 1.0f / (1.0f + expf(-x));
}

/* The states (H) and gates (4H) of time t from a (3H) and the states before. */
__global__ void gru_kernel(gru_sizes s, int64_t t, const float *a, const float *weight, const float *bias, float *h,
                           float *gates) {
  const int64_t first_sample = (int64_t)blockIdx.y * SS_CUDA_TILE, first_unit = (int64_t)blockIdx.x * SS_CUDA_TILE;
  const int64_t n = first_sample + threadIdx.y, i = first_unit + threadIdx.x;
  float b[3] = {0.0f, 0.0f, 0.0f};
  if (t > 0) {
    const ss_matrix<float> states = {h + (t - 1) * s.hidden, s.samples, s.hidden, s.times * s.hidden, 1};
    for (int gate = 0; gate < 3; gate++) {
      const ss_matrix<float> weights = {weight + gate * s.hidden * s.hidden, s.hidden, s.hidden, 1, s.hidden};
      b[gate] = ss_tile_product<float>(states, weights, first_sample, first_unit);
    }
  }
  if (n >= s.samples || i >= s.hidden) {
    return;
  }
  const int64_t at = n * s.times + t;
  const float *mine = a + at * 3 * s.hidden + i;
  const float r = sigmoid(mine[0] + b[0] + bias[i]);
  const float z = sigmoid(mine[s.hidden] + b[1] + bias[s.hidden + i]);
  const float inner = b[2] + bias[2 * s.hidden + i];
  const float new_state = tanhf(mine[2 * s.hidden] + r * inner);
  const float before = t > 0 ? h[(at - 1) * s.hidden + i] : 0.0f;
  h[at * s.hidden + i] = new_state + z * (before - new_state);
  float *kept = gates + at * 4 * s.hidden + i;
  kept[0] = r;
  kept[s.hidden] = z;
  kept[2 * s.hidden] = new_state;
  kept[3 * s.hidden] = inner;
}

static ss_status run_gru(const ss_step *step) {
  const gru_sizes s = sizes_of(step->node);
  for (int64_t t = 0; t < s.times; t++) {
    SS_TRY(ss_launch(gru_kernel, tiles_of(s), dim3(SS_CUDA_TILE, SS_CUDA_TILE), s, t, (const float *)step->in[0],
                     (const float *)step->in[1], (const float *)step->in[2], (float *)step->out[0],
                     (float *)step->out[1]));
  }
  return SS_OK;
}

/* da and db (3H) of time t from what the output's gradient and the time after say of the state; `carry` (N, H) takes
 * what goes to the state before by way of z alone. */
__global__ void gru_backward_kernel(gru_sizes s, int64_t t, const float *dy, const float *h, const float *gates,
                                    const float *weight, float *carry, float *da, float *db) {
  const int64_t first_sample = (int64_t)blockIdx.y * SS_CUDA_TILE, first_unit = (int64_t)blockIdx.x * SS_CUDA_TILE;
  const int64_t n = first_sample + threadIdx.y, i = first_unit + threadIdx.x;
  const bool last = t == s.times - 1;
  float later = 0.0f;
  if (!last) {
    const ss_matrix<float> after = {db + (t + 1) * 3 * s.hidden, s.samples, 3 * s.hidden, s.times * 3 * s.hidden, 1};
    const ss_matrix<float> weights = {weight, 3 * s.hidden, s.hidden, s.hidden, 1};
    later = ss_tile_product<float>(after, weights, first_sample, first_unit);
  }
  if (n >= s.samples || i >= s.hidden) {
    return;
  }
  const int64_t at = n * s.times + t;
  const float *kept = gates + at * 4 * s.hidden + i;
  const float r = kept[0], z = kept[s.hidden], new_state = kept[2 * s.hidden], inner = kept[3 * s.hidden];
  const float before = t > 0 ? h[(at - 1) * s.hidden + i] : 0.0f;
  const float dh = dy[at * s.hidden + i] + (last ? 0.0f : later + carry[n * s.hidden + i]);
  const float dn = dh * (1.0f - z) * (1.0f - new_state * new_state);
  const float dz = dh * (before - new_state) * z * (1.0f - z);
  const float dr = dn * inner * r * (1.0f - r);
  carry[n * s.hidden + i] = dh * z;
  float *to_a = da + at * 3 * s.hidden + i, *to_b = db + at * 3 * s.hidden + i;
  to_a[0] = to_b[0] = dr;
  to_a[s.hidden] = to_b[s.hidden] = dz;
  to_a[2 * s.hidden] = dn;
  to_b[2 * s.hidden] = dn * r;
}

static ss_status prepare_gru_backward(ss_step *step, ss_error *) {
  const gru_sizes s = sizes_of(step->node);
  step->scratch_bytes = (size_t)(s.samples * s.hidden) * sizeof(float);
  return SS_OK;
}

static ss_status run_gru_backward(const ss_step *step) {
  const gru_sizes s = sizes_of(step->node);
  for (int64_t t = s.times - 1; t >= 0; t--) {
    SS_TRY(ss_launch(gru_backward_kernel, tiles_of(s), dim3(SS_CUDA_TILE, SS_CUDA_TILE), s, t,
                     (const float *)step->in[0], (const float *)step->in[1], (const float *)step->in[2],
                     (const float *)step->in[3], (float *)step->scratch, (float *)step->out[0], (float *)step->out[1]));
  }
  return SS_OK;
}

SS_CUDA_KERNEL(gru, run_gru);

static const ss_way gru_backward_ways[] = {{"cuda", NULL, prepare_gru_backward, run_gru_backward, NULL}};
const ss_kernel ss_cuda_gru_backward = {gru_backward_ways, 1};
