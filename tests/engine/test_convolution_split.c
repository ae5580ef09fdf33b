/* float32 convolutions on the matrix unit are as exact as float32: compared with float64 on numbers of which every part
 * of the split counts. */
#include "support_ways.h"

#include "base/random.h"
#include "engine/cpu/amx_convolution.h"

#include <math.h>
#include <stdlib.h>

typedef struct shape_case {
  ss_shape x;
  int outputs, kernel, stride, padding;
} shape_case;

static const shape_case cases[] = {
    {{4, {16, 5, 7, 16}}, 16, 3, 1, 1},   {{4, {32, 6, 5, 48}}, 48, 1, 1, 0},   {{4, {16, 9, 8, 32}}, 48, 1, 2, 0},
    {{4, {16, 9, 8, 32}}, 32, 3, 2, 1},   {{4, {48, 4, 4, 80}}, 80, 3, 1, 1},   {{4, {16, 3, 2, 16}}, 32, 5, 1, 2},
    {{4, {16, 1, 1, 64}}, 16, 1, 1, 0},   {{4, {16, 6, 9, 16}}, 16, 2, 2, 1},   {{4, {16, 40, 3, 32}}, 32, 3, 1, 0},
    {{4, {16, 1, 60, 128}}, 16, 3, 1, 1},                                       /* rows too long for the cache */
    {{4, {16, 1, 36, 512}}, 16, 1, 1, 0}, {{4, {16, 2, 16, 16}}, 512, 1, 1, 0}, /* few weights and many */
    {{4, {16, 2, 2, 256}}, 96, 3, 1, 1},  {{4, {16, 11, 12, 3}}, 48, 7, 2, 3},  /* first layers */
    {{4, {32, 8, 9, 3}}, 16, 3, 1, 1},    {{4, {16, 7, 7, 1}}, 32, 4, 2, 0},    {{4, {16, 3, 96, 3}}, 16, 7, 2, 3},
};
enum { CASES = sizeof cases / sizeof cases[0] };

/* h + m + l with h a bf16 number in [1, 2), m in 2^-9 [1, 2) and l in 2^-18 [1, 2): a sum in which two parts
 * that matter are not multiplied lacks 4 x 10^-6 of itself, the float32 sums' own rounding half that at the most. */
static float *make_values(int64_t count, uint64_t seed) {
  float *values = malloc((size_t)count * sizeof *values);
  assert_non_null(values);
  ss_random random = ss_random_stream(seed, SS_RANDOM_METHOD, 0, 0, 0);
  for (int64_t i = 0; i < count; i++) {
    const double high = 1.0 + floor(127.0 * (double)ss_random_uniform(&random)) / 128.0;
    const double middle = 1.0 + floor(127.0 * (double)ss_random_uniform(&random)) / 128.0;
    const double low = 1.0 + floor(31.0 * (double)ss_random_uniform(&random)) / 32.0;
    values[i] = (float)(high + middle / 512.0 + low / 262144.0);
  }
  return values;
}

typedef struct arrays {
  const float *x, *w, *dy; /* (N, H, W, C), (O, I, K, K), (N, OH, OW, O) */
  double *y, *dx, *dw;
} arrays;

/* All three operations in float64. */
static void compute(const shape_case *c, const ss_shape *out, const arrays *a) {
  const int64_t *in = c->x.dims;
  const int64_t *to = out->dims;
  const int k = c->kernel;
  for (int64_t n = 0; n < in[0]; n++) {
    for (int64_t oy = 0; oy < to[1]; oy++) {
      for (int64_t ox = 0; ox < to[2]; ox++) {
        for (int ky = 0; ky < k; ky++) {
          for (int kx = 0; kx < k; kx++) {
            const int64_t y = oy * c->stride - c->padding + ky, x = ox * c->stride - c->padding + kx;
            if (y < 0 || y >= in[1] || x < 0 || x >= in[2]) {
              continue;
            }
            for (int64_t o = 0; o < to[3]; o++) {
              const int64_t at_y = ((n * to[1] + oy) * to[2] + ox) * to[3] + o;
              for (int64_t i = 0; i < in[3]; i++) {
                const int64_t at_x = ((n * in[1] + y) * in[2] + x) * in[3] + i;
                const int64_t at_w = ((o * in[3] + i) * k + ky) * k + kx;
                a->y[at_y] += (double)a->x[at_x] * (double)a->w[at_w];
                a->dx[at_x] += (double)a->dy[at_y] * (double)a->w[at_w];
                a->dw[at_w] += (double)a->dy[at_y] * (double)a->x[at_x];
              }
            }
          }
        }
      }
    }
  }
}

static double *zeros(int64_t count) {
  double *values = calloc((size_t)count, sizeof *values);
  assert_non_null(values);
  return values;
}

/* The node's AMX way on 1 and 3 threads: everywhere the same, and the expected to 2 x 10^-6. */
static void check_node(const ss_node *node, const float *first, const float *second, const double *expected, int number,
                       const char *what) {
  const ss_way *way = support_find_way(node, "amx");
  assert_non_null(way);
  const float *in[2] = {first, second};
  const int64_t count = ss_shape_count(node->outputs[0]->shape);
  float *result = support_run_way(node, way, in, 1);
  float *again = support_run_way(node, way, in, 3);
  for (int64_t i = 0; i < count; i++) {
    if (!(fabs((double)result[i] - expected[i]) <= 2e-6 * expected[i])) {
      fail_msg("case %d, %s: %lld is %.9g, should be %.9g", number, what, (long long)i, (double)result[i], expected[i]);
    }
  }
  assert_memory_equal(result, again, (size_t)count * sizeof *result);
  free(result);
  free(again);
}

static void set_block16(const ss_node *node) {
  ss_tensor *const second = node->operation == SS_OP_CONVOLUTION_BACKWARD_WEIGHT ? node->inputs[1] : node->outputs[0];
  node->inputs[0]->layout = SS_LAYOUT_BLOCK16;
  second->layout = SS_LAYOUT_BLOCK16;
}

static void check_case(int number) {
  const shape_case *c = &cases[number];
  ss_parameters *parameters = ss_parameters_new(1);
  ss_graph *graph = ss_graph_new(parameters, &(ss_graph_options){.compute = SS_F32, .training = true});
  ss_tensor *x = ss_graph_input(graph, "x", SS_F32, c->x);
  const ss_convolution_options options = {
      .kernel = {c->kernel, c->kernel}, .stride = {c->stride, c->stride}, .padding = {c->padding, c->padding}};
  const ss_node *forward = ss_convolution2d(graph, x, c->outputs, &options, "c")->producer;
  const ss_shape out = forward->outputs[0]->shape, weight = forward->inputs[1]->shape;
  ss_tensor *dy = ss_graph_input(graph, "dy", SS_F32, out);
  ss_tensor *const data_inputs[] = {dy, forward->inputs[1]};
  ss_tensor *const weight_inputs[] = {x, dy};
  const ss_node *data =
      ss_graph_operation(graph, SS_OP_CONVOLUTION_BACKWARD_DATA, &forward->attributes, data_inputs, 2, SS_F32, c->x)
          ->producer;
  const ss_node *gradient = ss_graph_operation(graph, SS_OP_CONVOLUTION_BACKWARD_WEIGHT, &forward->attributes,
                                               weight_inputs, 2, SS_F32, weight)
                                ->producer;
  const int64_t x_count = ss_shape_count(c->x), w_count = ss_shape_count(weight), y_count = ss_shape_count(out);
  float *x_values = make_values(x_count, 1), *w_values = make_values(w_count, 2), *dy_values = make_values(y_count, 3);
  const arrays a = {x_values, w_values, dy_values, zeros(y_count), zeros(x_count), zeros(w_count)};
  compute(c, &out, &a);
  set_block16(forward);
  check_node(forward, x_values, w_values, a.y, number, "forward");
  if (c->x.dims[3] % 16 == 0) {
    set_block16(data);
    check_node(data, dy_values, w_values, a.dx, number, "data gradient");
  }
  set_block16(gradient);
  check_node(gradient, x_values, dy_values, a.dw, number, "weight gradient");
  free(x_values);
  free(w_values);
  free(dy_values);
  free(a.y);
  free(a.dx);
  free(a.dw);
  ss_graph_free(graph);
  ss_parameters_free(parameters);
}

static void test_as_exact_as_float32(void **state) {
  (void)state;
  if (!ss_amx_available()) {
    skip();
  }
  for (int i = 0; i < CASES; i++) {
    check_case(i);
  }
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(test_as_exact_as_float32),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
