/* Sweeps over many parameters: arrays are named in a launch's parameters, as many as fit, so that a network takes a few
 * launches and nothing is copied to the GPU for them. */
#include "engine/cuda/launch.cuh"
extern "C" {
#include "engine/optimizer.h"
}

#include <cmath>

enum {
  MOST_PIECES = 64, /* of a launch, whose parameters are at most 4 KB */
  CHUNK = 4096,     /* elements of a block */
  NORM_PARTS = 64   /* sums that a piece's norms are made of: a power of two, at least a warp */
};

template <class PIECE>
struct batch {
  PIECE pieces[MOST_PIECES];
  int begins[MOST_PIECES]; /* a piece's first block */
  int count;
};

static int64_t ceiling(int64_t a, int64_t b) {
  return (a + b - 1) / b;
}

/* launch(batch, blocks) for all pieces. */
template <class PIECE, class LAUNCH>
static ss_status for_batches(const PIECE *pieces, size_t count, LAUNCH launch, ss_error *error) {
  batch<PIECE> next = {};
  int64_t blocks = 0;
  for (size_t i = 0; i < count; i++) {
    next.pieces[next.count] = pieces[i];
    next.begins[next.count++] = (int)blocks;
    blocks += ceiling(pieces[i].count, CHUNK);
    if (next.count < MOST_PIECES && i + 1 < count) {
      continue;
    }
    if (launch(next, dim3((unsigned)blocks)) != SS_OK) {
      return ss_fail(error, SS_FAILED, "the GPU failed at a sweep over the parameters");
    }
    next.count = 0;
    blocks = 0;
  }
  return SS_OK;
}

/* The piece that this block works on: the last that begins no later. */
template <class PIECE>
__device__ static int find_piece(const batch<PIECE> &all) {
  int first = 0, end = all.count;
  while (end - first > 1) {
    const int middle = (first + end) / 2;
    if (all.begins[middle] <= (int)blockIdx.x) {
      first = middle;
    } else {
      end = middle;
    }
  }
  return first;
}

/* A block's elements of its piece. */
struct span {
  int64_t begin, end;
};
__device__ static __forceinline__ span find_span(int first_block, int64_t count) {
  const int64_t begin = ((int64_t)blockIdx.x - first_block) * CHUNK;
  return {begin, begin + CHUNK < count ? begin + CHUNK : count};
}

/* ---- target = keep target + add source ---- */

__global__ void blend_kernel(batch<ss_pair> all, float keep, float add) {
  const int index = find_piece(all);
  const ss_pair pair = all.pieces[index];
  const span own = find_span(all.begins[index], pair.count);
  for (int64_t i = own.begin + threadIdx.x; i < own.end; i += SS_CUDA_THREADS) {
    const float kept = keep == 0.0f ? 0.0f : keep * pair.target[i]; /* which may be anything then, a NaN too */
    pair.target[i] = kept + add * pair.source[i];
  }
}

static ss_status blend(const ss_pair *pairs, size_t count, float keep, float add, ss_error *error) {
  return for_batches(
      pairs, count,
      [=](const batch<ss_pair> &all, dim3 blocks) {
        return ss_launch(blend_kernel, blocks, SS_CUDA_THREADS, all, keep, add);
      },
      error);
}

/* ---- LARS: the norms ---- */

/* Sums of squares of a part of a piece: of its weights, and of its scaled gradients. */
struct squares {
  double weight, gradient;
};

static squares *norms; /* (MOST_PIECES, NORM_PARTS), of the batch that is at work, in the GPU's memory */

static ss_status reserve_norms(ss_error *error) {
  const size_t bytes = sizeof(squares) * MOST_PIECES * NORM_PARTS;
  return norms ? SS_OK : ss_cuda_memory.reserve(bytes, "the optimiser", (void **)&norms, error);
}

__global__ void norms_kernel(batch<ss_update_piece> all, float scale, squares *sums) {
  const int part = (int)blockIdx.x % NORM_PARTS;
  const ss_update_piece piece = all.pieces[blockIdx.x / NORM_PARTS];
  if (!piece.adapted) {
    return;
  }
  const int64_t length = (piece.count + NORM_PARTS - 1) / NORM_PARTS, begin = part * length;
  const int64_t end = begin + length < piece.count ? begin + length : piece.count;
  double weight = 0.0, gradient = 0.0;
  for (int64_t i = begin + threadIdx.x; i < end; i += SS_CUDA_THREADS) {
    const double w = (double)piece.weight[i], g = (double)(scale * piece.gradient[i]);
    weight += w * w;
    gradient += g * g;
  }
  weight = ss_block_sum(weight);
  gradient = ss_block_sum(gradient);
  if (threadIdx.x == 0) {
    sums[blockIdx.x] = squares{weight, gradient};
  }
}

/* The factor of a piece's rate (engine/optimizer.c), by every warp for itself. */
__device__ static float adaptation_of(const ss_update_piece &piece, const ss_update_rule &rule, const squares *sums) {
  if (!piece.adapted) {
    return 1.0f;
  }
  double w = 0.0, g = 0.0;
  for (int i = (int)threadIdx.x % SS_CUDA_WARP; i < NORM_PARTS; i += SS_CUDA_WARP) {
    w += sums[i].weight;
    g += sums[i].gradient;
  }
  w = sqrt(ss_warp_sum(w));
  g = sqrt(ss_warp_sum(g));
  const double own = w > 0.0 && g > 0.0 ? rule.trust * w / (g + piece.decay * w) : 1.0;
  if (!rule.clip_trust) {
    return (float)own;
  }
  return (float)(own < rule.rate ? own / rule.rate : 1.0);
}

/* ---- updates: engine/optimizer.c says the formulas ---- */

template <bool LARS>
__global__ void sgd_kernel(batch<ss_update_piece> all, ss_update_rule rule, const squares *sums) {
  const int index = find_piece(all);
  const ss_update_piece piece = all.pieces[index];
  const span own = find_span(all.begins[index], piece.count);
  const float adaptation = LARS ? adaptation_of(piece, rule, sums + index * NORM_PARTS) : 1.0f;
  for (int64_t i = own.begin + threadIdx.x; i < own.end; i += SS_CUDA_THREADS) {
    const float weight = piece.weight[i];
    const float g = adaptation * (rule.scale * piece.gradient[i] + piece.decay * weight);
    const float v = rule.momentum * piece.first[i] + g;
    piece.first[i] = v;
    piece.weight[i] = weight - rule.rate * (rule.nesterov ? g + rule.momentum * v : v);
  }
}

template <bool DECOUPLED>
__global__ void adam_kernel(batch<ss_update_piece> all, ss_update_rule rule) {
  const int index = find_piece(all);
  const ss_update_piece piece = all.pieces[index];
  const span own = find_span(all.begins[index], piece.count);
  const float left = DECOUPLED ? 1.0f - rule.rate * piece.decay : 1.0f, decay = DECOUPLED ? 0.0f : piece.decay;
  for (int64_t i = own.begin + threadIdx.x; i < own.end; i += SS_CUDA_THREADS) {
    const float weight = piece.weight[i] * left;
    const float g = rule.scale * piece.gradient[i] + decay * weight;
    const float first = rule.beta1 * piece.first[i] + (1.0f - rule.beta1) * g;
    const float second = rule.beta2 * piece.second[i] + (1.0f - rule.beta2) * g * g;
    piece.first[i] = first;
    piece.second[i] = second;
    piece.weight[i] = weight - rule.step * first / (sqrtf(second) * rule.root + rule.epsilon);
  }
}

static ss_status update_batch(const batch<ss_update_piece> &all, dim3 blocks, const ss_update_rule &rule) {
  switch (rule.kind) {
    case SS_SGD:
      return ss_launch(sgd_kernel<false>, blocks, SS_CUDA_THREADS, all, rule, norms);
    case SS_LARS:
      SS_TRY(
          ss_launch(norms_kernel, dim3((unsigned)(all.count * NORM_PARTS)), SS_CUDA_THREADS, all, rule.scale, norms));
      return ss_launch(sgd_kernel<true>, blocks, SS_CUDA_THREADS, all, rule, norms);
    case SS_ADAM:
      return ss_launch(adam_kernel<false>, blocks, SS_CUDA_THREADS, all, rule);
    default: /* SS_ADAMW */
      return ss_launch(adam_kernel<true>, blocks, SS_CUDA_THREADS, all, rule);
  }
}

static ss_status update(const ss_update_piece *pieces, size_t count, const ss_update_rule *rule, ss_error *error) {
  if (rule->kind == SS_LARS) {
    SS_TRY(reserve_norms(error));
  }
  return for_batches(
      pieces, count, [=](const batch<ss_update_piece> &all, dim3 blocks) { return update_batch(all, blocks, *rule); },
      error);
}

const ss_device_sweeps ss_cuda_sweeps = {blend, update};
