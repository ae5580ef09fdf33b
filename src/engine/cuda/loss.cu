/* What goes over rows of logits: cross-entropy and accuracy. A row is a warp's, or a block's where rows are long. */
#include "engine/cuda/mean.cuh"
#include "engine/cuda/rows.cuh"
extern "C" {
#include "engine/loss.h"
}

/* Of the kernels that leave a part each. */
static dim3 blocks_of(const ss_step *step) {
  const int team = ss_rows_length(step) <= SS_WARP_LONGEST_ROW ? SS_CUDA_WARP : SS_CUDA_THREADS;
  return ss_blocks(ss_rows_count(step) * team);
}

static ss_status prepare_mean(ss_step *step, ss_error *error) {
  (void)error;
  step->scratch_bytes = blocks_of(step).x * sizeof(ss_part);
  return SS_OK;
}

/* ---- CROSS_ENTROPY ---- */

/* What both directions read; engine/loss.h says what is absent when. X: of the logits, T: of the targets. */
template <class X, class T>
struct cross_entropy {
  const X *logits;
  const int32_t *labels;
  const T *targets;
  const float *weights;
  int64_t rows, classes;
  int64_t shares; /* labels of a row that share its weight; 0: it has one label, or a target for every class */
  bool without_self;
};

/* A row's largest logit m and log of the sum of e^(logit - m). */
struct normalizer {
  float largest, log_sum;
};

template <class X, class T>
static cross_entropy<X, T> cross_entropy_of(const ss_step *step) {
  const ss_node *node = step->node;
  const ss_shape *shape = &node->inputs[SS_CE_LOGITS]->shape;
  const bool both = step->in[SS_CE_LABELS] && step->in[SS_CE_TARGETS];
  return {(const X *)step->in[SS_CE_LOGITS],
          (const int32_t *)step->in[SS_CE_LABELS],
          (const T *)step->in[SS_CE_TARGETS],
          (const float *)step->in[SS_CE_WEIGHTS],
          shape->dims[0],
          shape->dims[1],
          both ? node->inputs[SS_CE_LABELS]->shape.dims[1] : 0,
          (node->attributes.flags & SS_CROSS_ENTROPY_WITHOUT_SELF) != 0};
}

template <class X, class T>
__device__ static __forceinline__ float logit_at(const cross_entropy<X, T> &of, int64_t row, int64_t k) {
  return of.without_self && k == row ? -INFINITY : ss_widen(of.logits[row * of.classes + k]);
}

__device__ static bool is_class(int32_t label, int64_t classes) {
  return label >= 0 && label < classes;
}

template <class X, class T>
__device__ static float weight_of(const cross_entropy<X, T> &of, int64_t row) {
  if (of.labels && !of.targets && !is_class(of.labels[row], of.classes)) {
    return 0.0f;
  }
  return of.weights ? of.weights[row] : 1.0f;
}

/* All of the row's team come here; `lane` numbers them. */
template <int TEAM, class X, class T>
__device__ static normalizer normalizer_of(const cross_entropy<X, T> &of, int64_t row, int lane) {
  float largest = -INFINITY;
#pragma unroll 8
  for (int64_t k = lane; k < of.classes; k += TEAM) {
    const float logit = logit_at(of, row, k);
    largest = logit > largest ? logit : largest;
  }
  largest = ss_team_largest<TEAM>(largest);
  double sum = 0.0;
#pragma unroll 8
  for (int64_t k = lane; k < of.classes; k += TEAM) {
    sum += (double)expf(logit_at(of, row, k) - largest);
  }
  return {largest, (float)log(ss_team_sum<TEAM>(sum))};
}

/* -log softmax of a logit. */
__device__ static double surprise(normalizer n, float logit) {
  return ((double)n.largest - (double)logit) + (double)n.log_sum;
}

/* The lane's part of the sum over the classes of target x -log softmax. */
template <int TEAM, class X, class T>
__device__ static double loss_of_row(const cross_entropy<X, T> &of, int64_t row, normalizer n, int lane) {
  if (of.labels && !of.targets) {
    return lane == 0 ? surprise(n, logit_at(of, row, of.labels[row])) : 0.0;
  }
  double sum = 0.0;
  if (of.labels) {
    for (int64_t i = row * of.shares + lane; i < (row + 1) * of.shares; i += TEAM) {
      const float share = ss_widen(of.targets[i]);
      if (share != 0.0f && is_class(of.labels[i], of.classes)) {
        sum += (double)share * surprise(n, logit_at(of, row, of.labels[i]));
      }
    }
    return sum;
  }
#pragma unroll 4
  for (int64_t k = lane; k < of.classes; k += TEAM) {
    const float target = ss_widen(of.targets[row * of.classes + k]);
    sum += target != 0.0f ? (double)target * surprise(n, logit_at(of, row, k)) : 0.0;
  }
  return sum;
}

template <int TEAM, class X, class T>
__global__ void cross_entropy_kernel(cross_entropy<X, T> of, normalizer *normalizers, ss_part *parts) {
  const int lane = ss_team_member<TEAM>();
  double sum = 0.0, weights = 0.0;
  for (int64_t row = ss_team_first<TEAM>(); row < of.rows; row += ss_team_stride<TEAM>()) {
    const float weight = weight_of(of, row);
    normalizer n = {0.0f, 0.0f};
    if (weight != 0.0f) { /* an ignored row's logits may be anything */
      n = normalizer_of<TEAM>(of, row, lane);
      sum += (double)weight * loss_of_row<TEAM>(of, row, n, lane);
    }
    if (lane == 0) {
      normalizers[row] = n;
      weights += (double)weight;
    }
  }
  ss_leave_part(parts, sum, weights);
}

template <int TEAM, class X, class T>
static ss_status launch_cross_entropy(const ss_step *step) {
  SS_TRY(ss_launch(cross_entropy_kernel<TEAM, X, T>, blocks_of(step), SS_CUDA_THREADS, cross_entropy_of<X, T>(step),
                   (normalizer *)step->out[1], (ss_part *)step->scratch));
  return ss_launch_mean(step, blocks_of(step));
}

/* The type of the targets; float32 too where there are none. */
static ss_dtype target_type(const ss_step *step) {
  return step->in[SS_CE_TARGETS] ? step->node->inputs[SS_CE_TARGETS]->dtype : SS_F32;
}

static ss_status run_cross_entropy(const ss_step *step) {
  const ss_dtype targets = target_type(step);
  SS_WITH_ROWS(step, TEAM, X, SS_WITH_FLOATS(targets, T, return (launch_cross_entropy<TEAM, X, T>(step))));
}

static const ss_way cross_entropy_ways[] = {{"cuda", NULL, prepare_mean, run_cross_entropy, NULL}};
const ss_kernel ss_cuda_cross_entropy = {cross_entropy_ways, 1};

/* ---- CROSS_ENTROPY_BACKWARD ---- */

/* Sums of the rows' weights, one a block; as many as a block has threads at most. */
template <class X, class T>
__global__ void weigh_rows_kernel(cross_entropy<X, T> of, double *sums) {
  double sum = 0.0;
  for (int64_t row = ss_first(); row < of.rows; row += ss_stride()) {
    sum += (double)weight_of(of, row);
  }
  sum = ss_block_sum(sum);
  if (threadIdx.x == 0) {
    sums[blockIdx.x] = sum;
  }
}

template <int TEAM, class X, class T>
__device__ static float sum_of_targets(const cross_entropy<X, T> &of, int64_t row, int lane) {
  double sum = 0.0;
  if (of.labels) {
    for (int64_t i = row * of.shares + lane; i < (row + 1) * of.shares; i += TEAM) {
      sum += is_class(of.labels[i], of.classes) ? (double)ss_widen(of.targets[i]) : 0.0;
    }
  } else {
    for (int64_t k = lane; k < of.classes; k += TEAM) {
      sum += (double)ss_widen(of.targets[row * of.classes + k]);
    }
  }
  return (float)ss_team_sum<TEAM>(sum);
}

/* What class k of the row has of the targets. */
template <class X, class T>
__device__ static float target_at(const cross_entropy<X, T> &of, int64_t row, int64_t k) {
  if (!of.labels) {
    return ss_widen(of.targets[row * of.classes + k]);
  }
  if (!of.targets) {
    return of.labels[row] == k ? 1.0f : 0.0f;
  }
  float sum = 0.0f;
  for (int64_t i = row * of.shares; i < (row + 1) * of.shares; i++) {
    sum += of.labels[i] == k ? ss_widen(of.targets[i]) : 0.0f;
  }
  return sum;
}

template <int TEAM, class X, class T>
__global__ void cross_entropy_backward_kernel(cross_entropy<X, T> of, const normalizer *normalizers,
                                              const float *of_loss, const double *weight_sums, int weight_sum_count,
                                              X *of_logits, T *of_targets) {
  const int lane = ss_team_member<TEAM>();
  const double weights = ss_block_sum((int)threadIdx.x < weight_sum_count ? weight_sums[threadIdx.x] : 0.0);
  const double each = weights != 0.0 ? (double)*of_loss / weights : 0.0;
  for (int64_t row = ss_team_first<TEAM>(); row < of.rows; row += ss_team_stride<TEAM>()) {
    const float scale = (float)(each * (double)weight_of(of, row));
    const normalizer n = normalizers[row];
    const float target_sum = of.targets && of_logits ? sum_of_targets<TEAM>(of, row, lane) : 1.0f;
#pragma unroll 4
    for (int64_t k = lane; k < of.classes; k += TEAM) {
      const int64_t at = row * of.classes + k;
      if (of_logits) {
        const float softmax = expf((logit_at(of, row, k) - n.largest) - n.log_sum);
        const float slope = target_sum * softmax - target_at(of, row, k);
        of_logits[at] = ss_narrow<X>(scale == 0.0f ? 0.0f : scale * slope); /* an ignored row's may be anything */
      }
      if (of_targets) {
        const double value = (double)scale * surprise(n, ss_widen(of.logits[at]));
        of_targets[at] = ss_narrow<T>(scale == 0.0f ? 0.0f : (float)value);
      }
    }
  }
}

static dim3 blocks_to_weigh(int64_t rows) {
  const unsigned blocks = ss_blocks(rows).x, most = SS_CUDA_THREADS;
  return dim3(blocks < most ? blocks : most);
}

static ss_status prepare_cross_entropy_backward(ss_step *step, ss_error *error) {
  (void)error;
  step->scratch_bytes = blocks_to_weigh(step->node->inputs[SS_CE_LOGITS]->shape.dims[0]).x * sizeof(double);
  return SS_OK;
}

template <int TEAM, class X, class T>
static ss_status launch_cross_entropy_backward(const ss_step *step) {
  const cross_entropy<X, T> of = cross_entropy_of<X, T>(step);
  const dim3 weighing = blocks_to_weigh(of.rows);
  double *sums = (double *)step->scratch;
  SS_TRY(ss_launch(weigh_rows_kernel<X, T>, weighing, SS_CUDA_THREADS, of, sums));
  return ss_launch(cross_entropy_backward_kernel<TEAM, X, T>, blocks_of(step), SS_CUDA_THREADS, of,
                   (const normalizer *)step->in[SS_CE_NORMALIZERS], (const float *)step->in[SS_CE_GRADIENT], sums,
                   (int)weighing.x, (X *)step->out[0], (T *)step->out[1]);
}

static ss_status run_cross_entropy_backward(const ss_step *step) {
  const ss_dtype targets = target_type(step);
  SS_WITH_ROWS(step, TEAM, X, SS_WITH_FLOATS(targets, T, return (launch_cross_entropy_backward<TEAM, X, T>(step))));
}

static const ss_way cross_entropy_backward_ways[] = {
    {"cuda", NULL, prepare_cross_entropy_backward, run_cross_entropy_backward, NULL}};
const ss_kernel ss_cuda_cross_entropy_backward = {cross_entropy_backward_ways, 1};

/* ---- ACCURACY ---- */

/* The first of equals counts as the largest; a NaN never. */
template <int TEAM, class X>
__global__ void accuracy_kernel(const X *logits, const int32_t *labels, int64_t rows, int64_t classes, ss_part *parts) {
  const int lane = ss_team_member<TEAM>();
  int64_t correct = 0, seen = 0;
  for (int64_t row = ss_team_first<TEAM>(); row < rows; row += ss_team_stride<TEAM>()) {
    const int32_t label = labels[row];
    int failures = 1;
    if (is_class(label, classes)) {
      const float own = ss_widen(logits[row * classes + label]);
      failures = 0;
      for (int64_t k = lane; k < classes; k += TEAM) {
        const float other = ss_widen(logits[row * classes + k]);
        failures += k < label ? !(own > other) : !(own >= other);
      }
      failures = ss_team_sum<TEAM>(failures);
    }
    if (lane == 0) {
      correct += failures == 0;
      seen++;
    }
  }
  ss_leave_part(parts, (double)correct, (double)seen);
}

template <int TEAM, class X>
static ss_status launch_accuracy(const ss_step *step) {
  SS_TRY(ss_launch(accuracy_kernel<TEAM, X>, blocks_of(step), SS_CUDA_THREADS, (const X *)step->in[0],
                   (const int32_t *)step->in[1], ss_rows_count(step), ss_rows_length(step), (ss_part *)step->scratch));
  return ss_launch_mean(step, blocks_of(step));
}

static ss_status run_accuracy(const ss_step *step) {
  SS_WITH_ROWS(step, TEAM, X, return (launch_accuracy<TEAM, X>(step)));
}

static const ss_way accuracy_ways[] = {{"cuda", NULL, prepare_mean, run_accuracy, NULL}};
const ss_kernel ss_cuda_accuracy = {accuracy_ways, 1};
