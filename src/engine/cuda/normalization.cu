/* Layer norm, local response norm and L2 normalisation: engine/cpu/normalization.c says the formulas. */
#include "engine/cuda/rows.cuh"
#include "engine/cuda/stripes.cuh"

/* ---- layer norm ---- */

typedef struct moments {
  float mean, inverse;
} moments;

template <int TEAM, class T>
__device__ static moments find_moments(const T *x, int64_t length, float epsilon) {
  float sum = 0.0f, squares = 0.0f;
  for (int64_t i = ss_team_member<TEAM>(); i < length; i += TEAM) {
    sum += ss_widen(x[i]);
  }
  moments out;
  out.mean = ss_team_sum<TEAM>(sum) / (float)length;
  for (int64_t i = ss_team_member<TEAM>(); i < length; i += TEAM) {
    const float deviation = ss_widen(x[i]) - out.mean;
    squares += deviation * deviation;
  }
  out.inverse = 1.0f / sqrtf(ss_team_sum<TEAM>(squares) / (float)length + epsilon);
  return out;
}

template <int TEAM, class T>
__global__ void layer_norm_kernel(const T *x, const float *weight, const float *bias, T *y, int64_t rows,
                                  int64_t length, float epsilon) {
  for (int64_t row = ss_team_first<TEAM>(); row < rows; row += ss_team_stride<TEAM>()) {
    const T *from = x + row * length;
    const moments of = find_moments<TEAM>(from, length, epsilon);
    for (int64_t i = ss_team_member<TEAM>(); i < length; i += TEAM) {
      y[row * length + i] = ss_narrow<T>((ss_widen(from[i]) - of.mean) * of.inverse * weight[i] + bias[i]);
    }
  }
}

/* The rows' moments and, with g = dy weight and x' the normalised row, dx = inverse (g - mean(g) - x' mean(g x')).
 * Either may be NULL. */
template <int TEAM, class T>
__global__ void layer_norm_backward_kernel(const T *dy, const T *x, const float *weight, T *dx, moments *statistics,
                                           int64_t rows, int64_t length, float epsilon) {
  for (int64_t row = ss_team_first<TEAM>(); row < rows; row += ss_team_stride<TEAM>()) {
    const int64_t start = row * length;
    const moments of = find_moments<TEAM>(x + start, length, epsilon);
    if (statistics && ss_team_member<TEAM>() == 0) {
      statistics[row] = of;
    }
    if (!dx) {
      continue;
    }
    float sum = 0.0f, product = 0.0f;
    for (int64_t i = ss_team_member<TEAM>(); i < length; i += TEAM) {
      const float gradient = ss_widen(dy[start + i]) * weight[i];
      sum += gradient;
      product += gradient * ((ss_widen(x[start + i]) - of.mean) * of.inverse);
    }
    const float of_one = ss_team_sum<TEAM>(sum) / (float)length, of_x = ss_team_sum<TEAM>(product) / (float)length;
    for (int64_t i = ss_team_member<TEAM>(); i < length; i += TEAM) {
      const float scaled = (ss_widen(x[start + i]) - of.mean) * of.inverse;
      dx[start + i] = ss_narrow<T>(of.inverse * (ss_widen(dy[start + i]) * weight[i] - of_one - scaled * of_x));
    }
  }
}

enum { parameter_sums = 2 }; /* of the weight and of the bias */

template <class T, int WIDTH>
__global__ void layer_norm_parameters_kernel(const T *dy, const T *x, const moments *statistics, ss_stripes of,
                                             double *partials) {
  const ss_stripe_place place = ss_stripe_place_of(of);
  float sums[parameter_sums][WIDTH] = {};
  int64_t at = place.at;
  for (int64_t rest = place.rows; rest > 0; rest--, at += place.step) {
    const moments row = statistics[at / of.channels];
    ss_pack<T, WIDTH> gradients[1], values[1];
    ss_stripe_read(dy, at, 0, gradients);
    ss_stripe_read(x, at, 0, values);
    for (int v = 0; v < WIDTH; v++) {
      const float gradient = ss_widen(gradients[0].element[v]);
      sums[0][v] += gradient * ((ss_widen(values[0].element[v]) - row.mean) * row.inverse);
      sums[1][v] += gradient;
    }
  }
  ss_stripe_add(of, sums, partials);
}

template <int TEAM, class T>
static ss_status launch_layer_norm(const ss_step *step) {
  const int64_t length = ss_rows_length(step), rows = ss_rows_count(step);
  return ss_launch(layer_norm_kernel<TEAM, T>, ss_blocks(rows * TEAM), SS_CUDA_THREADS, (const T *)step->in[0],
                   (const float *)step->in[1], (const float *)step->in[2], (T *)step->out[0], rows, length,
                   step->node->attributes.alpha);
}

static ss_status run_layer_norm(const ss_step *step) {
  SS_WITH_ROWS(step, TEAM, T, return (launch_layer_norm<TEAM, T>(step)));
}

/* The scratch of the backward pass: the stripes' sums, then the rows' moments. */
static ss_status prepare_layer_norm_backward(ss_step *step, ss_error *error) {
  (void)error;
  const ss_stripes of = ss_stripes_of(step->node->inputs[1], 1);
  if (step->node->outputs[1] || step->node->outputs[2]) {
    step->scratch_bytes = ss_stripes_bytes(&of, parameter_sums) + (size_t)of.rows * sizeof(moments);
  }
  return SS_OK;
}

template <int TEAM, class T>
static ss_status launch_layer_norm_rows(const ss_step *step, moments *statistics) {
  const int64_t length = ss_rows_length(step), rows = ss_rows_count(step);
  return ss_launch(layer_norm_backward_kernel<TEAM, T>, ss_blocks(rows * TEAM), SS_CUDA_THREADS, (const T *)step->in[0],
                   (const T *)step->in[1], (const float *)step->in[2], (T *)step->out[0], statistics, rows, length,
                   step->node->attributes.alpha);
}

static ss_status run_layer_norm_rows(const ss_step *step, moments *statistics) {
  SS_WITH_ROWS(step, TEAM, T, return (launch_layer_norm_rows<TEAM, T>(step, statistics)));
}

template <class T, int WIDTH>
static ss_status launch_layer_norm_parameters(const ss_step *step, const moments *statistics, const ss_stripes &of) {
  double *partials = (double *)step->scratch;
  SS_TRY(ss_launch(layer_norm_parameters_kernel<T, WIDTH>, ss_stripes_grid(&of), SS_CUDA_THREADS,
                   (const T *)step->in[0], (const T *)step->in[1], statistics, of, partials));
  const ss_stripe_outputs<parameter_sums> outputs = {{(float *)step->out[1], (float *)step->out[2]}};
  return ss_launch(ss_stripe_finish_kernel<parameter_sums>, ss_stripe_totals_grid(&of), SS_CUDA_THREADS, partials, of,
                   outputs);
}

static ss_status run_layer_norm_backward(const ss_step *step) {
  const ss_tensor *x = step->node->inputs[1];
  if (!step->out[1] && !step->out[2]) {
    return run_layer_norm_rows(step, NULL);
  }
  const ss_stripes sweep = ss_stripes_of(x, 1);
  moments *statistics = (moments *)((char *)step->scratch + ss_stripes_bytes(&sweep, parameter_sums));
  SS_TRY(run_layer_norm_rows(step, statistics));
  SS_WITH_STRIPES(x, 1, T, WIDTH, of, return (launch_layer_norm_parameters<T, WIDTH>(step, statistics, of)));
}

SS_CUDA_KERNEL(layer_norm, run_layer_norm);
static const ss_way layer_norm_backward_ways[] = {
    {"cuda", NULL, prepare_layer_norm_backward, run_layer_norm_backward, NULL}};
const ss_kernel ss_cuda_layer_norm_backward = {layer_norm_backward_ways, 1};

/* ---- local response norm ---- */

/* The neighbours of a channel are few and in the nearest cache: their squares are added up anew for each that wants
 * them. */
typedef struct response {
  int size, channels;
  float alpha, beta, k;
} response;

static response response_of(const ss_step *step) {
  const ss_attributes *attributes = &step->node->attributes;
  response of;
  of.size = attributes->kernel[0];
  of.channels = (int)ss_rows_length(step);
  of.alpha = attributes->alpha;
  of.beta = attributes->beta;
  of.k = attributes->gamma;
  return of;
}

/* k + alpha / size x sum of squares over the channel's neighbourhood in the row. */
template <class T>
__device__ static float response_base(const T *row, int channel, const response &of) {
  const int begin = channel - of.size / 2, end = channel + (of.size - 1) / 2;
  float sum = 0.0f;
  for (int i = begin < 0 ? 0 : begin; i <= end && i < of.channels; i++) {
    const float value = ss_widen(row[i]);
    sum += value * value;
  }
  return of.k + of.alpha / (float)of.size * sum;
}

/* base^-beta */
__device__ static float response_power(float base, float beta) {
  if (beta == 0.75f) { /* AlexNet's */
    const float root = sqrtf(base);
    return 1.0f / (root * sqrtf(root));
  }
  return powf(base, -beta);
}

template <class T>
__global__ void local_response_norm_kernel(const T *x, T *y, ss_stripes sweep, response of) {
  const ss_stripe_place place = ss_stripe_place_of(sweep);
  int64_t at = place.at;
  for (int64_t rest = place.rows; rest > 0; rest--, at += place.step) {
    const float base = response_base(x + at - place.channel, place.channel, of);
    y[at] = ss_narrow<T>(ss_widen(x[at]) * response_power(base, of.beta));
  }
}

/* dx_i = dy_i base_i^-beta - 2 alpha beta / size x_i sum_j dy_j x_j base_j^(-beta - 1) over the j whose neighbourhood i
 * is in. */
template <class T>
__global__ void local_response_norm_backward_kernel(const T *dy, const T *x, T *dx, ss_stripes sweep, response of) {
  const ss_stripe_place place = ss_stripe_place_of(sweep);
  const float factor = 2.0f * of.alpha * of.beta / (float)of.size;
  const int begin = place.channel - (of.size - 1) / 2, end = place.channel + of.size / 2;
  int64_t at = place.at;
  for (int64_t rest = place.rows; rest > 0; rest--, at += place.step) {
    const T *x_row = x + at - place.channel, *dy_row = dy + at - place.channel;
    float sum = 0.0f, own_power = 0.0f;
    for (int i = begin < 0 ? 0 : begin; i <= end && i < of.channels; i++) {
      const float base = response_base(x_row, i, of), power = response_power(base, of.beta);
      sum += ss_widen(dy_row[i]) * ss_widen(x_row[i]) * power / base;
      own_power = i == place.channel ? power : own_power;
    }
    dx[at] = ss_narrow<T>(ss_widen(dy[at]) * own_power - factor * ss_widen(x[at]) * sum);
  }
}

template <class T>
static ss_status launch_local_response_norm(const ss_step *step) {
  const ss_stripes sweep = ss_stripes_wide(step->node->inputs[0], 1, 1);
  return ss_launch(local_response_norm_kernel<T>, ss_stripes_grid(&sweep), SS_CUDA_THREADS, (const T *)step->in[0],
                   (T *)step->out[0], sweep, response_of(step));
}

template <class T>
static ss_status launch_local_response_norm_backward(const ss_step *step) {
  const ss_stripes sweep = ss_stripes_wide(step->node->inputs[0], 1, 1);
  return ss_launch(local_response_norm_backward_kernel<T>, ss_stripes_grid(&sweep), SS_CUDA_THREADS,
                   (const T *)step->in[0], (const T *)step->in[1], (T *)step->out[0], sweep, response_of(step));
}

static ss_status run_local_response_norm(const ss_step *step) {
  SS_WITH_FLOATS(step->node->inputs[0]->dtype, T, return launch_local_response_norm<T>(step));
}

static ss_status run_local_response_norm_backward(const ss_step *step) {
  SS_WITH_FLOATS(step->node->inputs[0]->dtype, T, return launch_local_response_norm_backward<T>(step));
}

SS_CUDA_KERNEL(local_response_norm, run_local_response_norm);
SS_CUDA_KERNEL(local_response_norm_backward, run_local_response_norm_backward);

/* ---- L2 normalisation ---- */

template <int TEAM, class T>
__device__ static float dot(const T *a, const T *b, int64_t length) {
  float sum = 0.0f;
  for (int64_t i = ss_team_member<TEAM>(); i < length; i += TEAM) {
    sum += ss_widen(a[i]) * ss_widen(b[i]);
  }
  return ss_team_sum<TEAM>(sum);
}

template <int TEAM, class T>
__global__ void l2_normalize_kernel(const T *x, T *y, int64_t rows, int64_t length, float epsilon) {
  for (int64_t row = ss_team_first<TEAM>(); row < rows; row += ss_team_stride<TEAM>()) {
    const T *from = x + row * length;
    const float norm = sqrtf(dot<TEAM>(from, from, length));
    const float scale = 1.0f / (norm < epsilon ? epsilon : norm);
    for (int64_t i = ss_team_member<TEAM>(); i < length; i += TEAM) {
      y[row * length + i] = ss_narrow<T>(ss_widen(from[i]) * scale);
    }
  }
}

/* With y = x / ||x||: dx = (dy - y (y . dy)) / ||x||; dx = dy / epsilon where the norm is smaller. */
template <int TEAM, class T>
__global__ void l2_normalize_backward_kernel(const T *dy, const T *x, T *dx, int64_t rows, int64_t length,
                                             float epsilon) {
  for (int64_t row = ss_team_first<TEAM>(); row < rows; row += ss_team_stride<TEAM>()) {
    const T *of_dy = dy + row * length, *of_x = x + row * length;
    const float norm = sqrtf(dot<TEAM>(of_x, of_x, length)), along = dot<TEAM>(of_x, of_dy, length);
    const float scale = 1.0f / (norm < epsilon ? epsilon : norm);
    const float factor = norm < epsilon ? 0.0f : along * scale * scale;
    for (int64_t i = ss_team_member<TEAM>(); i < length; i += TEAM) {
      dx[row * length + i] = ss_narrow<T>((ss_widen(of_dy[i]) - ss_widen(of_x[i]) * factor) * scale);
    }
  }
}

template <int TEAM, class T>
static ss_status launch_l2_normalize(const ss_step *step) {
  const int64_t length = ss_rows_length(step), rows = ss_rows_count(step);
  return ss_launch(l2_normalize_kernel<TEAM, T>, ss_blocks(rows * TEAM), SS_CUDA_THREADS, (const T *)step->in[0],
                   (T *)step->out[0], rows, length, step->node->attributes.alpha);
}

template <int TEAM, class T>
static ss_status launch_l2_normalize_backward(const ss_step *step) {
  const int64_t length = ss_rows_length(step), rows = ss_rows_count(step);
  return ss_launch(l2_normalize_backward_kernel<TEAM, T>, ss_blocks(rows * TEAM), SS_CUDA_THREADS,
                   (const T *)step->in[0], (const T *)step->in[1], (T *)step->out[0], rows, length,
                   step->node->attributes.alpha);
}

static ss_status run_l2_normalize(const ss_step *step) {
  SS_WITH_ROWS(step, TEAM, T, return (launch_l2_normalize<TEAM, T>(step)));
}

static ss_status run_l2_normalize_backward(const ss_step *step) {
  SS_WITH_ROWS(step, TEAM, T, return (launch_l2_normalize_backward<TEAM, T>(step)));
}

SS_CUDA_KERNEL(l2_normalize, run_l2_normalize);
SS_CUDA_KERNEL(l2_normalize_backward, run_l2_normalize_backward);
