/* Random views of pictures in the GPU's memory: engine/pictures.h. A block of threads makes a view from its crop to its
 * floats, in shared memory where that is enough, and the blocks take turns on the batch. The build forbids products to
 * be contracted with sums in this file, as the processors' code does: the bytes are the same. */
#include "engine/cuda/launch.cuh"
extern "C" {
#include "engine/pictures_table.h"
}
#include "engine/cuda/pictures_blur.cuh"
#include "engine/cuda/pictures_colour.cuh"
#include "engine/cuda/pictures_resize.cuh"
#include "engine/cuda/pictures_rows.cuh"

/* ---- one view ---- */

/* A block's working memory: the weights of both directions; what is between the passes of a resize or of a blur; the
 * view. */
struct view_memory {
  size_t middle, view, bytes; /* where they begin, and the end */
};

/* Never less for a larger picture. */
__host__ __device__ static inline view_memory view_memory_of(int width, int height, int size, int channels) {
  const int across = width > height ? width : height, longest = across > size ? across : size;
  view_memory memory;
  memory.middle = (filter_words(width, size) + filter_words(height, size)) * sizeof(int32_t);
  memory.view = memory.middle + (size_t)longest * size * channels;
  memory.bytes = (memory.view + (size_t)size * size * channels + 15) / 16 * 16;
  return memory;
}

/* The view's bytes, mirrored and solarised on the way, both of which can wait until now: blurs are symmetric. */
template <int CHANNELS>
__device__ static void write_floats(const ss_device_view &view, const ss_view_batch &batch, const uint8_t *pixels,
                                    float *out) {
  const int size = batch.size;
  for (int y = first_row(); y < size; y += row_step()) {
    for (int j = first_column(); j < 3 * size; j += SS_CUDA_WARP) {
      const int x = j / 3, c = j - 3 * x;
      const size_t pixel = (size_t)size * y + (view.flip ? size - 1 - x : x);
      const int value = pixels[pixel * CHANNELS + (CHANNELS == 3 ? c : 0)];
      const float number = (float)(value >= view.solarize_from ? 255 - value : value);
      out[(size_t)3 * size * y + j] = number * batch.scale[c] + batch.shift[c];
    }
  }
}

template <int CHANNELS>
__device__ static void make_view(const ss_view_task &task, const ss_view_batch &batch, uint8_t *work, float *out) {
  const ss_device_view &view = task.view;
  const view_memory memory = view_memory_of(view.width, view.height, batch.size, CHANNELS);
  uint8_t *middle = work + memory.middle, *pixels = work + memory.view;
  const size_t pitch = (size_t)task.width * CHANNELS;
  const plane crop = {task.pixels + pitch * view.top + (size_t)view.left * CHANNELS, pitch};
  resize_crop<CHANNELS>(crop, view.width, view.height, batch.size, (int32_t *)work, middle, pixels);
  __syncthreads();
  change_colours<CHANNELS>(view, pixels, (int64_t)batch.size * batch.size);
  __syncthreads();
  if (view.sigma > 0.0f) {
    blur<CHANNELS>(view.sigma, batch.size, pixels, middle);
  }
  write_floats<CHANNELS>(view, batch, pixels, out);
}

/* ---- the batch ---- */

/* With the registers that a view takes, this many blocks fill a multiprocessor; a block has less than 48 kB of shared
 * memory without asking. */
enum { BLOCKS_AT_ONCE = 4, SHARED_BYTES = 47 << 10 };

/* The working memory is shared memory, or, for larger pictures and views, `bytes` of `scratch` for each block. */
template <bool SHARED>
__global__ void __launch_bounds__(SS_CUDA_THREADS, BLOCKS_AT_ONCE)
    views_kernel(ss_view_batch batch, uint8_t *scratch, size_t bytes, float *out) {
  __shared__ int32_t shared[SHARED ? SHARED_BYTES / sizeof(int32_t) : 1];
  uint8_t *work = SHARED ? (uint8_t *)shared : scratch + bytes * blockIdx.x;
  for (int64_t i = blockIdx.x; i < batch.count; i += gridDim.x) {
    const ss_view_task &task = batch.tasks[i];
    float *to = out + (size_t)i * batch.size * batch.size * 3;
    if (task.channels == 3) {
      make_view<3>(task, batch, work, to);
    } else {
      make_view<1>(task, batch, work, to);
    }
    __syncthreads();
  }
}

static size_t block_bytes(const ss_view_batch *batch) {
  return view_memory_of(batch->width, batch->height, batch->size, 3).bytes;
}

static unsigned blocks_of(const ss_view_batch *batch) {
  const int64_t most = (int64_t)ss_cuda_multiprocessors() * BLOCKS_AT_ONCE;
  return (unsigned)(batch->count < most ? batch->count : most);
}

static size_t scratch_bytes(const ss_view_batch *batch) {
  const size_t bytes = block_bytes(batch);
  return bytes <= SHARED_BYTES ? 0 : bytes * blocks_of(batch);
}

static ss_status make_views(const ss_view_batch *batch, void *scratch, float *out, ss_error *error) {
  const size_t bytes = block_bytes(batch);
  const ss_status status = ss_launch(bytes <= SHARED_BYTES ? views_kernel<true> : views_kernel<false>, blocks_of(batch),
                                     SS_CUDA_THREADS, *batch, (uint8_t *)scratch, bytes, out);
  return status == SS_OK ? SS_OK : ss_fail(error, SS_FAILED, "the GPU failed to start making views");
}

const ss_device_pictures_table ss_cuda_pictures = {scratch_bytes, make_views};
