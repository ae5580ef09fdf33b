/* Inside engine/cuda/pictures.cu: resizing with antialiasing, bilinear, bit for bit as augment/resize.c does it and
 * therefore Pillow. */
#ifndef SS_ENGINE_CUDA_PICTURES_RESIZE_CUH
#define SS_ENGINE_CUDA_PICTURES_RESIZE_CUH

#include "engine/cuda/pictures_rows.cuh"

enum { TAP_BITS = 22, TAP_HALF = 1 << (TAP_BITS - 1) };

/* The weights of one direction: output i is the sum over k < count[i] of weight[k * outputs + i] * input first[i] + k.
 */
struct filter {
  int32_t *first, *count, *weight;
  int inputs, outputs;
};

/* Integers that the weights take in memory. More inputs never take fewer. */
__host__ __device__ static inline size_t filter_words(int inputs, int outputs) {
  const double stretch = inputs > outputs ? (double)inputs / outputs : 1.0;
  const size_t most = 2 * (size_t)ceil(stretch) + 1;
  return (size_t)outputs * (2 + most);
}

__device__ static filter filter_at(int32_t *memory, int inputs, int outputs) {
  filter result;
  result.first = memory;
  result.count = memory + outputs;
  result.weight = memory + 2 * (size_t)outputs;
  result.inputs = inputs;
  result.outputs = outputs;
  return result;
}

__device__ static __forceinline__ double triangle(double x) {
  const double distance = fabs(x);
  return distance < 1.0 ? 1.0 - distance : 0.0;
}

/* The weights of output i. The sum has the processors' order of additions: one thread makes all of them. */
__device__ static void filter_fill(const filter &f, int i) {
  const double scale = (double)f.inputs / f.outputs, stretch = fmax(scale, 1.0), step = 1.0 / stretch;
  const double centre = (i + 0.5) * scale;
  const int low = (int)fmax(centre - stretch + 0.5, 0.0);
  const int high = (int)fmin(centre + stretch + 0.5, (double)f.inputs);
  double sum = 0.0;
  for (int k = 0; k < high - low; k++) {
    sum += triangle((k + low - centre + 0.5) * step);
  }
  for (int k = 0; k < high - low; k++) {
    const double share = triangle((k + low - centre + 0.5) * step) / sum;
    f.weight[(size_t)k * f.outputs + i] = (int32_t)(share * (1 << TAP_BITS) + 0.5);
  }
  f.first[i] = low;
  f.count[i] = high - low;
}

/* Rows of bytes, `pitch` apart. */
struct plane {
  const uint8_t *pixels;
  size_t pitch;
};

/* The horizontal pass: f.outputs pixels a row go out, without a gap. */
template <int CHANNELS>
__device__ static void pass_across(plane in, int rows, const filter &f, uint8_t *out) {
  for (int y = first_row(); y < rows; y += row_step()) {
    for (int x = first_column(); x < f.outputs; x += SS_CUDA_WARP) {
      const uint8_t *pixel = in.pixels + in.pitch * y + (size_t)f.first[x] * CHANNELS;
      const int count = f.count[x];
      int32_t sum[CHANNELS];
      for (int c = 0; c < CHANNELS; c++) {
        sum[c] = TAP_HALF;
      }
      for (int k = 0; k < count; k++, pixel += CHANNELS) {
        const int32_t weight = f.weight[(size_t)k * f.outputs + x];
        for (int c = 0; c < CHANNELS; c++) {
          sum[c] += weight * pixel[c];
        }
      }
      uint8_t *to = out + ((size_t)y * f.outputs + x) * CHANNELS;
      for (int c = 0; c < CHANNELS; c++) {
        to[c] = clip_to_byte(sum[c] >> TAP_BITS);
      }
    }
  }
}

/* The vertical pass: f.outputs rows of `row` bytes go out, without a gap. */
__device__ static void pass_down(plane in, int row, const filter &f, uint8_t *out) {
  for (int y = first_row(); y < f.outputs; y += row_step()) {
    const uint8_t *rows = in.pixels + in.pitch * f.first[y];
    const int count = f.count[y];
    for (int j = first_column(); j < row; j += SS_CUDA_WARP) {
      int32_t sum = TAP_HALF;
      for (int k = 0; k < count; k++) {
        sum += f.weight[(size_t)k * f.outputs + y] * rows[in.pitch * k + j];
      }
      out[(size_t)row * y + j] = clip_to_byte(sum >> TAP_BITS);
    }
  }
}

__device__ static void copy_rows(plane in, int row, int rows, uint8_t *out) {
  for (int y = first_row(); y < rows; y += row_step()) {
    for (int j = first_column(); j < row; j += SS_CUDA_WARP) {
      out[(size_t)row * y + j] = in.pixels[in.pitch * y + j];
    }
  }
}

/* The crop of width x height pixels, resized to size x size in `out`. `words` holds the weights of both directions and
 * `middle` what is between the passes: at most max(width, height) x size pixels. All threads come here; `out` is whole
 * when all have left and met. */
template <int CHANNELS>
__device__ static void resize_crop(plane in, int width, int height, int size, int32_t *words, uint8_t *middle,
                                   uint8_t *out) {
  const filter across = filter_at(words, width, size);
  const filter down = filter_at(words + filter_words(width, size), height, size);
  /* A side that stays as it is has no pass. */
  const bool same_width = width == size, same_height = height == size;
  for (int i = (int)threadIdx.x; i < 2 * size; i += (int)blockDim.x) {
    if (i < size && !same_width) {
      filter_fill(across, i);
    } else if (i >= size && !same_height) {
      filter_fill(down, i - size);
    }
  }
  __syncthreads();
  const int row = size * CHANNELS;
  if (same_width && same_height) {
    copy_rows(in, row, size, out);
  } else if (same_height) {
    pass_across<CHANNELS>(in, size, across, out);
  } else if (same_width) {
    pass_down(in, row, down, out);
  } else if (height > size && height - size > 2 * (width - size)) {
    /* Pillow's rule from its version 13 on: vertical first when the height loses more than twice what the width does.
     */
    pass_down(in, width * CHANNELS, down, middle);
    __syncthreads();
    const plane kept = {middle, (size_t)width * CHANNELS};
    pass_across<CHANNELS>(kept, size, across, out);
  } else {
    pass_across<CHANNELS>(in, height, across, middle);
    __syncthreads();
    const plane kept = {middle, (size_t)row};
    pass_down(kept, row, down, out);
  }
}

#endif
