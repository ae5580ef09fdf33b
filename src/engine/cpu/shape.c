#include "engine/cpu/elements.h"
#include "engine/kernel.h"

#include <string.h>

enum { TILE = 16, SERIAL_BYTES = 1 << 16 };

static int64_t least(int64_t a, int64_t b) {
  return a < b ? a : b;
}

static int64_t product(const ss_shape *shape, int begin, int end) {
  int64_t count = 1;
  for (int i = begin; i < end; i++) {
    count *= shape->dims[i];
  }
  return count;
}

/* Copies `rows` pieces of `bytes` bytes from and to places that many bytes apart. */
static void copy_rows(char *to, int64_t to_stride, const char *from, int64_t from_stride, int64_t bytes, int64_t rows,
                      int threads) {
  if (rows == 1) {
    ss_elements_copy(to, from, (size_t)bytes, threads);
    return;
  }
#pragma omp parallel for schedule(static) num_threads(threads) if (rows * bytes > SERIAL_BYTES)
  for (int64_t row = 0; row < rows; row++) {
    memcpy(to + row * to_stride, from + row * from_stride, (size_t)bytes);
  }
}

/* ---- RESHAPE, SLICE, CONCATENATE ---- */

static ss_status run_reshape(const ss_step *step) {
  const ss_tensor *x = step->node->inputs[0];
  ss_elements_copy(step->out[0], step->in[0], (size_t)ss_shape_count(x->shape) * ss_dtype_size(x->dtype),
                   step->threads);
  return SS_OK;
}

SS_CPU_LOOPS(reshape, run_reshape);

static ss_status run_slice(const ss_step *step) {
  const ss_tensor *x = step->node->inputs[0];
  const ss_attributes *attributes = &step->node->attributes;
  const int axis = attributes->axis;
  const int64_t inner = product(&x->shape, axis + 1, x->shape.rank) * (int64_t)ss_dtype_size(x->dtype);
  const int64_t length = (attributes->end - attributes->begin) * inner;
  copy_rows(step->out[0], length, (const char *)step->in[0] + attributes->begin * inner, x->shape.dims[axis] * inner,
            length, product(&x->shape, 0, axis), step->threads);
  return SS_OK;
}

SS_CPU_LOOPS(slice, run_slice);

static ss_status run_concatenate(const ss_step *step) {
  const ss_node *node = step->node;
  const ss_tensor *y = node->outputs[0];
  const int axis = node->attributes.axis;
  const int64_t inner = product(&y->shape, axis + 1, y->shape.rank) * (int64_t)ss_dtype_size(y->dtype);
  const int64_t rows = product(&y->shape, 0, axis);
  char *to = step->out[0];
  for (int i = 0; i < node->input_count; i++) {
    const int64_t length = node->inputs[i]->shape.dims[axis] * inner;
    copy_rows(to, y->shape.dims[axis] * inner, step->in[i], length, length, rows, step->threads);
    to += length;
  }
  return SS_OK;
}

SS_CPU_LOOPS(concatenate, run_concatenate);

/* ---- TRANSPOSE ---- */

#define SS_TRANSPOSE_TILE(type)                                                    \
  for (int64_t i = 0; i < rows; i++) {                                             \
    for (int64_t k = 0; k < columns; k++) {                                        \
      ((type *)to)[i * to_stride + k] = ((const type *)from)[i + k * from_stride]; \
    }                                                                              \
  }

/* to[i, k] = from[k, i], strides in elements. */
static void transpose_tile(char *to, int64_t to_stride, const char *from, int64_t from_stride, int64_t rows,
                           int64_t columns, size_t size) {
  switch (size) {
    case 2:
      SS_TRANSPOSE_TILE(uint16_t)
      break;
    case 4:
      SS_TRANSPOSE_TILE(uint32_t)
      break;
    case 8:
      SS_TRANSPOSE_TILE(uint64_t)
      break;
    default:
      SS_TRANSPOSE_TILE(uint8_t)
      break;
  }
}

/* The output's axes with the input's strides, neighbours joined where they are neighbours in both. */
typedef struct moved_axes {
  int rank;
  int64_t sizes[SS_MAX_RANK];
  int64_t from[SS_MAX_RANK];
  int64_t to[SS_MAX_RANK];
} moved_axes;

static moved_axes moved_axes_of(const ss_node *node) {
  const ss_shape in = node->inputs[0]->shape, out = node->outputs[0]->shape;
  moved_axes axes = {0};
  for (int i = 0; i < out.rank; i++) {
    const int64_t stride = product(&in, node->attributes.order[i] + 1, in.rank);
    if (out.dims[i] == 1) {
      continue;
    }
    if (axes.rank > 0 && axes.from[axes.rank - 1] == stride * out.dims[i]) {
      axes.sizes[axes.rank - 1] *= out.dims[i];
      axes.from[axes.rank - 1] = stride;
    } else {
      axes.sizes[axes.rank] = out.dims[i];
      axes.from[axes.rank++] = stride;
    }
  }
  int64_t stride = 1;
  for (int i = axes.rank - 1; i >= 0; i--) {
    axes.to[i] = stride;
    stride *= axes.sizes[i];
  }
  return axes;
}

/* Splits the axes other than `a` and `b` off an index: where that is in both tensors. */
static void outer_place(const moved_axes *axes, int a, int b, int64_t index, int64_t *from, int64_t *to) {
  *from = *to = 0;
  for (int i = axes->rank - 1; i >= 0; i--) {
    if (i != a && i != b) {
      const int64_t at = index % axes->sizes[i];
      index /= axes->sizes[i];
      *from += at * axes->from[i];
      *to += at * axes->to[i];
    }
  }
}

static ss_status run_transpose(const ss_step *step) {
  const moved_axes axes = moved_axes_of(step->node);
  const size_t size = ss_dtype_size(step->node->inputs[0]->dtype);
  const int64_t count = ss_shape_count(step->node->outputs[0]->shape);
  const int last = axes.rank - 1;
  if (axes.rank <= 1) {
    ss_elements_copy(step->out[0], step->in[0], (size_t)count * size, step->threads);
    return SS_OK;
  }
  const char *in = step->in[0];
  char *out = step->out[0];
  if (axes.from[last] == 1) { /* rows stay rows */
    const int64_t rows = count / axes.sizes[last];
#pragma omp parallel for schedule(static) num_threads(step->threads) if (count * (int64_t)size > SERIAL_BYTES)
    for (int64_t row = 0; row < rows; row++) {
      int64_t from, to;
      outer_place(&axes, last, last, row, &from, &to);
      memcpy(out + to * (int64_t)size, in + from * (int64_t)size, (size_t)axes.sizes[last] * size);
    }
    return SS_OK;
  }
  int first = 0; /* the output's axis along which the input is contiguous */
  while (axes.from[first] != 1) {
    first++;
  }
  const int64_t row_tiles = (axes.sizes[first] + TILE - 1) / TILE, column_tiles = (axes.sizes[last] + TILE - 1) / TILE;
  const int64_t tiles = count / (axes.sizes[first] * axes.sizes[last]) * row_tiles * column_tiles;
#pragma omp parallel for schedule(static) num_threads(step->threads) if (count * (int64_t)size > SERIAL_BYTES)
  for (int64_t tile = 0; tile < tiles; tile++) {
    const int64_t column = tile % column_tiles * TILE, row = tile / column_tiles % row_tiles * TILE;
    int64_t from, to;
    outer_place(&axes, first, last, tile / column_tiles / row_tiles, &from, &to);
    from += row + column * axes.from[last];
    to += row * axes.to[first] + column;
    transpose_tile(out + to * (int64_t)size, axes.to[first], in + from * (int64_t)size, axes.from[last],
                   least(TILE, axes.sizes[first] - row), least(TILE, axes.sizes[last] - column), size);
  }
  return SS_OK;
}

SS_CPU_LOOPS(transpose, run_transpose);

/* ---- GATHER ---- */

static int64_t row_of(const int32_t *indices, int64_t i, int64_t rows) {
  return indices[i] >= 0 && indices[i] < rows ? indices[i] : 0;
}

static ss_status run_gather(const ss_step *step) {
  const ss_tensor *x = step->node->inputs[0];
  const int32_t *indices = step->in[1];
  const int64_t rows = x->shape.dims[0], count = step->node->outputs[0]->shape.dims[0];
  const int64_t bytes = product(&x->shape, 1, x->shape.rank) * (int64_t)ss_dtype_size(x->dtype);
#pragma omp parallel for schedule(static) num_threads(step->threads) if (count * bytes > SERIAL_BYTES)
  for (int64_t i = 0; i < count; i++) {
    memcpy((char *)step->out[0] + i * bytes, (const char *)step->in[0] + row_of(indices, i, rows) * bytes,
           (size_t)bytes);
  }
  return SS_OK;
}

SS_CPU_LOOPS(gather, run_gather);

/* Scratch: for each row where its list begins (rows + 1), then the lists: who read the row, in order. */
static ss_status prepare_gather_backward(ss_step *step, ss_error *error) {
  (void)error;
  const int64_t rows = step->node->outputs[0]->shape.dims[0], count = step->node->inputs[1]->shape.dims[0];
  step->scratch_bytes = (size_t)(rows + 1 + count) * sizeof(int32_t);
  return SS_OK;
}

static void list_readers(const int32_t *indices, int64_t count, int64_t rows, int32_t *begins, int32_t *readers) {
  memset(begins, 0, (size_t)(rows + 1) * sizeof(int32_t));
  for (int64_t i = 0; i < count; i++) {
    begins[row_of(indices, i, rows) + 1]++;
  }
  for (int64_t row = 0; row < rows; row++) {
    begins[row + 1] += begins[row];
  }
  for (int64_t i = 0; i < count; i++) {
    readers[begins[row_of(indices, i, rows)]++] = (int32_t)i;
  }
  for (int64_t row = rows; row > 0; row--) { /* each begin has moved to the next one's */
    begins[row] = begins[row - 1];
  }
  begins[0] = 0;
}

SS_MULTIVERSION static void add_block(float *sums, const float *x, int64_t count) {
#pragma omp simd
  for (int64_t i = 0; i < count; i++) {
    sums[i] += x[i];
  }
}

static ss_status run_gather_backward(const ss_step *step) {
  const ss_tensor *dx = step->node->outputs[0], *dy = step->node->inputs[0];
  const int64_t rows = dx->shape.dims[0], count = dy->shape.dims[0];
  const int64_t columns = product(&dx->shape, 1, dx->shape.rank);
  int32_t *begins = step->scratch, *readers = begins + rows + 1;
  list_readers(step->in[1], count, rows, begins, readers);
#pragma omp parallel for schedule(static) num_threads(step->threads) if (rows * columns > SS_CHUNK)
  for (int64_t row = 0; row < rows; row++) {
    for (int64_t column = 0; column < columns; column += SS_BLOCK) {
      const int64_t length = least(SS_BLOCK, columns - column);
      float sums[SS_BLOCK], buffer[SS_BLOCK];
      memset(sums, 0, (size_t)length * sizeof(float));
      for (int32_t i = begins[row]; i < begins[row + 1]; i++) {
        add_block(sums, ss_elements_read(step->in[0], dy->dtype, readers[i] * columns + column, length, buffer),
                  length);
      }
      memcpy(ss_elements_target(step->out[0], dx->dtype, row * columns + column, buffer), sums,
             (size_t)length * sizeof(float));
      ss_elements_write(step->out[0], dx->dtype, row * columns + column, length, sums);
    }
  }
  return SS_OK;
}

static const ss_way gather_backward_ways[] = {{"loops", NULL, prepare_gather_backward, run_gather_backward, NULL}};
const ss_kernel ss_cpu_gather_backward = {gather_backward_ways, 1};

/* ---- PIXEL_SHUFFLE and PIXEL_UNSHUFFLE ---- */

/* Small (N, H, W, C r^2) and large (N, rH, rW, C): channel c r^2 + i r + j of a small pixel is channel c of its large
 * pixel (i, j). */
static void shuffle_row(const char *in, char *out, int64_t large_row, const ss_shape *large, int64_t factor,
                        size_t size, bool to_large) {
  const int64_t width = large->dims[2], channels = large->dims[3], area = factor * factor;
  const int64_t i = large_row % factor;
  for (int64_t x = 0; x < width; x++) {
    const int64_t pixel = large_row / factor * (width / factor) + x / factor;
    const int64_t small_at = pixel * channels * area + i * factor + x % factor;
    const int64_t large_at = (large_row * width + x) * channels;
    for (int64_t c = 0; c < channels; c++) {
      const int64_t from = to_large ? small_at + c * area : large_at + c;
      const int64_t to = to_large ? large_at + c : small_at + c * area;
      if (size == 4) {
        ((uint32_t *)out)[to] = ((const uint32_t *)in)[from];
      } else if (size == 2) {
        ((uint16_t *)out)[to] = ((const uint16_t *)in)[from];
      } else {
        memcpy(out + to * (int64_t)size, in + from * (int64_t)size, size);
      }
    }
  }
}

static ss_status run_shuffle(const ss_step *step) {
  const bool to_large = step->node->operation == SS_OP_PIXEL_SHUFFLE;
  const ss_shape *large = to_large ? &step->node->outputs[0]->shape : &step->node->inputs[0]->shape;
  const int64_t rows = large->dims[0] * large->dims[1];
#pragma omp parallel for schedule(static) num_threads(step->threads) if (ss_shape_count(*large) > SS_CHUNK)
  for (int64_t row = 0; row < rows; row++) {
    shuffle_row(step->in[0], step->out[0], row, large, step->node->attributes.groups,
                ss_dtype_size(step->node->inputs[0]->dtype), to_large);
  }
  return SS_OK;
}

SS_CPU_LOOPS(pixel_shuffle, run_shuffle);
SS_CPU_LOOPS(pixel_unshuffle, run_shuffle);
