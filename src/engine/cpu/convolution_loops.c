/* Convolutions in plain C: the reference, and what serves processors and shapes that nothing faster does. */
#include "base/bfloat16.h"
#include "base/compiler.h"
#include "engine/convolution_geometry.h"
#include "engine/cpu/convolution_ways.h"

#include <string.h>

/* Channels summed at a time, in registers or the first cache. */
enum { CHUNK = 64 };

typedef struct place {
  int64_t at[3];
} place;

static place place_of(int64_t index, const int64_t *size) {
  return (place){{index / (size[1] * size[2]), index / size[2] % size[1], index % size[2]}};
}

static int64_t index_of(place p, const int64_t *size) {
  return (p.at[0] * size[1] + p.at[1]) * size[2] + p.at[2];
}

/* The x place that kernel place `tap` of y place `out` reads; false in the padding. */
static bool input_place(const ss_convolution_geometry *g, place out, place tap, place *in) {
  for (int i = 0; i < 3; i++) {
    in->at[i] = out.at[i] * g->stride[i] - g->padding[i] + tap.at[i] * g->dilation[i];
    if (in->at[i] < 0 || in->at[i] >= g->in[i]) {
      return false;
    }
  }
  return true;
}

/* The y place that reads x place `in` with kernel place `tap`; false if none does. */
static bool output_place(const ss_convolution_geometry *g, place in, place tap, place *out) {
  for (int i = 0; i < 3; i++) {
    const int64_t scaled = in.at[i] + g->padding[i] - tap.at[i] * g->dilation[i];
    if (scaled < 0 || scaled % g->stride[i] != 0 || scaled / g->stride[i] >= g->out[i]) {
      return false;
    }
    out->at[i] = scaled / g->stride[i];
  }
  return true;
}

static int64_t volume(const int64_t *size) {
  return size[0] * size[1] * size[2];
}

static float load(const void *values, ss_dtype dtype, int64_t index) {
  return dtype == SS_BF16 ? ss_bf16_to_float(((const ss_bf16 *)values)[index]) : ((const float *)values)[index];
}

static void store(void *values, ss_dtype dtype, int64_t index, float value) {
  if (dtype == SS_BF16) {
    ((ss_bf16 *)values)[index] = ss_bf16_from_float(value);
  } else {
    ((float *)values)[index] = value;
  }
}

/* One side of the convolution: activations in rows of channels, of which a group has `own`. */
typedef struct side {
  const ss_tensor *tensor;
  const int64_t *size;
  int64_t channels, own, pixels;
} side;

static side input_side(const ss_convolution_geometry *g) {
  return (side){g->x, g->in, g->input_channels, g->input_channels / g->groups, volume(g->in)};
}

static side output_side(const ss_convolution_geometry *g) {
  return (side){g->y, g->out, g->output_channels, g->output_channels / g->groups, volume(g->out)};
}

/* Float index of the first channel of `group` of picture n's pixel. */
static int64_t row_start(const side *s, int64_t n, int64_t pixel, int64_t group) {
  return ss_pixel_row(s->tensor->layout, n, pixel, s->pixels) * s->channels + group * s->own;
}

/* Weights (O, I/groups, taps) to (groups, taps, read channels, written channels), so that the inner loop runs over
 * neighbours; rounded to bf16 if the activations are. */
static void pack_weights(const ss_convolution_geometry *g, bool forward, const float *weights, float *packed,
                         int threads) {
  const int64_t taps = volume(g->kernel), in = g->input_channels / g->groups, out = g->output_channels / g->groups;
#pragma omp parallel for num_threads(threads) schedule(static)
  for (int64_t o = 0; o < g->output_channels; o++) {
    for (int64_t i = 0; i < in; i++) {
      for (int64_t tap = 0; tap < taps; tap++) {
        const float value = weights[(o * in + i) * taps + tap];
        const int64_t base = (o / out * taps + tap) * in * out;
        packed[base + (forward ? i * out + o % out : o % out * in + i)] =
            g->x->dtype == SS_BF16 ? ss_bf16_to_float(ss_bf16_from_float(value)) : value;
      }
    }
  }
}

/* sums[c] += sum over `count` channels r of values[start + r] * weights[r * stride + c]. */
SS_MULTIVERSION static void accumulate(float *restrict sums, int64_t width, const void *values, ss_dtype dtype,
                                       int64_t start, int64_t count, const float *restrict weights, int64_t stride) {
  for (int64_t r = 0; r < count; r++) {
    const float value = load(values, dtype, start + r);
    for (int64_t c = 0; c < width; c++) {
      sums[c] += value * weights[r * stride + c];
    }
  }
}

/* CONVOLUTION writes y from x, BACKWARD_DATA x from y: every written pixel gathers from the taps that reach it. */
static void gather(const ss_step *step, const ss_convolution_geometry *g, bool forward) {
  const side from = forward ? input_side(g) : output_side(g);
  const side to = forward ? output_side(g) : input_side(g);
  const int64_t taps = volume(g->kernel);
  const float *bias = step->node->input_count > 2 ? step->in[2] : NULL;
  float *packed = step->scratch;
  pack_weights(g, forward, step->in[1], packed, step->threads);
#pragma omp parallel for num_threads(step->threads) schedule(static)
  for (int64_t job = 0; job < g->batch * to.pixels; job++) {
    const int64_t n = job / to.pixels, pixel = job % to.pixels;
    const place here = place_of(pixel, to.size);
    for (int64_t group = 0; group < g->groups; group++) {
      for (int64_t first = 0; first < to.own; first += CHUNK) {
        const int64_t width = to.own - first < CHUNK ? to.own - first : CHUNK;
        float sums[CHUNK] = {0};
        for (int64_t tap = 0; tap < taps; tap++) {
          place there;
          const place offset = place_of(tap, g->kernel);
          if (forward ? input_place(g, here, offset, &there) : output_place(g, here, offset, &there)) {
            accumulate(sums, width, step->in[0], from.tensor->dtype,
                       row_start(&from, n, index_of(there, from.size), group), from.own,
                       packed + (group * taps + tap) * from.own * to.own + first, to.own);
          }
        }
        const int64_t start = row_start(&to, n, pixel, group) + first;
        for (int64_t c = 0; c < width; c++) {
          store(step->out[0], to.tensor->dtype, start + c, sums[c] + (bias ? bias[group * to.own + first + c] : 0.0f));
        }
      }
    }
  }
}

SS_MULTIVERSION static void accumulate_products(double *restrict sums, int64_t width, double x, const void *y,
                                                ss_dtype dtype, int64_t start) {
  for (int64_t c = 0; c < width; c++) {
    sums[c] += x * (double)load(y, dtype, start + c);
  }
}

/* Every weight is summed by one thread, in one order. */
static void weight_gradient(const ss_step *step, const ss_convolution_geometry *g) {
  const side x = input_side(g), y = output_side(g);
  const int64_t taps = volume(g->kernel);
  float *gradient = step->out[0];
#pragma omp parallel for num_threads(step->threads) schedule(static)
  for (int64_t job = 0; job < g->groups * x.own * taps; job++) {
    const int64_t tap = job % taps, i = job / taps % x.own, group = job / taps / x.own;
    const place offset = place_of(tap, g->kernel);
    for (int64_t first = 0; first < y.own; first += CHUNK) {
      const int64_t width = y.own - first < CHUNK ? y.own - first : CHUNK;
      double sums[CHUNK] = {0};
      for (int64_t n = 0; n < g->batch; n++) {
        for (int64_t pixel = 0; pixel < y.pixels; pixel++) {
          place in;
          if (input_place(g, place_of(pixel, g->out), offset, &in)) {
            const float value = load(step->in[0], x.tensor->dtype, row_start(&x, n, index_of(in, g->in), group) + i);
            accumulate_products(sums, width, (double)value, step->in[1], y.tensor->dtype,
                                row_start(&y, n, pixel, group) + first);
          }
        }
      }
      for (int64_t c = 0; c < width; c++) {
        gradient[((group * y.own + first + c) * x.own + i) * taps + tap] = (float)sums[c];
      }
    }
  }
}

bool ss_convolution_loops_supports(const ss_node *node) {
  (void)node;
  return true;
}

ss_status ss_convolution_loops_prepare(ss_step *step, ss_error *error) {
  (void)error;
  if (step->node->operation != SS_OP_CONVOLUTION_BACKWARD_WEIGHT) {
    step->scratch_bytes = (size_t)ss_shape_count(step->node->inputs[1]->shape) * sizeof(float);
  }
  return SS_OK;
}

ss_status ss_convolution_loops_run(const ss_step *step) {
  const ss_convolution_geometry g = ss_convolution_geometry_of(step->node);
  if (step->node->operation == SS_OP_CONVOLUTION_BACKWARD_WEIGHT) {
    weight_gradient(step, &g);
  } else {
    gather(step, &g, step->node->operation == SS_OP_CONVOLUTION);
  }
  return SS_OK;
}
