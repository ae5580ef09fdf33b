/* Bilinear resizing, pixel centres at half places (PyTorch's align_corners=False). Both ways gather. */
#include "engine/cpu/elements.h"
#include "engine/kernel.h"

/* Where an output reads: places low and high with weights 1 - weight and weight. */
typedef struct source {
  int64_t low, high;
  float weight;
} source;

/* The outputs [begin, end) that read an input. */
typedef struct readers {
  int64_t begin, end;
} readers;

typedef struct geometry {
  int64_t batch, channels;
  int64_t in[2], out[2]; /* height, width */
  ss_dtype dtype;
  source *sources[2];  /* by output */
  readers *readers[2]; /* by input; NULL in the forward kernel */
} geometry;

static geometry geometry_of(const ss_tensor *x, const ss_tensor *y) {
  return (geometry){.batch = x->shape.dims[0],
                    .channels = x->shape.dims[3],
                    .in = {x->shape.dims[1], x->shape.dims[2]},
                    .out = {y->shape.dims[1], y->shape.dims[2]},
                    .dtype = x->dtype};
}

static void fill_sources(source *sources, int64_t in, int64_t out) {
  const float scale = (float)in / (float)out;
  for (int64_t i = 0; i < out; i++) {
    const float centre = ((float)i + 0.5f) * scale - 0.5f;
    const float place = centre > 0.0f ? centre : 0.0f;
    int64_t low = (int64_t)place;
    low = low < in ? low : in - 1;
    sources[i] = (source){low, low + 1 < in ? low + 1 : low, place - (float)low};
  }
}

static void fill_readers(const source *sources, readers *of, int64_t in, int64_t out) {
  int64_t begin = 0, end = 0;
  for (int64_t i = 0; i < in; i++) {
    while (begin < out && sources[begin].high < i) {
      begin++;
    }
    while (end < out && sources[end].low <= i) {
      end++;
    }
    of[i] = (readers){begin, end};
  }
}

static size_t sources_bytes(const geometry *g) {
  return (size_t)(g->out[0] + g->out[1]) * sizeof(source);
}

/* Places the tables in the scratch and fills them. */
static void make_tables(const ss_step *step, geometry *g, bool backward) {
  g->sources[0] = step->scratch;
  g->sources[1] = g->sources[0] + g->out[0];
  if (backward) {
    g->readers[0] = (readers *)((char *)step->scratch + sources_bytes(g));
    g->readers[1] = g->readers[0] + g->in[0];
  }
  for (int i = 0; i < 2; i++) {
    fill_sources(g->sources[i], g->in[i], g->out[i]);
    if (backward) {
      fill_readers(g->sources[i], g->readers[i], g->in[i], g->out[i]);
    }
  }
}

static ss_status prepare(ss_step *step, ss_error *error) {
  (void)error;
  const geometry g = geometry_of(step->node->inputs[0], step->node->outputs[0]);
  step->scratch_bytes = sources_bytes(&g);
  return SS_OK;
}

static ss_status prepare_backward(ss_step *step, ss_error *error) {
  (void)error;
  const geometry g = geometry_of(step->node->outputs[0], step->node->inputs[0]);
  step->scratch_bytes = sources_bytes(&g) + (size_t)(g.in[0] + g.in[1]) * sizeof(readers);
  return SS_OK;
}

SS_MULTIVERSION static void add_scaled(float *sum, const float *values, float scale, int64_t count) {
#pragma omp simd
  for (int64_t i = 0; i < count; i++) {
    sum[i] += values[i] * scale;
  }
}

static void put(const ss_step *step, const geometry *g, int64_t at, int64_t count, const float *values) {
  if (g->dtype == SS_F32) {
    memcpy((float *)step->out[0] + at, values, (size_t)count * sizeof *values);
  }
  ss_elements_write(step->out[0], g->dtype, at, count, values);
}

/* Channels [from, from + count) of y at (image, row, column). */
static void resize_place(const ss_step *step, const geometry *g, int64_t image, int64_t row, int64_t column,
                         int64_t from, int64_t count) {
  const source *down = &g->sources[0][row], *across = &g->sources[1][column];
  float sum[SS_BLOCK], buffer[SS_BLOCK];
  memset(sum, 0, (size_t)count * sizeof *sum);
  for (int corner = 0; corner < 4; corner++) {
    const int64_t h = corner < 2 ? down->low : down->high, w = corner % 2 == 0 ? across->low : across->high;
    const float of_h = corner < 2 ? 1.0f - down->weight : down->weight;
    const float of_w = corner % 2 == 0 ? 1.0f - across->weight : across->weight;
    const int64_t pixel = (image * g->in[0] + h) * g->in[1] + w;
    const float *x = ss_elements_read(step->in[0], g->dtype, pixel * g->channels + from, count, buffer);
    add_scaled(sum, x, of_h * of_w, count);
  }
  put(step, g, ((image * g->out[0] + row) * g->out[1] + column) * g->channels + from, count, sum);
}

/* How much of an input goes into an output. */
static float weight_in(const source *of, int64_t input) {
  return (of->low == input ? 1.0f - of->weight : 0.0f) + (of->high == input ? of->weight : 0.0f);
}

/* Channels [from, from + count) of dx at (image, row, column). */
static void resize_place_backward(const ss_step *step, const geometry *g, int64_t image, int64_t row, int64_t column,
                                  int64_t from, int64_t count) {
  const readers down = g->readers[0][row], across = g->readers[1][column];
  float sum[SS_BLOCK], buffer[SS_BLOCK];
  memset(sum, 0, (size_t)count * sizeof *sum);
  for (int64_t h = down.begin; h < down.end; h++) {
    const float of_h = weight_in(&g->sources[0][h], row);
    for (int64_t w = across.begin; w < across.end; w++) {
      const int64_t pixel = (image * g->out[0] + h) * g->out[1] + w;
      const float *dy = ss_elements_read(step->in[0], g->dtype, pixel * g->channels + from, count, buffer);
      add_scaled(sum, dy, of_h * weight_in(&g->sources[1][w], column), count);
    }
  }
  put(step, g, ((image * g->in[0] + row) * g->in[1] + column) * g->channels + from, count, sum);
}

typedef void (*place_function)(const ss_step *, const geometry *, int64_t, int64_t, int64_t, int64_t, int64_t);

static void for_places(const ss_step *step, const geometry *g, const int64_t size[2], place_function function) {
  const int64_t rows = g->batch * size[0];
#pragma omp parallel for schedule(static) num_threads(step->threads) if (rows * size[1] * g->channels > SS_CHUNK)
  for (int64_t row = 0; row < rows; row++) {
    for (int64_t column = 0; column < size[1]; column++) {
      for (int64_t from = 0; from < g->channels; from += SS_BLOCK) {
        const int64_t count = g->channels - from < SS_BLOCK ? g->channels - from : SS_BLOCK;
        function(step, g, row / size[0], row % size[0], column, from, count);
      }
    }
  }
}

static ss_status resize(const ss_step *step) {
  geometry g = geometry_of(step->node->inputs[0], step->node->outputs[0]);
  make_tables(step, &g, false);
  for_places(step, &g, g.out, resize_place);
  return SS_OK;
}

static ss_status resize_backward(const ss_step *step) {
  geometry g = geometry_of(step->node->outputs[0], step->node->inputs[0]);
  make_tables(step, &g, true);
  for_places(step, &g, g.in, resize_place_backward);
  return SS_OK;
}

static const ss_way forward_ways[] = {{"loops", NULL, prepare, resize, NULL}};
const ss_kernel ss_cpu_resize = {forward_ways, 1};
static const ss_way backward_ways[] = {{"loops", NULL, prepare_backward, resize_backward, NULL}};
const ss_kernel ss_cpu_resize_backward = {backward_ways, 1};
