/* Inside engine/cuda: kernels that make an image's places one by one, a thread for some channels of each. */
#ifndef SS_ENGINE_CUDA_IMAGES_CUH
#define SS_ENGINE_CUDA_IMAGES_CUH

#include "engine/cuda/launch.cuh"

/* A divisor known at the launch: divides numbers below 2^31 by a multiplication (Granlund and Montgomery). */
struct ss_divisor {
  uint32_t by, multiplier, shift;
};

static inline ss_divisor ss_divisor_of(int64_t by) {
  uint32_t shift = 0;
  while ((int64_t)1 << shift < by) {
    shift++;
  }
  const uint64_t excess = ((uint64_t)1 << shift) - (uint64_t)by, multiplier = (excess << 32) / (uint64_t)by + 1;
  return {(uint32_t)by, (uint32_t)multiplier, shift};
}

__device__ static __forceinline__ uint32_t ss_divide(uint32_t number, const ss_divisor &divisor) {
  return (__umulhi(number, divisor.multiplier) + number) >> divisor.shift;
}

/* The places of one image (D, H, W, C), D 1 where there is none; `together` channels of each. */
struct ss_places {
  ss_divisor rows, columns, packs;
  int together;
  uint32_t count;   /* of all these */
  int64_t elements; /* of the image */
};

struct ss_place {
  int depth, row, column, channel;
};

static inline ss_places ss_places_of(ss_shape shape, int together) {
  const int64_t *last = &shape.dims[shape.rank - 3];
  const int64_t elements = ss_shape_count(shape) / shape.dims[0];
  return {ss_divisor_of(last[0]),
          ss_divisor_of(last[1]),
          ss_divisor_of(last[2] / together),
          together,
          (uint32_t)(elements / together),
          elements};
}

/* Places are counted in 32 bits within an image. */
static inline bool ss_places_fit(const ss_tensor *images) {
  return ss_shape_count(images->shape) / images->shape.dims[0] <= INT32_MAX;
}

__device__ static __forceinline__ ss_place ss_place_at(const ss_places &places, uint32_t i) {
  const uint32_t pixel = ss_divide(i, places.packs), line = ss_divide(pixel, places.columns);
  const uint32_t depth = ss_divide(line, places.rows);
  return {(int)depth, (int)(line - depth * places.rows.by), (int)(pixel - line * places.columns.by),
          (int)(i - pixel * places.packs.by) * places.together};
}

/* Blocks for
 *   for (int64_t image = blockIdx.y; image < batch; image += gridDim.y) {
 *     for (uint32_t i = ss_first(); i < places.count; i += ss_stride()) { */
static inline dim3 ss_blocks_of_images(const ss_places &places, int64_t batch) {
  const int64_t most = 4096; /* keeps any GPU busy; CUDA would take 65,535 */
  return dim3(ss_blocks(places.count).x, (unsigned)(batch < most ? batch : most));
}

/* Whether a thread can have as many channels as make 16 bytes; else it has one. */
template <class T>
static bool ss_packs_fit(ss_shape shape) {
  return shape.dims[shape.rank - 1] % (int64_t)(16 / sizeof(T)) == 0;
}

/* N channels as float, read and written at once. */
template <class T, int N>
__device__ static __forceinline__ void ss_read(const T *from, float (&values)[N]) {
  const ss_pack<T, N> pack = *(const ss_pack<T, N> *)from;
  for (int i = 0; i < N; i++) {
    values[i] = ss_widen(pack.element[i]);
  }
}
template <class T, int N>
__device__ static __forceinline__ void ss_write(T *to, const float (&values)[N]) {
  ss_pack<T, N> pack;
  for (int i = 0; i < N; i++) {
    pack.element[i] = ss_narrow<T>(values[i]);
  }
  *(ss_pack<T, N> *)to = pack;
}

#endif
