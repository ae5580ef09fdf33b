/* Batch norm, backward: one sweep for the sums over rows, one for the gradient of x and of the residual.
 * engine/cpu/batch_norm_backward.c says the formulas. */
#include "engine/cuda/stripes.cuh"
extern "C" {
#include "engine/batch_norm.h"
}

/* The scratch: the stripes' sums, of g and of g (x - mean), and by group and channel what dx is made with: the mean,
 * and the factors of g, of x - mean and of 1. */
enum { product_sums = 2, column_count = 4 };

static float *columns_of(const ss_step *step, const ss_stripes *of) {
  return (float *)((char *)step->scratch + ss_stripes_bytes(of, product_sums));
}

static ss_status prepare(ss_step *step, ss_error *error) {
  (void)error;
  const ss_stripes of = ss_stripes_of(step->node->inputs[SS_BNB_X], step->node->attributes.groups);
  const size_t columns = (size_t)of.groups * column_count * (size_t)of.channels * sizeof(float);
  step->scratch_bytes = ss_stripes_bytes(&of, product_sums) + columns;
  return SS_OK;
}

/* ---- the gradient of y behind the ReLU ---- */

template <class T>
struct gradient_source {
  const T *dy, *dy2;   /* dy2 may be NULL */
  const uint8_t *mask; /* or NULL */
  int64_t group_count; /* elements of a group */
};

/* Which of the elements from `at` on the ReLU let through. Whole bytes of the mask are a thread's, or it has one bit.
 */
template <int WIDTH>
__device__ static __forceinline__ unsigned kept_bits(const uint8_t *mask, int64_t group_count, int group, int64_t at) {
  if (WIDTH == SS_STRIPE_WIDTH) {
    return mask[at / SS_STRIPE_WIDTH];
  }
  const int64_t within = at - group * group_count;
  return mask[group * ((group_count + 7) / 8) + within / 8] >> within % 8;
}

/* Some rows of it. */
template <int ROWS, class T, int WIDTH>
struct gradients {
  ss_pack<T, WIDTH> first[ROWS], second[ROWS] = {};
  unsigned kept[ROWS];
  bool twice;

  __device__ __forceinline__ gradients(const gradient_source<T> &from, int group, int64_t at, int64_t step)
      : twice(from.dy2 != NULL) {
    ss_stripe_read(from.dy, at, step, first);
    if (twice) {
      ss_stripe_read(from.dy2, at, step, second);
    }
#pragma unroll
    for (int r = 0; r < ROWS; r++) {
      kept[r] = from.mask ? kept_bits<WIDTH>(from.mask, from.group_count, group, at + r * step) : ~0u;
    }
  }

  __device__ __forceinline__ float at(int r, int v) const {
    const float one = ss_widen(first[r].element[v]);
    return kept[r] >> v & 1u ? (twice ? one + ss_widen(second[r].element[v]) : one) : 0.0f;
  }
};

/* ---- sums ---- */

template <int ROWS, class T, int WIDTH>
__device__ static __forceinline__ void sum_rows(const gradient_source<T> &from, const T *x, int group, int64_t at,
                                                int64_t step, const float (&mean)[WIDTH],
                                                float (&sums)[product_sums][WIDTH]) {
  const gradients<ROWS, T, WIDTH> g(from, group, at, step);
  ss_pack<T, WIDTH> rows[ROWS];
  ss_stripe_read(x, at, step, rows);
#pragma unroll
  for (int v = 0; v < WIDTH; v++) {
    float first[ROWS], second[ROWS];
#pragma unroll
    for (int r = 0; r < ROWS; r++) {
      first[r] = g.at(r, v);
      second[r] = first[r] * (ss_widen(rows[r].element[v]) - mean[v]);
    }
    sums[0][v] += ss_stripe_pairs(first);
    sums[1][v] += ss_stripe_pairs(second);
  }
}

template <class T, int WIDTH>
__global__ void __launch_bounds__(SS_CUDA_THREADS)
    sum_kernel(gradient_source<T> from, const T *x, const float *means, ss_stripes of, double *partials) {
  constexpr int together = ss_stripe_rows_at_once<T, WIDTH>();
  const ss_stripe_place place = ss_stripe_place_of(of);
  float mean[WIDTH], sums[product_sums][WIDTH] = {};
  for (int v = 0; v < WIDTH; v++) {
    mean[v] = means[(int64_t)place.group * of.channels + place.channel + v];
  }
  int64_t at = place.at, rest = place.rows;
  for (; rest >= together; rest -= together, at += together * place.step) {
    sum_rows<together>(from, x, place.group, at, place.step, mean, sums);
  }
  for (; rest > 0; rest--, at += place.step) {
    sum_rows<1>(from, x, place.group, at, place.step, mean, sums);
  }
  ss_stripe_add(of, sums, partials);
}

typedef struct coefficients {
  const float *weights; /* or NULL */
  const float *means, *inverses;
  float *dweight, *dbias; /* or NULL */
  float *columns;
  int summed, training;
} coefficients;

/* The gradients of the weight and the bias, and the columns. */
__global__ void finish_sums_kernel(const double *partials, ss_stripes of, coefficients to) {
  const int channel = ss_stripe_totals_channel();
  const double rows = (double)of.rows;
  double weight_gradient = 0.0, bias_gradient = 0.0;
  for (int group = 0; group < of.groups; group++) {
    double sums[product_sums] = {0.0, 0.0};
    if (to.summed) {
      ss_stripe_totals(of, partials, group, sums);
    }
    if (!ss_stripe_totals_writes(of)) {
      continue;
    }
    const int64_t place = (int64_t)group * of.channels + channel;
    const double inverse = (double)to.inverses[place];
    const double scale = to.weights ? inverse * (double)to.weights[channel] : inverse;
    float *columns = to.columns + (int64_t)group * column_count * of.channels + channel;
    columns[0] = to.means[place];
    columns[of.channels] = (float)scale;
    columns[2 * of.channels] = to.training ? (float)(-scale * inverse * inverse * sums[1] / rows) : 0.0f;
    columns[3 * of.channels] = to.training ? (float)(-scale * sums[0] / rows) : 0.0f;
    weight_gradient += sums[1] * inverse;
    bias_gradient += sums[0];
  }
  if (ss_stripe_totals_writes(of)) {
    if (to.dweight) {
      to.dweight[channel] = (float)weight_gradient;
    }
    if (to.dbias) {
      to.dbias[channel] = (float)bias_gradient;
    }
  }
}

/* ---- dx and the residual's gradient ---- */

template <class T>
struct derivation {
  gradient_source<T> from;
  const T *x;
  const float *columns;
  T *dx, *residual; /* or NULL; dx may be dy */
};

/* dx = g of_g + (x - mean) of_x + of_one, the residual's gradient = g */
template <int ROWS, class T, int WIDTH>
__device__ static __forceinline__ void differentiate_rows(const derivation<T> &task, int group, int64_t at,
                                                          int64_t step, const float (&columns)[column_count][WIDTH]) {
  const gradients<ROWS, T, WIDTH> g(task.from, group, at, step);
  ss_pack<T, WIDTH> x[ROWS];
  ss_stripe_read(task.x, at, step, x);
#pragma unroll
  for (int r = 0; r < ROWS; r++) {
    ss_pack<T, WIDTH> dx, residual;
#pragma unroll
    for (int v = 0; v < WIDTH; v++) {
      const float of_g = g.at(r, v);
      const float deviation = ss_widen(x[r].element[v]) - columns[0][v];
      residual.element[v] = ss_narrow<T>(of_g);
      dx.element[v] = ss_narrow<T>(of_g * columns[1][v] + (deviation * columns[2][v] + columns[3][v]));
    }
    if (task.residual) {
      ss_stripe_write(task.residual, at + r * step, residual);
    }
    if (task.dx) {
      ss_stripe_write(task.dx, at + r * step, dx);
    }
  }
}

/* Upwards, for what the sweep before read last may still be in the cache. */
template <class T, int WIDTH>
__global__ void __launch_bounds__(SS_CUDA_THREADS) differentiate_kernel(derivation<T> task, ss_stripes of) {
  constexpr int together = ss_stripe_rows_at_once<T, WIDTH>();
  const ss_stripe_place place = ss_stripe_place_of(of);
  float columns[column_count][WIDTH];
  for (int k = 0; k < column_count; k++) {
    for (int v = 0; v < WIDTH; v++) {
      columns[k][v] = task.columns[((int64_t)place.group * column_count + k) * of.channels + place.channel + v];
    }
  }
  int64_t rest = place.rows, at = place.at + (rest - 1) * place.step;
  for (; rest >= together; rest -= together, at -= together * place.step) {
    differentiate_rows<together>(task, place.group, at, -place.step, columns);
  }
  for (; rest > 0; rest--, at -= place.step) {
    differentiate_rows<1>(task, place.group, at, -place.step, columns);
  }
}

/* ---- launches ---- */

template <class T, int WIDTH>
static ss_status launch(const ss_step *step, const ss_stripes &of) {
  double *partials = (double *)step->scratch;
  coefficients to;
  to.weights = (const float *)step->in[SS_BNB_WEIGHT];
  to.means = (const float *)step->in[SS_BNB_MEAN];
  to.inverses = (const float *)step->in[SS_BNB_INVERSE];
  to.dweight = (float *)step->out[SS_BNB_DWEIGHT];
  to.dbias = (float *)step->out[SS_BNB_DBIAS];
  to.columns = columns_of(step, &of);
  to.training = (step->node->attributes.flags & SS_BATCH_NORM_TRAINING) != 0;
  derivation<T> task;
  task.from.dy = (const T *)step->in[SS_BNB_DY];
  task.from.dy2 = (const T *)step->in[SS_BNB_DY2];
  task.from.mask = (const uint8_t *)step->in[SS_BNB_MASK];
  task.from.group_count = of.rows * of.channels;
  task.x = (const T *)step->in[SS_BNB_X];
  task.columns = to.columns;
  task.dx = (T *)step->out[SS_BNB_DX];
  task.residual = (T *)step->out[SS_BNB_DRESIDUAL];
  to.summed = to.dweight || to.dbias || (to.training && task.dx);
  if (to.summed) {
    SS_TRY(ss_launch(sum_kernel<T, WIDTH>, ss_stripes_grid(&of), SS_CUDA_THREADS, task.from, task.x, to.means, of,
                     partials));
  }
  SS_TRY(ss_launch(finish_sums_kernel, ss_stripe_totals_grid(&of), SS_CUDA_THREADS, partials, of, to));
  return task.dx || task.residual
             ? ss_launch(differentiate_kernel<T, WIDTH>, ss_stripes_grid(&of), SS_CUDA_THREADS, task, of)
             : SS_OK;
}

static ss_status run(const ss_step *step) {
  const ss_node *node = step->node;
  SS_WITH_STRIPES(node->inputs[SS_BNB_X], node->attributes.groups, T, WIDTH, of, return (launch<T, WIDTH>(step, of)));
}

static const ss_way ways[] = {{"cuda", NULL, prepare, run, NULL}};
const ss_kernel ss_cuda_batch_norm_backward = {ways, 1};
