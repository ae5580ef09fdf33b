/* Pooling. Both ways gather: each output (each input's gradient) is written once, by one thread, in a fixed order. */
#include "engine/pooling.h"

#include "engine/convolution_geometry.h"
#include "engine/cpu/elements.h"
#include "engine/cpu/pooling_avx512.h"
#include "engine/kernel.h"

typedef struct geometry {
  ss_pool_axis axes[3];
  int64_t batch, channels;
  bool maximum, count_padding;
  ss_dtype dtype, winner_dtype;
  ss_layout x_layout, y_layout, winner_layout;
} geometry;

/* A box of places: [begin, end) along D, H, W. */
typedef struct box {
  int64_t begin[3], end[3];
} box;

static geometry geometry_of(const ss_node *node, const ss_tensor *x, const ss_tensor *y, const ss_tensor *winners) {
  const ss_attributes *attributes = &node->attributes;
  geometry g = {.batch = x->shape.dims[0], .channels = x->shape.dims[x->shape.rank - 1], .dtype = x->dtype};
  for (int i = 0; i < 3; i++) {
    g.axes[i] = ss_pool_axis_of(attributes, x->shape, y->shape, i);
  }
  g.maximum = attributes->kind == SS_POOL_MAX || attributes->kind == SS_POOL_ADAPTIVE_MAX;
  g.count_padding = (attributes->flags & SS_POOL_COUNT_PADDING) != 0 && !g.axes[0].adaptive;
  g.winner_dtype = winners ? winners->dtype : SS_U8;
  g.x_layout = x->layout;
  g.y_layout = y->layout;
  g.winner_layout = winners ? winners->layout : SS_LAYOUT_PLAIN;
  return g;
}

/* The row of channels at a place of an image of x or y, counted in rows. */
static int64_t input_row(const geometry *g, int64_t image, int64_t d, int64_t h, int64_t w) {
  const ss_pool_axis *axes = g->axes;
  return ss_pixel_row(g->x_layout, image, (d * axes[1].in + h) * axes[2].in + w, axes[0].in * axes[1].in * axes[2].in);
}

static int64_t output_row(const geometry *g, ss_layout layout, int64_t image, const int64_t place[3]) {
  const ss_pool_axis *axes = g->axes;
  const int64_t pixel = (place[0] * axes[1].out + place[1]) * axes[2].out + place[2];
  return ss_pixel_row(layout, image, pixel, axes[0].out * axes[1].out * axes[2].out);
}

static box window_of(const geometry *g, const int64_t place[3]) {
  box out;
  for (int i = 0; i < 3; i++) {
    ss_pool_window(&g->axes[i], place[i], &out.begin[i], &out.end[i]);
  }
  return out;
}

/* One over the number of elements that an average is of. */
static float share_of(const geometry *g, const box *window) {
  int64_t count = 1;
  for (int i = 0; i < 3; i++) {
    count *= g->count_padding ? g->axes[i].kernel : window->end[i] - window->begin[i];
  }
  return 1.0f / (float)count;
}

/* The number of a place within its window. */
static int32_t number_in(const geometry *g, const box *window, int64_t d, int64_t h, int64_t w) {
  const int64_t row = (d - window->begin[0]) * g->axes[1].kernel + (h - window->begin[1]);
  return (int32_t)(row * g->axes[2].kernel + (w - window->begin[2]));
}

SS_MULTIVERSION static void add_scaled(float *sum, const float *values, float scale, int64_t count) {
#pragma omp simd
  for (int64_t i = 0; i < count; i++) {
    sum[i] += values[i] * scale;
  }
}

/* The first of the largest wins; a NaN is largest. */
SS_MULTIVERSION static void take_larger(float *best, int32_t *winner, const float *values, int32_t number,
                                        int64_t count) {
#pragma omp simd
  for (int64_t i = 0; i < count; i++) {
    const bool larger = values[i] > best[i] || values[i] != values[i];
    best[i] = larger ? values[i] : best[i];
    winner[i] = larger ? number : winner[i];
  }
}

static void put_winners(void *winners, ss_dtype dtype, int64_t at, int64_t count, const int32_t *values) {
  if (dtype == SS_I32) {
    memcpy((int32_t *)winners + at, values, (size_t)count * sizeof *values);
    return;
  }
  for (int64_t i = 0; i < count; i++) {
    ((uint8_t *)winners)[at + i] = (uint8_t)values[i];
  }
}

/* Channels [from, from + count) of one output. */
static void pool_place(const ss_step *step, const geometry *g, int64_t image, const int64_t place[3], int64_t from,
                       int64_t count) {
  const box window = window_of(g, place);
  const float share = g->maximum ? 0.0f : share_of(g, &window);
  float result[SS_BLOCK], buffer[SS_BLOCK];
  int32_t winner[SS_BLOCK];
  bool first = true;
  memset(winner, 0, (size_t)count * sizeof *winner);
  memset(result, 0, (size_t)count * sizeof *result);
  for (int64_t d = window.begin[0]; d < window.end[0]; d++) {
    for (int64_t h = window.begin[1]; h < window.end[1]; h++) {
      for (int64_t w = window.begin[2]; w < window.end[2]; w++) {
        const int64_t pixel = input_row(g, image, d, h, w);
        const float *x = ss_elements_read(step->in[0], g->dtype, pixel * g->channels + from, count, buffer);
        if (!g->maximum) {
          add_scaled(result, x, share, count);
        } else if (first) {
          memcpy(result, x, (size_t)count * sizeof *result);
        } else {
          take_larger(result, winner, x, number_in(g, &window, d, h, w), count);
        }
        first = false;
      }
    }
  }
  const int64_t at = output_row(g, g->y_layout, image, place) * g->channels + from;
  if (g->dtype == SS_F32) {
    memcpy((float *)step->out[0] + at, result, (size_t)count * sizeof *result);
  }
  ss_elements_write(step->out[0], g->dtype, at, count, result);
  if (g->maximum && step->out[1]) {
    const int64_t row = output_row(g, g->winner_layout, image, place);
    put_winners(step->out[1], g->winner_dtype, row * g->channels + from, count, winner);
  }
}

/* dx += dy where `number` won. */
SS_MULTIVERSION static void add_where_u8(float *dx, const float *dy, const uint8_t *winners, int32_t number,
                                         int64_t count) {
#pragma omp simd
  for (int64_t i = 0; i < count; i++) {
    dx[i] += winners[i] == number ? dy[i] : 0.0f;
  }
}

SS_MULTIVERSION static void add_where_i32(float *dx, const float *dy, const int32_t *winners, int32_t number,
                                          int64_t count) {
#pragma omp simd
  for (int64_t i = 0; i < count; i++) {
    dx[i] += winners[i] == number ? dy[i] : 0.0f;
  }
}

/* What the output at `reader` gives to the input at `place`. */
static void add_from(const ss_step *step, const geometry *g, int64_t image, const int64_t place[3],
                     const int64_t reader[3], int64_t from, int64_t count, float *dx) {
  const box window = window_of(g, reader);
  const int64_t at = output_row(g, g->y_layout, image, reader) * g->channels + from;
  float buffer[SS_BLOCK];
  const float *dy = ss_elements_read(step->in[0], g->dtype, at, count, buffer);
  if (!g->maximum) {
    add_scaled(dx, dy, share_of(g, &window), count);
    return;
  }
  const int32_t number = number_in(g, &window, place[0], place[1], place[2]);
  const int64_t won = output_row(g, g->winner_layout, image, reader) * g->channels + from;
  if (g->winner_dtype == SS_U8) {
    add_where_u8(dx, dy, (const uint8_t *)step->in[1] + won, number, count);
  } else {
    add_where_i32(dx, dy, (const int32_t *)step->in[1] + won, number, count);
  }
}

/* Channels [from, from + count) of one input's gradient. */
static void pool_place_backward(const ss_step *step, const geometry *g, int64_t image, const int64_t place[3],
                                int64_t from, int64_t count) {
  box readers;
  for (int i = 0; i < 3; i++) {
    ss_pool_readers(&g->axes[i], place[i], &readers.begin[i], &readers.end[i]);
  }
  float dx[SS_BLOCK];
  memset(dx, 0, (size_t)count * sizeof *dx);
  int64_t at[3];
  for (at[0] = readers.begin[0]; at[0] < readers.end[0]; at[0]++) {
    for (at[1] = readers.begin[1]; at[1] < readers.end[1]; at[1]++) {
      for (at[2] = readers.begin[2]; at[2] < readers.end[2]; at[2]++) {
        add_from(step, g, image, place, at, from, count, dx);
      }
    }
  }
  const int64_t pixel = input_row(g, image, place[0], place[1], place[2]);
  if (g->dtype == SS_F32) {
    memcpy((float *)step->out[0] + pixel * g->channels + from, dx, (size_t)count * sizeof *dx);
  }
  ss_elements_write(step->out[0], g->dtype, pixel * g->channels + from, count, dx);
}

typedef void (*place_function)(const ss_step *, const geometry *, int64_t, const int64_t[3], int64_t, int64_t);

/* Calls the function for all places, of size `sizes`, of all images, and channels block by block. */
static void for_places(const ss_step *step, const geometry *g, const int64_t sizes[3], place_function function) {
  const int64_t rows = g->batch * sizes[0] * sizes[1];
#pragma omp parallel for schedule(static) num_threads(step->threads) if (rows * sizes[2] * g->channels > SS_CHUNK)
  for (int64_t row = 0; row < rows; row++) {
    const int64_t image = row / (sizes[0] * sizes[1]);
    int64_t place[3] = {row / sizes[1] % sizes[0], row % sizes[1], 0};
    for (; place[2] < sizes[2]; place[2]++) {
      for (int64_t from = 0; from < g->channels; from += SS_BLOCK) {
        function(step, g, image, place, from, g->channels - from < SS_BLOCK ? g->channels - from : SS_BLOCK);
      }
    }
  }
}

static ss_status pool(const ss_step *step) {
  const ss_node *node = step->node;
  const geometry g = geometry_of(node, node->inputs[0], node->outputs[0], node->outputs[1]);
  const int64_t sizes[3] = {g.axes[0].out, g.axes[1].out, g.axes[2].out};
  for_places(step, &g, sizes, pool_place);
  return SS_OK;
}

static ss_status pool_backward(const ss_step *step) {
  const ss_node *node = step->node;
  const geometry g = geometry_of(node, node->outputs[0], node->inputs[0], node->inputs[1]);
  const int64_t sizes[3] = {g.axes[0].in, g.axes[1].in, g.axes[2].in};
  for_places(step, &g, sizes, pool_place_backward);
  return SS_OK;
}

static bool takes_any_layout(const ss_node *node) {
  (void)node;
  return true;
}

static const ss_way pool_ways[] = {{"avx512", ss_pool_avx512_supports, NULL, ss_pool_avx512_run, NULL},
                                   {"loops", takes_any_layout, NULL, pool, NULL}};
const ss_kernel ss_cpu_pool = {pool_ways, 2};

static const ss_way pool_backward_ways[] = {
    {"avx512", ss_pool_backward_avx512_supports, NULL, ss_pool_backward_avx512_run, NULL},
    {"loops", takes_any_layout, NULL, pool_backward, NULL}};
const ss_kernel ss_cpu_pool_backward = {pool_backward_ways, 2};
