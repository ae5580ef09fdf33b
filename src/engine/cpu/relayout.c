#include "engine/cpu/relayout.h"

#include "engine/convolution_geometry.h"
#include "engine/kernel.h"

#include <string.h>

/* Pixels of one block that a thread takes at a time: small enough that both sides stay in its caches. */
enum { CHUNK = 16 };

/* memcpy is called with constant sizes where rows are short, as it is then inlined. */
static inline void copy_row(char *to, const char *from, size_t bytes) {
  switch (bytes) {
    case 32:
      memcpy(to, from, 32);
      break;
    case 64:
      memcpy(to, from, 64);
      break;
    case 128:
      memcpy(to, from, 128);
      break;
    default:
      memcpy(to, from, bytes);
      break;
  }
}

void ss_relayout(const void *from, ss_layout from_layout, void *to, ss_layout to_layout, ss_shape shape, ss_dtype dtype,
                 int threads) {
  const size_t row = (size_t)shape.dims[shape.rank - 1] * ss_dtype_size(dtype);
  if (from_layout == to_layout) {
    memcpy(to, from, (size_t)ss_shape_count(shape) * ss_dtype_size(dtype));
    return;
  }
  const int64_t batch = shape.dims[0];
  const int64_t pixels = ss_shape_count(shape) / batch / shape.dims[shape.rank - 1];
  const int64_t blocks = batch / 16, chunks = (pixels + CHUNK - 1) / CHUNK;
#pragma omp parallel for num_threads(threads) schedule(static)
  for (int64_t job = 0; job < blocks * chunks; job++) {
    const int64_t block = job / chunks, first = job % chunks * CHUNK;
    const int64_t last = first + CHUNK < pixels ? first + CHUNK : pixels;
    for (int64_t n = 16 * block; n < 16 * block + 16; n++) {
      for (int64_t pixel = first; pixel < last; pixel++) {
        copy_row((char *)to + row * (size_t)ss_pixel_row(to_layout, n, pixel, pixels),
                 (const char *)from + row * (size_t)ss_pixel_row(from_layout, n, pixel, pixels), row);
      }
    }
  }
}

static bool supports(const ss_node *node) {
  (void)node;
  return true;
}

static ss_status run(const ss_step *step) {
  const ss_tensor *from = step->node->inputs[0], *to = step->node->outputs[0];
  ss_relayout(step->in[0], from->layout, step->out[0], to->layout, from->shape, from->dtype, step->threads);
  return SS_OK;
}

static const ss_way ways[] = {{"copy", supports, NULL, run, NULL}};
const ss_kernel ss_cpu_relayout = {ways, 1};
