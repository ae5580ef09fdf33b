/* The AMX convolution against plain loops in double precision. */
#include "engine/cpu/amx_convolution.h"

#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "base/bfloat16.h"
#include "base/memory.h"
#include "base/random.h"

#define ROUNDING                                                                                       \
  0.00390625 /* half a unit in the last place of bf16, relative: 2^-9; doubled for the sum's own error \
              */

typedef struct problem {
  ss_amx_convolution shape;
  int out_height, out_width;
  size_t x_size, y_size, w_size;
  uint16_t *x, *dy; /* block16 */
  float *weights;   /* exact in bf16 */
  float *bias;
} problem;

static void *aligned(size_t bytes) {
  void *memory = ss_alloc_aligned(bytes);
  assert_non_null(memory);
  return memory;
}

static size_t block16(int n, int y, int x, int c, int height, int width, int channels) {
  return ((((size_t)(n / 16) * (size_t)height + (size_t)y) * (size_t)width + (size_t)x) * 16 + (size_t)(n % 16)) *
             (size_t)channels +
         (size_t)c;
}

static uint64_t noise_state;

/* A value in [-1, 1) that bf16 holds exactly. */
static float noise(void) {
  noise_state = noise_state * 6364136223846793005u + 1442695040888963407u;
  return ss_bf16_to_float(ss_bf16_from_float((float)(int32_t)(noise_state >> 32) / 2147483648.0f));
}

static problem make_problem(ss_amx_convolution shape) {
  problem p;
  memset(&p, 0, sizeof p);
  p.shape = shape;
  p.out_height = ss_amx_convolution_out_height(&shape);
  p.out_width = ss_amx_convolution_out_width(&shape);
  p.x_size = (size_t)(shape.batch * shape.height * shape.width) * (size_t)shape.input_channels;
  p.y_size = (size_t)(shape.batch * p.out_height * p.out_width) * (size_t)shape.output_channels;
  p.w_size = (size_t)(shape.output_channels * shape.input_channels) * (size_t)(shape.kernel * shape.kernel);
  p.x = aligned(p.x_size * sizeof *p.x);
  p.dy = aligned(p.y_size * sizeof *p.dy);
  p.weights = aligned(p.w_size * sizeof *p.weights);
  p.bias = aligned((size_t)shape.output_channels * sizeof *p.bias);
  noise_state = 42;
  for (size_t i = 0; i < p.x_size; ++i) {
    p.x[i] = ss_bf16_from_float(noise());
  }
  for (size_t i = 0; i < p.y_size; ++i) {
    p.dy[i] = ss_bf16_from_float(noise());
  }
  for (size_t i = 0; i < p.w_size; ++i) {
    p.weights[i] = noise();
  }
  for (int i = 0; i < shape.output_channels; ++i) {
    p.bias[i] = noise();
  }
  return p;
}

static void free_problem(problem *p) {
  ss_free_aligned(p->x, p->x_size * sizeof *p->x);
  ss_free_aligned(p->dy, p->y_size * sizeof *p->dy);
  ss_free_aligned(p->weights, p->w_size * sizeof *p->weights);
  ss_free_aligned(p->bias, (size_t)p->shape.output_channels * sizeof *p->bias);
}

/* What the loops of a convolution add up: the result and the sum of magnitudes that bounds its error. */
typedef struct reference {
  double *value, *magnitude;
} reference;

typedef enum direction { FORWARD, DATA, WEIGHT } direction;

static reference compute_reference(const problem *p, direction way, size_t size) {
  const ss_amx_convolution *s = &p->shape;
  reference r = {calloc(size, sizeof(double)), calloc(size, sizeof(double))};
  assert_non_null(r.value);
  assert_non_null(r.magnitude);
  for (int n = 0; n < s->batch; ++n) {
    for (int y = 0; y < p->out_height; ++y) {
      for (int x = 0; x < p->out_width; ++x) {
        for (int tap = 0; tap < s->kernel * s->kernel; ++tap) {
          const int iy = y * s->stride + tap / s->kernel - s->padding;
          const int ix = x * s->stride + tap % s->kernel - s->padding;
          if (iy < 0 || iy >= s->height || ix < 0 || ix >= s->width) {
            continue;
          }
          const size_t in = s->input_channels % 16 == 0
                                ? block16(n, iy, ix, 0, s->height, s->width, s->input_channels)
                                : (size_t)(((n * s->height + iy) * s->width + ix) * s->input_channels);
          const size_t out = block16(n, y, x, 0, p->out_height, p->out_width, s->output_channels);
          for (int o = 0; o < s->output_channels; ++o) {
            const size_t weight = (size_t)(o * s->input_channels) * (size_t)(s->kernel * s->kernel) + (size_t)tap;
            const double gradient = ss_bf16_to_float(p->dy[out + (size_t)o]);
            for (int c = 0; c < s->input_channels; ++c) {
              const size_t w = weight + (size_t)c * (size_t)(s->kernel * s->kernel);
              const double input = ss_bf16_to_float(p->x[in + (size_t)c]);
              const size_t at = way == FORWARD ? out + (size_t)o : way == DATA ? in + (size_t)c : w;
              const double product = way == FORWARD ? input * (double)p->weights[w]
                                     : way == DATA  ? gradient * (double)p->weights[w]
                                                    : gradient * input;
              r.value[at] += product;
              r.magnitude[at] += fabs(product);
            }
          }
        }
      }
    }
  }
  return r;
}

static void free_reference(reference *r) {
  free(r->value);
  free(r->magnitude);
}

/* A bf16 result: rounding of the value itself, and float32's of the sum. */
static void check_bf16(const uint16_t *got, const reference *want, size_t size, const char *what) {
  for (size_t i = 0; i < size; ++i) {
    const double difference = fabs((double)ss_bf16_to_float(got[i]) - want->value[i]);
    const double bound = ROUNDING * fabs(want->value[i]) + 1e-6 * want->magnitude[i];
    if (!(difference <= bound)) {
      fail_msg("%s: value %zu is %g, not %g", what, i, (double)ss_bf16_to_float(got[i]), want->value[i]);
    }
  }
}

static void check_float(const float *got, const reference *want, size_t size, const char *what) {
  for (size_t i = 0; i < size; ++i) {
    if (!(fabs((double)got[i] - want->value[i]) <= 1e-5 * want->magnitude[i])) {
      fail_msg("%s: value %zu is %g, not %g", what, i, (double)got[i], want->value[i]);
    }
  }
}

static void describe(const ss_amx_convolution *s, const char *direction_name, char text[128]) {
  snprintf(text, 128, "%s: batch %d, %d x %d, %d to %d channels, kernel %d, stride %d, padding %d", direction_name,
           s->batch, s->height, s->width, s->input_channels, s->output_channels, s->kernel, s->stride, s->padding);
}

/* All directions of one shape, with `threads` threads; the same bits with 1. */
static void check_shape(ss_amx_convolution shape, int threads) {
  char what[128];
  describe(&shape, "shape", what);
  if (!ss_amx_convolution_supports(&shape)) {
    fail_msg("not supported: %s", what);
  }
  problem p = make_problem(shape);
  size_t scratch_size = 64;
  for (int t = 1; t <= threads; ++t) {
    const size_t sizes[3] = {ss_amx_convolution_forward_scratch(&shape, t),
                             ss_amx_convolution_weight_scratch(&shape, t),
                             shape.input_channels % 16 == 0 ? ss_amx_convolution_data_scratch(&shape, t) : 0};
    for (int i = 0; i < 3; ++i) {
      scratch_size = sizes[i] > scratch_size ? sizes[i] : scratch_size;
    }
  }
  uint8_t *scratch = aligned(scratch_size);
  memset(scratch, 0xFF, scratch_size); /* NaN: nothing may be read that was not written */

  uint16_t *y[2] = {aligned(p.y_size * sizeof(uint16_t)), aligned(p.y_size * sizeof(uint16_t))};
  ss_amx_convolution_forward(&shape, p.x, p.weights, NULL, y[0], scratch, threads);
  memset(scratch, 0xFF, scratch_size);
  ss_amx_convolution_forward(&shape, p.x, p.weights, NULL, y[1], scratch, 1);
  reference want = compute_reference(&p, FORWARD, p.y_size);
  describe(&shape, "forward", what);
  check_bf16(y[0], &want, p.y_size, what);
  assert_memory_equal(y[0], y[1], p.y_size * sizeof(uint16_t));
  ss_amx_convolution_forward(&shape, p.x, p.weights, p.bias, y[0], scratch, threads);
  for (size_t i = 0; i < p.y_size; ++i) {
    const double bias = (double)p.bias[i % (size_t)shape.output_channels];
    want.value[i] += bias;
    want.magnitude[i] += fabs(bias);
  }
  describe(&shape, "forward with bias", what);
  check_bf16(y[0], &want, p.y_size, what);
  free_reference(&want);
  for (int i = 0; i < 2; ++i) {
    ss_free_aligned(y[i], p.y_size * sizeof(uint16_t));
  }

  if (ss_amx_convolution_supports_backward_data(&shape)) {
    uint16_t *dx[2] = {aligned(p.x_size * sizeof(uint16_t)), aligned(p.x_size * sizeof(uint16_t))};
    memset(dx[0], 0xFF, p.x_size * sizeof(uint16_t));
    memset(scratch, 0xFF, scratch_size);
    ss_amx_convolution_backward_data(&shape, p.dy, p.weights, dx[0], scratch, threads);
    memset(scratch, 0xFF, scratch_size);
    ss_amx_convolution_backward_data(&shape, p.dy, p.weights, dx[1], scratch, 1);
    want = compute_reference(&p, DATA, p.x_size);
    describe(&shape, "backward data", what);
    check_bf16(dx[0], &want, p.x_size, what);
    assert_memory_equal(dx[0], dx[1], p.x_size * sizeof(uint16_t));
    free_reference(&want);
    for (int i = 0; i < 2; ++i) {
      ss_free_aligned(dx[i], p.x_size * sizeof(uint16_t));
    }
  }

  float *dw[2] = {aligned(p.w_size * sizeof(float)), aligned(p.w_size * sizeof(float))};
  memset(dw[0], 0xFF, p.w_size * sizeof(float));
  memset(scratch, 0xFF, scratch_size);
  ss_amx_convolution_backward_weight(&shape, p.x, p.dy, dw[0], scratch, threads);
  memset(scratch, 0xFF, scratch_size);
  ss_amx_convolution_backward_weight(&shape, p.x, p.dy, dw[1], scratch, 1);
  want = compute_reference(&p, WEIGHT, p.w_size);
  describe(&shape, "backward weight", what);
  check_float(dw[0], &want, p.w_size, what);
  assert_memory_equal(dw[0], dw[1], p.w_size * sizeof(float));
  free_reference(&want);
  for (int i = 0; i < 2; ++i) {
    ss_free_aligned(dw[i], p.w_size * sizeof(float));
  }
  ss_free_aligned(scratch, scratch_size);
  free_problem(&p);
}

static void needs_amx(void) {
  if (!ss_amx_available()) {
    skip();
  }
}

static void test_sizes_of_map(void **state) {
  (void)state;
  needs_amx();
  static const int sizes[] = {1, 2, 3, 5, 8};
  for (int h = 0; h < 5; ++h) {
    for (int w = 0; w < 5; ++w) {
      for (int stride = 1; stride <= 2; ++stride) {
        check_shape((ss_amx_convolution){16, sizes[h], sizes[w], 16, 16, 3, stride, 1}, 2);
        check_shape((ss_amx_convolution){16, sizes[h], sizes[w], 32, 16, 1, stride, 0}, 2);
      }
    }
  }
}

static void test_channels(void **state) {
  (void)state;
  needs_amx();
  static const int channels[] = {16, 32, 48, 64};
  for (int i = 0; i < 4; ++i) {
    for (int o = 0; o < 4; ++o) {
      for (int stride = 1; stride <= 2; ++stride) {
        check_shape((ss_amx_convolution){16, 3, 5, channels[i], channels[o], 3, stride, 1}, 2);
        check_shape((ss_amx_convolution){16, 3, 2, channels[i], channels[o], 1, stride, 0}, 2);
      }
    }
  }
}

static void test_kernels(void **state) {
  (void)state;
  needs_amx();
  for (int kernel = 2; kernel <= 7; ++kernel) {
    for (int padding = 0; padding<kernel; padding += kernel> 3 ? 3 : 1) {
      for (int stride = 1; stride <= 2; ++stride) {
        check_shape((ss_amx_convolution){16, 7, 8, 16, 16, kernel, stride, padding}, 2);
      }
    }
  }
}

static void test_first_layer(void **state) {
  (void)state;
  needs_amx();
  for (int channels = 1; channels <= 4; ++channels) {
    for (int stride = 1; stride <= 2; ++stride) {
      check_shape((ss_amx_convolution){32, 6, 5, channels, 32, 3, stride, 1}, 2);
      check_shape((ss_amx_convolution){16, 7, 9, channels, 16, 7, stride, 3}, 2);
    }
  }
  check_shape((ss_amx_convolution){16, 4, 4, 3, 16, 1, 1, 0}, 2);
  check_shape((ss_amx_convolution){32, 23, 19, 3, 32, 11, 4, 2}, 2);
  check_shape((ss_amx_convolution){16, 12, 26, 3, 64, 11, 3, 10}, 2);
  check_shape((ss_amx_convolution){16, 9, 11, 4, 48, 8, 1, 7}, 2);
  check_shape((ss_amx_convolution){16, 30, 5, 2, 32, 5, 4, 0}, 2);
}

/* Enough to be cut into several chunks of rows, of image blocks and of channels, and into slices. */
static void test_large(void **state) {
  (void)state;
  needs_amx();
  check_shape((ss_amx_convolution){48, 5, 3, 64, 48, 3, 1, 1}, 3);
  check_shape((ss_amx_convolution){16, 20, 33, 16, 16, 3, 1, 1}, 3);
  check_shape((ss_amx_convolution){16, 36, 17, 16, 16, 3, 2, 1}, 3);
  check_shape((ss_amx_convolution){272, 4, 4, 16, 16, 3, 1, 1}, 3);
  check_shape((ss_amx_convolution){16, 12, 150, 32, 16, 1, 1, 0}, 3);
  check_shape((ss_amx_convolution){16, 2, 2, 512, 32, 3, 1, 1}, 3);
  check_shape((ss_amx_convolution){16, 2, 2, 32, 512, 3, 1, 1}, 3);
  check_shape((ss_amx_convolution){32, 40, 20, 3, 16, 3, 1, 1}, 3);
}

static void test_unsupported(void **state) {
  (void)state;
  const ss_amx_convolution good = {16, 8, 8, 16, 16, 3, 1, 1};
  assert_true(ss_amx_convolution_supports(&good));
  assert_true(ss_amx_convolution_supports_backward_data(&good));
  ss_amx_convolution s = good;
  s.batch = 24;
  assert_false(ss_amx_convolution_supports(&s));
  s = good;
  s.output_channels = 10;
  assert_false(ss_amx_convolution_supports(&s));
  s = good;
  s.input_channels = 8;
  assert_false(ss_amx_convolution_supports(&s));
  s = good;
  s.stride = 3;
  assert_false(ss_amx_convolution_supports(&s));
  s = good;
  s.padding = 3;
  assert_false(ss_amx_convolution_supports(&s));
  s = good;
  s.height = 2;
  s.padding = 0;
  assert_false(ss_amx_convolution_supports(&s));
  s = good;
  s.kernel = 9;
  assert_false(ss_amx_convolution_supports(&s));
  s = good;
  s.input_channels = 3;
  assert_true(ss_amx_convolution_supports(&s));
  s.stride = 4;
  assert_true(ss_amx_convolution_supports(&s));
  s.stride = 5;
  assert_false(ss_amx_convolution_supports(&s));
  s.stride = 1;
  assert_false(ss_amx_convolution_supports_backward_data(&s));
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(test_sizes_of_map), cmocka_unit_test(test_channels), cmocka_unit_test(test_kernels),
      cmocka_unit_test(test_first_layer),  cmocka_unit_test(test_large),    cmocka_unit_test(test_unsupported),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
