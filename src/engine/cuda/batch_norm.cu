/* Batch norm, forward: one sweep for the statistics, one to normalise, add the residual and apply the ReLU; between
 * them, a few threads a channel finish the statistics. */
#include "engine/cuda/stripes.cuh"
extern "C" {
#include "engine/batch_norm.h"
}

#include <math.h>

enum { rows_in_shift = 8 };

/* The scratch: the stripes' sums, and by group and channel the shift about which they are taken and what a row is
 * normalised with: its mean, scale and bias. */
typedef struct areas {
  double *partials;
  float *shifts, *columns;
} areas;

enum { moment_sums = 2, column_count = 3 };

static size_t partials_bytes(const ss_node *node, const ss_stripes *of) {
  return node->attributes.flags & SS_BATCH_NORM_TRAINING ? ss_stripes_bytes(of, moment_sums) : 0;
}

static areas carve(const ss_step *step, const ss_stripes *of) {
  areas out;
  out.partials = (double *)step->scratch;
  out.columns = (float *)((char *)step->scratch + partials_bytes(step->node, of));
  out.shifts = out.columns + (size_t)of->groups * column_count * (size_t)of->channels;
  return out;
}

static ss_status prepare(ss_step *step, ss_error *error) {
  (void)error;
  const ss_stripes of = ss_stripes_of(step->node->inputs[SS_BN_X], step->node->attributes.groups);
  const size_t channels = (size_t)of.groups * (size_t)of.channels;
  step->scratch_bytes = partials_bytes(step->node, &of) + (column_count + 1) * channels * sizeof(float);
  return SS_OK;
}

/* ---- statistics ---- */

/* The mean of a few rows spread over the group, near enough to the group's mean for sums about it to lose nothing. */
template <class T, int WIDTH>
__device__ static void find_shift(const T *x, const ss_stripes &of, const ss_stripe_place &place,
                                  float (&shift)[WIDTH]) {
  const int64_t used = of.rows < rows_in_shift ? of.rows : (int64_t)rows_in_shift;
  for (int v = 0; v < WIDTH; v++) {
    shift[v] = 0.0f;
  }
#pragma unroll
  for (int k = 0; k < rows_in_shift; k++) {
    if (k < used) {
      const int64_t row = place.group * of.rows + k * of.rows / used;
      const ss_pack<T, WIDTH> pack = *(const ss_pack<T, WIDTH> *)(x + row * of.channels + place.channel);
      for (int v = 0; v < WIDTH; v++) {
        shift[v] += ss_widen(pack.element[v]) / (float)used;
      }
    }
  }
}

/* Adds some rows' deviations from the shift and their squares. */
template <int ROWS, class T, int WIDTH>
__device__ static __forceinline__ void measure_rows(const T *x, int64_t at, int64_t step, const float (&shift)[WIDTH],
                                                    float (&sums)[moment_sums][WIDTH]) {
  ss_pack<T, WIDTH> rows[ROWS];
  ss_stripe_read(x, at, step, rows);
#pragma unroll
  for (int v = 0; v < WIDTH; v++) {
    float first[ROWS], second[ROWS];
#pragma unroll
    for (int r = 0; r < ROWS; r++) {
      first[r] = ss_widen(rows[r].element[v]) - shift[v];
      second[r] = first[r] * first[r];
    }
    sums[0][v] += ss_stripe_pairs(first);
    sums[1][v] += ss_stripe_pairs(second);
  }
}

template <class T, int WIDTH>
__global__ void __launch_bounds__(SS_CUDA_THREADS)
    measure_kernel(const T *x, ss_stripes of, float *shifts, double *partials) {
  constexpr int together = ss_stripe_rows_at_once<T, WIDTH>();
  const ss_stripe_place place = ss_stripe_place_of(of);
  float shift[WIDTH], sums[moment_sums][WIDTH] = {};
  find_shift(x, of, place, shift);
  int64_t at = place.at, rest = place.rows;
  if (blockIdx.x == 0 && (int)threadIdx.x < of.across && rest > 0) { /* the first stripe's are those of all */
    for (int v = 0; v < WIDTH; v++) {
      shifts[(int64_t)place.group * of.channels + place.channel + v] = shift[v];
    }
  }
  for (; rest >= together; rest -= together, at += together * place.step) {
    measure_rows<together>(x, at, place.step, shift, sums);
  }
  for (; rest > 0; rest--, at += place.step) {
    measure_rows<1>(x, at, place.step, shift, sums);
  }
  ss_stripe_add(of, sums, partials);
}

/* Where statistics come from and go to. */
typedef struct statistics {
  float *running_mean, *running_var;
  int64_t *counter;
  const float *weights, *biases; /* or NULL */
  float *means, *inverses;       /* or NULL */
  float *columns;
  float epsilon;
  double momentum;
  unsigned flags;
} statistics;

/* Puts a channel's statistics in a group where they are read. */
__device__ static void write_statistics(const statistics &to, const ss_stripes &of, int group, int channel, double mean,
                                        float inverse) {
  const int64_t place = (int64_t)group * of.channels + channel;
  if (to.means) {
    to.means[place] = (float)mean;
  }
  if (to.inverses) {
    to.inverses[place] = inverse;
  }
  float *columns = to.columns + (int64_t)group * column_count * of.channels + channel;
  columns[0] = (float)mean;
  columns[of.channels] = to.weights ? inverse * to.weights[channel] : inverse;
  columns[2 * of.channels] = to.biases ? to.biases[channel] : 0.0f;
}

/* The batch's statistics from the stripes' sums, group after group; updates the running ones. */
__global__ void finish_statistics_kernel(const double *partials, const float *shifts, ss_stripes of, statistics to) {
  const int channel = ss_stripe_totals_channel();
  const bool updates = !(to.flags & SS_BATCH_NORM_HELD);
  const double rows = (double)of.rows;
  for (int group = 0; group < of.groups; group++) {
    double sums[moment_sums];
    ss_stripe_totals(of, partials, group, sums);
    if (!ss_stripe_totals_writes(of)) {
      continue;
    }
    const double away = sums[0] / rows, mean = (double)shifts[(int64_t)group * of.channels + channel] + away;
    const double deviations = sums[1] - sums[0] * away;
    const double squares = deviations < 0.0 ? 0.0 : deviations; /* a NaN stays one */
    if (updates) {
      float *running_mean = to.running_mean + channel, *running_var = to.running_var + channel;
      *running_mean = (float)((1.0 - to.momentum) * (double)*running_mean + to.momentum * mean);
      *running_var = (float)((1.0 - to.momentum) * (double)*running_var + to.momentum * squares / (rows - 1.0));
    }
    write_statistics(to, of, group, channel, mean, (float)(1.0 / sqrt(squares / rows + (double)to.epsilon)));
  }
  if (updates && blockIdx.x == 0 && threadIdx.x == 0) {
    *to.counter += of.groups;
  }
}

/* The statistics that are there already: the running ones, or a forward node's. */
__global__ void take_statistics_kernel(ss_stripes of, statistics to) {
  const bool saved = (to.flags & SS_BATCH_NORM_SAVED) != 0;
  const int64_t count = (int64_t)of.groups * of.channels;
  for (int64_t i = ss_first(); i < count; i += ss_stride()) {
    const int group = (int)(i / of.channels), channel = (int)(i % of.channels);
    const float second = to.running_var[saved ? i : channel];
    const float inverse = saved ? second : (float)(1.0 / sqrt((double)second + (double)to.epsilon));
    write_statistics(to, of, group, channel, (double)to.running_mean[saved ? i : channel], inverse);
  }
}

/* ---- y ---- */

template <class T>
struct normalization {
  const T *x, *residual; /* the residual may be NULL */
  T *y;                  /* may be x */
  uint8_t *mask;         /* where threads have whole bytes of it; or NULL */
  const float *columns;
  float least; /* 0 with the ReLU, else -infinity */
};

/* y = (x - mean) scale + bias [+ residual], [then ReLU] */
template <int ROWS, bool RESIDUAL, class T, int WIDTH>
__device__ static __forceinline__ void normalize_rows(const normalization<T> &task, int64_t at, int64_t step,
                                                      const float (&columns)[column_count][WIDTH]) {
  ss_pack<T, WIDTH> x[ROWS], residual[RESIDUAL ? ROWS : 1];
  ss_stripe_read(task.x, at, step, x);
  if (RESIDUAL) {
    ss_stripe_read(task.residual, at, step, residual);
  }
#pragma unroll
  for (int r = 0; r < ROWS; r++) {
    ss_pack<T, WIDTH> y;
    unsigned positive = 0;
#pragma unroll
    for (int v = 0; v < WIDTH; v++) {
      float value = (ss_widen(x[r].element[v]) - columns[0][v]) * columns[1][v] + columns[2][v];
      if (RESIDUAL) {
        value += ss_widen(residual[RESIDUAL ? r : 0].element[v]);
      }
      positive |= (value > 0.0f ? 1u : 0u) << v;
      y.element[v] = ss_narrow<T>(value < task.least ? task.least : value);
    }
    ss_stripe_write(task.y, at + r * step, y);
    if (task.mask) {
      task.mask[(at + r * step) / SS_STRIPE_WIDTH] = (uint8_t)positive;
    }
  }
}

/* Upwards, for what the sweep before read last may still be in the cache. */
template <class T, int WIDTH, bool RESIDUAL>
__global__ void __launch_bounds__(SS_CUDA_THREADS) normalize_kernel(normalization<T> task, ss_stripes of) {
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
    normalize_rows<together, RESIDUAL>(task, at, -place.step, columns);
  }
  for (; rest > 0; rest--, at -= place.step) {
    normalize_rows<1, RESIDUAL>(task, at, -place.step, columns);
  }
}

/* The mask where rows have no whole bytes of it: what is positive behind the ReLU. */
template <class T>
__global__ void mask_kernel(const T *y, uint8_t *mask, int64_t group_count, int64_t group_bytes, int groups) {
  for (int64_t i = ss_first(); i < groups * group_bytes; i += ss_stride()) {
    const int64_t group = i / group_bytes, at = (i - group * group_bytes) * 8;
    const int bits = group_count - at < 8 ? (int)(group_count - at) : 8;
    unsigned byte = 0;
    for (int bit = 0; bit < bits; bit++) {
      byte |= (ss_widen(y[group * group_count + at + bit]) > 0.0f ? 1u : 0u) << bit;
    }
    mask[i] = (uint8_t)byte;
  }
}

/* ---- launches ---- */

static statistics statistics_of(const ss_step *step, const areas *area) {
  const ss_attributes *attributes = &step->node->attributes;
  statistics to;
  to.running_mean = (float *)step->in[SS_BN_RUNNING_MEAN];
  to.running_var = (float *)step->in[SS_BN_RUNNING_VAR];
  to.counter = (int64_t *)step->in[SS_BN_COUNTER];
  to.weights = (const float *)step->in[SS_BN_WEIGHT];
  to.biases = (const float *)step->in[SS_BN_BIAS];
  to.means = (float *)step->out[SS_BN_MEAN];
  to.inverses = (float *)step->out[SS_BN_INVERSE];
  to.columns = area->columns;
  to.epsilon = attributes->alpha;
  to.momentum = (double)attributes->beta;
  to.flags = attributes->flags;
  return to;
}

template <class T, int WIDTH>
static ss_status launch(const ss_step *step, const ss_stripes &of) {
  const unsigned flags = step->node->attributes.flags;
  const areas area = carve(step, &of);
  const statistics to = statistics_of(step, &area);
  normalization<T> task;
  task.x = (const T *)step->in[SS_BN_X];
  task.residual = flags & SS_BATCH_NORM_RESIDUAL ? (const T *)step->in[SS_BN_RESIDUAL] : NULL;
  task.y = (T *)step->out[SS_BN_Y];
  task.mask = WIDTH == SS_STRIPE_WIDTH ? (uint8_t *)step->out[SS_BN_MASK] : NULL;
  task.columns = area.columns;
  task.least = flags & SS_BATCH_NORM_RELU ? 0.0f : -INFINITY;
  if (flags & SS_BATCH_NORM_TRAINING) {
    SS_TRY(ss_launch(measure_kernel<T, WIDTH>, ss_stripes_grid(&of), SS_CUDA_THREADS, task.x, of, area.shifts,
                     area.partials));
    SS_TRY(ss_launch(finish_statistics_kernel, ss_stripe_totals_grid(&of), SS_CUDA_THREADS, area.partials, area.shifts,
                     of, to));
  } else {
    SS_TRY(ss_launch(take_statistics_kernel, ss_blocks((int64_t)of.groups * of.channels), SS_CUDA_THREADS, of, to));
  }
  SS_TRY(ss_launch(task.residual ? normalize_kernel<T, WIDTH, true> : normalize_kernel<T, WIDTH, false>,
                   ss_stripes_grid(&of), SS_CUDA_THREADS, task, of));
  if (WIDTH == SS_STRIPE_WIDTH || !step->out[SS_BN_MASK]) {
    return SS_OK;
  }
  const int64_t group_count = of.rows * of.channels, group_bytes = (group_count + 7) / 8;
  return ss_launch(mask_kernel<T>, ss_blocks(of.groups * group_bytes), SS_CUDA_THREADS, task.y,
                   (uint8_t *)step->out[SS_BN_MASK], group_count, group_bytes, of.groups);
}

static ss_status run(const ss_step *step) {
  const ss_node *node = step->node;
  SS_WITH_STRIPES(node->inputs[SS_BN_X], node->attributes.groups, T, WIDTH, of, return (launch<T, WIDTH>(step, of)));
}

static const ss_way ways[] = {{"cuda", NULL, prepare, run, NULL}};
const ss_kernel ss_cuda_batch_norm = {ways, 1};
