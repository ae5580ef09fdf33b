#include "engine/reduction.h"

#include "engine/cpu/elements.h"
#include "engine/kernel.h"
#include "engine/walk.h"

#include <math.h>

enum {
  SUM_ROWS = 64,     /* rows added up in float32 before they go to a double */
  ENOUGH_TASKS = 64, /* from here on a sum is not cut for the threads' sake */
  MOST_CHUNKS = 256
};

static int64_t least(int64_t a, int64_t b) {
  return a < b ? a : b;
}

static int64_t most(int64_t a, int64_t b) {
  return a > b ? a : b;
}

static int64_t ceiling(int64_t a, int64_t b) {
  return (a + b - 1) / b;
}

/* The output of a REDUCE with its reduced axes kept. */
static ss_extent kept_extent(const ss_node *node) {
  const ss_tensor *x = node->inputs[0], *y = node->outputs[0];
  return (ss_extent){ss_reduced_shape(x->shape, node->attributes.axes),
                     y->shape.rank == x->shape.rank ? y->layout : SS_LAYOUT_PLAIN};
}

/* ---- the usual case: the input lies as (before, reduced, after), the output as (before, after) ---- */

typedef struct band {
  int64_t before, reduced, after;
  int64_t chunks, chunk_length; /* of the reduced axis */
  int64_t column_blocks;
} band;

static bool band_of(const ss_node *node, band *out) {
  const ss_extent kept = kept_extent(node);
  const ss_walk walk = ss_walk_make(ss_extent_of(node->inputs[0]), &kept, 1);
  const int64_t *strides = walk.strides[0];
  int axis = 0;
  *out = (band){1, 1, 1, 1, 1, 1};
  int64_t stride_before = 0;
  if (walk.rank > 1 && strides[0] != 0 && strides[1] == 0) {
    stride_before = strides[0];
    out->before = walk.sizes[axis++];
  }
  if (strides[axis] == 0) {
    out->reduced = walk.sizes[axis++];
  }
  if (axis < walk.rank) {
    if (strides[axis] != 1) {
      return false;
    }
    out->after = walk.sizes[axis++];
  }
  if (axis < walk.rank || (stride_before != 0 && stride_before != out->after)) {
    return false;
  }
  out->chunk_length = out->reduced;
  if (out->before < ENOUGH_TASKS) {
    out->chunk_length = most(out->after > 1 ? SUM_ROWS : SS_CHUNK, ceiling(out->reduced, MOST_CHUNKS));
    out->chunks = ceiling(out->reduced, out->chunk_length);
  }
  out->column_blocks = ceiling(out->after, SS_BLOCK);
  return true;
}

SS_INLINE float larger(float a, float b) {
  return b > a || b != b ? b : a; /* a NaN wins */
}

/* sums[c] += the sum, or the largest with it, of column c of `rows` rows that are `stride` apart. */
SS_MULTIVERSION static void add_rows_f32(const float *x, int64_t rows, int64_t stride, int64_t columns, float *sums) {
  for (int64_t row = 0; row < rows; row++) {
#pragma omp simd
    for (int64_t c = 0; c < columns; c++) {
      sums[c] += x[row * stride + c];
    }
  }
}

SS_MULTIVERSION static void add_rows_bf16(const ss_bf16 *x, int64_t rows, int64_t stride, int64_t columns,
                                          float *sums) {
  for (int64_t row = 0; row < rows; row++) {
#pragma omp simd
    for (int64_t c = 0; c < columns; c++) {
      sums[c] += ss_bf16_to_float(x[row * stride + c]);
    }
  }
}

SS_MULTIVERSION static void largest_of_row(const float *x, int64_t columns, float *sums) {
#pragma omp simd
  for (int64_t c = 0; c < columns; c++) {
    sums[c] = larger(sums[c], x[c]);
  }
}

SS_MULTIVERSION static float sum_of(const float *x, int64_t count) {
  float sum = 0.0f;
#pragma omp simd reduction(+ : sum)
  for (int64_t i = 0; i < count; i++) {
    sum += x[i];
  }
  return sum;
}

static float largest_of(const float *x, int64_t count) {
  float value = -INFINITY;
  for (int64_t i = 0; i < count; i++) {
    value = larger(value, x[i]);
  }
  return value;
}

/* One value from `count` consecutive elements. */
static double reduce_run(int kind, const void *x, ss_dtype dtype, int64_t at, int64_t count) {
  float buffer[SS_BLOCK];
  double sum = kind == SS_REDUCE_MAX ? -INFINITY : 0.0;
  for (int64_t done = 0; done < count; done += SS_BLOCK) {
    const int64_t length = least(SS_BLOCK, count - done);
    const float *values = ss_elements_read(x, dtype, at + done, length, buffer);
    if (kind == SS_REDUCE_MAX) {
      sum = (double)larger((float)sum, largest_of(values, length));
    } else {
      sum += (double)sum_of(values, length);
    }
  }
  return sum;
}

/* `columns` values from `rows` rows that are `stride` apart. */
static void reduce_columns(int kind, const void *x, ss_dtype dtype, int64_t at, int64_t rows, int64_t stride,
                           int64_t columns, double *out) {
  float sums[SS_BLOCK], buffer[SS_BLOCK];
  for (int64_t c = 0; c < columns; c++) {
    out[c] = 0.0;
    sums[c] = -INFINITY;
  }
  if (kind == SS_REDUCE_MAX) {
    for (int64_t row = 0; row < rows; row++) {
      largest_of_row(ss_elements_read(x, dtype, at + row * stride, columns, buffer), columns, sums);
    }
    for (int64_t c = 0; c < columns; c++) {
      out[c] = (double)sums[c];
    }
    return;
  }
  for (int64_t row = 0; row < rows; row += SUM_ROWS) {
    const int64_t count = least(SUM_ROWS, rows - row);
    memset(sums, 0, (size_t)columns * sizeof(float));
    if (dtype == SS_F32) {
      add_rows_f32((const float *)x + at + row * stride, count, stride, columns, sums);
    } else {
      add_rows_bf16((const ss_bf16 *)x + at + row * stride, count, stride, columns, sums);
    }
    for (int64_t c = 0; c < columns; c++) {
      out[c] += (double)sums[c];
    }
  }
}

static void put_results(const ss_step *step, double scale, const double *values, int64_t at, int64_t count) {
  for (int64_t i = 0; i < count; i++) {
    ss_element_put(step->out[0], step->node->outputs[0]->dtype, at + i, (float)(values[i] * scale));
  }
}

/* Chunks have partial results of their own, which are added up in order: the same bits for any number of threads. */
static void run_band(const ss_step *step, const band *b, double scale) {
  const int kind = step->node->attributes.kind;
  const ss_dtype dtype = step->node->inputs[0]->dtype;
  double *partial = step->scratch; /* (before, chunks, after) */
  const int64_t tasks = b->before * b->chunks * b->column_blocks;
  const int threads = tasks > 1 && b->before * b->reduced * b->after > SS_CHUNK ? step->threads : 1;
#pragma omp parallel for schedule(static) num_threads(threads) if (threads > 1)
  for (int64_t task = 0; task < tasks; task++) {
    const int64_t column = task % b->column_blocks * SS_BLOCK;
    const int64_t chunk = task / b->column_blocks % b->chunks;
    const int64_t outer = task / b->column_blocks / b->chunks;
    const int64_t columns = least(SS_BLOCK, b->after - column);
    const int64_t first = chunk * b->chunk_length;
    const int64_t length = least(b->chunk_length, b->reduced - first);
    const int64_t at = (outer * b->reduced + first) * b->after + column;
    double values[SS_BLOCK];
    if (b->after == 1) {
      values[0] = reduce_run(kind, step->in[0], dtype, at, length);
    } else {
      reduce_columns(kind, step->in[0], dtype, at, length, b->after, columns, values);
    }
    if (b->chunks == 1) {
      put_results(step, scale, values, outer * b->after + column, columns);
    } else {
      memcpy(partial + (outer * b->chunks + chunk) * b->after + column, values, (size_t)columns * sizeof(double));
    }
  }
  for (int64_t i = 0; b->chunks > 1 && i < b->before * b->after; i++) {
    const double *values = partial + i / b->after * b->chunks * b->after + i % b->after;
    double sum = values[0];
    for (int64_t chunk = 1; chunk < b->chunks; chunk++) {
      const double value = values[chunk * b->after];
      sum = kind == SS_REDUCE_MAX ? (double)larger((float)sum, (float)value) : sum + value;
    }
    put_results(step, scale, &sum, i, 1);
  }
}

/* ---- any other order of axes: one output after the other ---- */

typedef struct axes_list {
  int rank;
  int64_t sizes[SS_WALK_RANK];
  int64_t leader[SS_WALK_RANK];
  int64_t followers[SS_WALK_FOLLOWERS][SS_WALK_RANK];
} axes_list;

/* The axes along which follower 0 moves, or those along which it stands. */
static axes_list select_axes(const ss_walk *walk, bool moves) {
  axes_list list = {0};
  int64_t stride = 1;
  for (int i = walk->rank - 1; i >= 0; i--) {
    if ((walk->strides[0][i] != 0) == moves) {
      list.sizes[list.rank] = walk->sizes[i];
      list.leader[list.rank] = stride;
      for (int f = 0; f < walk->followers; f++) {
        list.followers[f][list.rank] = walk->strides[f][i];
      }
      list.rank++;
    }
    stride *= walk->sizes[i];
  }
  return list;
}

static int64_t axes_count(const axes_list *list) {
  int64_t count = 1;
  for (int i = 0; i < list->rank; i++) {
    count *= list->sizes[i];
  }
  return count;
}

/* The offset of the index-th place in the leader (places[0]) and in the followers after it. */
static void axes_places(const axes_list *list, int64_t index, int followers, int64_t *places) {
  memset(places, 0, (size_t)(1 + followers) * sizeof *places);
  for (int i = 0; i < list->rank; i++) {
    const int64_t at = index % list->sizes[i];
    index /= list->sizes[i];
    places[0] += at * list->leader[i];
    for (int f = 0; f < followers; f++) {
      places[1 + f] += at * list->followers[f][i];
    }
  }
}

static void run_scattered(const ss_step *step, double scale) {
  const ss_node *node = step->node;
  const ss_extent kept = kept_extent(node);
  const ss_walk walk = ss_walk_make(ss_extent_of(node->inputs[0]), &kept, 1);
  const axes_list outer = select_axes(&walk, true), inner = select_axes(&walk, false);
  const int64_t outputs = axes_count(&outer), count = axes_count(&inner);
  const bool largest = node->attributes.kind == SS_REDUCE_MAX;
#pragma omp parallel for schedule(static) num_threads(step->threads) if (outputs > 1)
  for (int64_t i = 0; i < outputs; i++) {
    int64_t places[2];
    axes_places(&outer, i, 1, places);
    double sum = largest ? -INFINITY : 0.0;
    for (int64_t k = 0; k < count; k++) {
      int64_t place;
      axes_places(&inner, k, 0, &place);
      const float value = ss_element_at(step->in[0], node->inputs[0]->dtype, places[0] + place);
      sum = largest ? (double)larger((float)sum, value) : sum + (double)value;
    }
    put_results(step, scale, &sum, places[1], 1);
  }
}

static ss_status prepare_reduce(ss_step *step, ss_error *error) {
  (void)error;
  band b;
  if (band_of(step->node, &b) && b.chunks > 1) {
    step->scratch_bytes = (size_t)(b.before * b.chunks * b.after) * sizeof(double);
  }
  return SS_OK;
}

static ss_status run_reduce(const ss_step *step) {
  const ss_node *node = step->node;
  const double count = (double)ss_shape_count(node->inputs[0]->shape) / (double)ss_shape_count(node->outputs[0]->shape);
  const double scale = node->attributes.kind == SS_REDUCE_MEAN ? 1.0 / count : 1.0;
  band b;
  if (band_of(node, &b)) {
    run_band(step, &b, scale);
  } else {
    run_scattered(step, scale);
  }
  return SS_OK;
}

static const ss_way reduce_ways[] = {{"loops", NULL, prepare_reduce, run_reduce, NULL}};
const ss_kernel ss_cpu_reduce = {reduce_ways, 1};

/* ---- REDUCE_MAX_BACKWARD ---- */

static ss_status run_reduce_max_backward(const ss_step *step) {
  const ss_node *node = step->node;
  const ss_tensor *x = node->inputs[0], *dx = node->outputs[0];
  const ss_walk walk = ss_walk_make(
      ss_extent_of(x),
      (const ss_extent[]){ss_extent_of(node->inputs[1]), ss_extent_of(node->inputs[2]), ss_extent_of(dx)}, 3);
  const axes_list outer = select_axes(&walk, true), inner = select_axes(&walk, false);
  const int64_t groups = axes_count(&outer), count = axes_count(&inner);
#pragma omp parallel for schedule(static) num_threads(step->threads) if (groups > 1)
  for (int64_t i = 0; i < groups; i++) {
    int64_t base[4], place[4];
    axes_places(&outer, i, 3, base);
    const float y = ss_element_at(step->in[1], node->inputs[1]->dtype, base[1]);
    const float gradient = ss_element_at(step->in[2], node->inputs[2]->dtype, base[2]);
    int64_t ties = 0;
    for (int64_t k = 0; k < count; k++) {
      axes_places(&inner, k, 3, place);
      ties += ss_element_at(step->in[0], x->dtype, base[0] + place[0]) == y;
    }
    const float share = ties > 0 ? gradient / (float)ties : 0.0f;
    for (int64_t k = 0; k < count; k++) {
      axes_places(&inner, k, 3, place);
      const bool is_largest = ss_element_at(step->in[0], x->dtype, base[0] + place[0]) == y;
      ss_element_put(step->out[0], dx->dtype, base[3] + place[3], is_largest ? share : 0.0f);
    }
  }
  return SS_OK;
}

SS_CPU_LOOPS(reduce_max_backward, run_reduce_max_backward);

/* ---- BROADCAST ---- */

SS_MULTIVERSION static void scale_block(const float *x, float scale, float *out, int64_t count) {
#pragma omp simd
  for (int64_t i = 0; i < count; i++) {
    out[i] = scale * x[i];
  }
}

static ss_status run_broadcast(const ss_step *step) {
  const ss_node *node = step->node;
  const ss_tensor *x = node->inputs[0], *y = node->outputs[0];
  const ss_extent from = ss_extent_of(x);
  const ss_walk walk = ss_walk_make(ss_extent_of(y), &from, 1);
  const int64_t length = ss_walk_row_length(&walk), rows = ss_walk_rows(&walk);
  const int64_t stride = walk.strides[0][walk.rank - 1];
  const int64_t pieces = ceiling(length, SS_BLOCK), tasks = rows * pieces;
#pragma omp parallel for schedule(static) num_threads(step->threads) if (rows * length > SS_CHUNK)
  for (int64_t task = 0; task < tasks; task++) {
    const int64_t row = task / pieces, begin = task % pieces * SS_BLOCK;
    const int64_t count = least(SS_BLOCK, length - begin);
    int64_t places[SS_WALK_FOLLOWERS];
    float buffer[SS_BLOCK];
    ss_walk_row_places(&walk, row, places);
    const float *values =
        ss_elements_read_strided(step->in[0], x->dtype, places[0] + begin * stride, stride, count, buffer);
    float *target = ss_elements_target(step->out[0], y->dtype, row * length + begin, buffer);
    scale_block(values, node->attributes.alpha, target, count);
    ss_elements_write(step->out[0], y->dtype, row * length + begin, count, target);
  }
  return SS_OK;
}

SS_CPU_LOOPS(broadcast, run_broadcast);
