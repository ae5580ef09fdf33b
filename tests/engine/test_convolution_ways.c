/* Every way to compute a convolution node against plain loops, in each layout that the planner may ask for. */
#include "support_ways.h"

#include "engine/cpu/amx_convolution.h"
#include "engine/cpu/features.h"

#include <math.h>
#include <stdlib.h>

typedef struct shape_case {
  ss_shape x;
  int outputs;
  ss_convolution_options options;
} shape_case;

static const shape_case cases[] = {
    {{4, {16, 9, 7, 16}}, 32, {.kernel = {3, 3}, .padding = {1, 1}, .bias = true}},
    {{4, {32, 8, 8, 32}}, 16, {.kernel = {3, 3}, .stride = {2, 2}, .padding = {1, 1}}},
    {{4, {16, 5, 6, 48}}, 16, {.kernel = {1, 1}, .stride = {2, 2}}},
    {{4, {16, 4, 4, 64}}, 64, {.kernel = {3, 3}, .padding = {1, 1}}},
    {{4, {16, 11, 12, 3}}, 16, {.kernel = {7, 7}, .stride = {2, 2}, .padding = {3, 3}, .bias = true}},
    {{4, {16, 6, 6, 8}}, 12, {.kernel = {3, 3}, .padding = {2, 2}, .dilation = {2, 2}, .groups = 2, .bias = true}},
    {{4, {16, 7, 5, 16}}, 16, {.kernel = {3, 3}, .padding = {1, 1}, .groups = 16}},
    {{4, {16, 6, 5, 5}}, 7, {.kernel = {2, 3}, .padding = {0, 1}, .bias = true}},
    {{5, {2, 4, 6, 5, 6}}, 8, {.kernel = {3, 3, 3}, .stride = {1, 2, 1}, .padding = {1, 1, 1}, .bias = true}},
};
enum { CASES = sizeof cases / sizeof cases[0] };

typedef struct recorded {
  ss_parameters *parameters;
  ss_graph *graph;
  const ss_node *nodes[3]; /* the three operations on the case's shapes */
} recorded;

static recorded record(const shape_case *c, ss_dtype dtype) {
  recorded r = {.parameters = ss_parameters_new(1)};
  r.graph = ss_graph_new(r.parameters, &(ss_graph_options){.compute = dtype, .training = true});
  ss_tensor *x = ss_graph_input(r.graph, "x", dtype, c->x);
  ss_tensor *y = c->x.rank == 4 ? ss_convolution2d(r.graph, x, c->outputs, &c->options, "c")
                                : ss_convolution3d(r.graph, x, c->outputs, &c->options, "c");
  assert_non_null(y);
  const ss_node *forward = y->producer;
  ss_tensor *bias = NULL;
  if (c->options.bias) { /* of a transposed convolution */
    bias =
        ss_graph_parameter(r.graph, "t.bias", SS_F32, ss_shape_of(ss_tensor_dim(x, -1)), SS_INIT_ZEROS, SS_TRAINABLE);
  }
  ss_tensor *const data_inputs[] = {ss_graph_input(r.graph, "dy", dtype, y->shape), forward->inputs[1], bias};
  ss_tensor *const weight_inputs[] = {x, data_inputs[0]};
  ss_tensor *dx =
      ss_graph_operation(r.graph, SS_OP_CONVOLUTION_BACKWARD_DATA, &forward->attributes, data_inputs, 3, dtype, c->x);
  ss_tensor *dw = ss_graph_operation(r.graph, SS_OP_CONVOLUTION_BACKWARD_WEIGHT, &forward->attributes, weight_inputs, 2,
                                     SS_F32, forward->inputs[1]->shape);
  assert_non_null(dx);
  assert_non_null(dw);
  r.nodes[0] = forward;
  r.nodes[1] = dx->producer;
  r.nodes[2] = dw->producer;
  return r;
}

static void release(recorded *r) {
  ss_graph_free(r->graph);
  ss_parameters_free(r->parameters);
}

/* bit 0: the first activation of the node in block16, bit 1: the second. */
static void set_layouts(const ss_node *node, unsigned layouts) {
  ss_tensor *const first = node->inputs[0];
  ss_tensor *const second = node->operation == SS_OP_CONVOLUTION_BACKWARD_WEIGHT ? node->inputs[1] : node->outputs[0];
  first->layout = layouts & 1u ? SS_LAYOUT_BLOCK16 : SS_LAYOUT_PLAIN;
  second->layout = layouts & 2u ? SS_LAYOUT_BLOCK16 : SS_LAYOUT_PLAIN;
}

static int check(ss_dtype dtype, double tolerance, double weight_tolerance, unsigned most_layouts) {
  int checked = 0;
  for (int i = 0; i < CASES; i++) {
    recorded r = record(&cases[i], dtype);
    for (unsigned layouts = 0; layouts <= (cases[i].x.rank == 4 ? most_layouts : 0); layouts++) {
      for (int k = 0; k < 3; k++) {
        set_layouts(r.nodes[k], layouts);
        checked +=
            support_check_ways(r.nodes[k], k == 2 ? weight_tolerance : tolerance, 100 * (uint64_t)i + (uint64_t)k);
        set_layouts(r.nodes[k], 0);
      }
    }
    release(&r);
  }
  return checked;
}

/* Sums of up to 2000 products in different orders. */
static void test_float32(void **state) {
  (void)state;
  assert_true(check(SS_F32, 1e-5, 1e-5, 3) >= 2 * 3 * CASES);
}

/* Two results that are each rounded to bf16, a transposed convolution's twice: 3 x 2^-8. Weight gradients are float32.
 */
static void test_bf16(void **state) {
  (void)state;
  const int checked = check(SS_BF16, 3.0 / 256.0, 1e-5, 3);
  if (ss_cpu_has_bf16()) {
    assert_true(checked >= 2 * 3 * CASES);
  }
}

/* The matrix unit's kernels take what they are made for, and only in block16. */
static void test_amx_is_offered(void **state) {
  (void)state;
  if (!ss_amx_available()) {
    skip();
  }
  recorded r = record(&cases[0], SS_BF16);
  for (int k = 0; k < 3; k++) {
    for (unsigned layouts = 0; layouts < 4; layouts++) {
      set_layouts(r.nodes[k], layouts);
      assert_int_equal(support_find_way(r.nodes[k], "amx") != NULL, layouts == 3);
      set_layouts(r.nodes[k], 0);
    }
  }
  release(&r);
}

/* One thread and three give the loops' same bits, whatever the way the work is cut. */
static void test_loops_do_not_depend_on_threads(void **state) {
  (void)state;
  recorded r = record(&cases[7], SS_F32);
  for (int k = 0; k < 3; k++) {
    const ss_node *node = r.nodes[k];
    float *in[3] = {NULL};
    for (int i = 0; i < node->input_count; i++) {
      in[i] = support_bf16_normal(ss_shape_count(node->inputs[i]->shape), (uint64_t)i);
    }
    const ss_way *loops = support_find_way(node, "loops");
    float *one = support_run_way(node, loops, (const float *const *)in, 1);
    float *three = support_run_way(node, loops, (const float *const *)in, 3);
    assert_memory_equal(one, three, (size_t)ss_shape_count(node->outputs[0]->shape) * sizeof *one);
    free(one);
    free(three);
    for (int i = 0; i < node->input_count; i++) {
      free(in[i]);
    }
  }
  release(&r);
}

enum { NETWORK_ARRAYS = 3 };

/* conv, tanh (a ReLU would be on where rounding moves values over its kink), strided conv and their gradients for 16
 * images, which the layout pass may put in block16: the output and both weights' gradients. */
static void run_network(ss_dtype compute, float **values, int64_t *counts) {
  ss_parameters *parameters = ss_parameters_new(7);
  ss_graph *graph = ss_graph_new(parameters, &(ss_graph_options){.compute = compute, .training = true});
  ss_tensor *x = ss_graph_input(graph, "x", SS_F32, ss_shape_of(16, 8, 8, 16));
  const ss_convolution_options first = {.kernel = {3, 3}, .padding = {1, 1}};
  const ss_convolution_options second = {.kernel = {3, 3}, .stride = {2, 2}, .padding = {1, 1}};
  ss_tensor *y = ss_tanh(graph, ss_convolution2d(graph, x, 32, &first, "first"));
  y = ss_cast(graph, ss_convolution2d(graph, y, 16, &second, "second"), SS_F32);
  ss_graph_keep(graph, y);
  ss_graph_backward(graph, ss_reduce_mean(graph, ss_square(graph, y), 15u, false), "");
  ss_plan *plan = support_plan(graph);
  float *in = support_bf16_normal(ss_shape_count(ss_tensor_shape(x)), 3);
  support_write(plan, x, in);
  support_run(plan);
  assert_int_equal(ss_graph_gradient_count(graph), 2);
  const ss_tensor *results[NETWORK_ARRAYS] = {y, ss_graph_gradient_tensor(graph, 0),
                                              ss_graph_gradient_tensor(graph, 1)};
  for (int i = 0; i < NETWORK_ARRAYS; i++) {
    values[i] = support_read(plan, results[i]);
    counts[i] = ss_shape_count(ss_tensor_shape(results[i]));
  }
  free(in);
  ss_plan_free(plan);
  ss_graph_free(graph);
  ss_parameters_free(parameters);
}

/* Whatever layouts the planner chooses for bf16, the results are float32's up to the rounding of two layers, forward
 * and back. */
static void test_network_in_chosen_layouts(void **state) {
  (void)state;
  float *exact[NETWORK_ARRAYS], *rounded[NETWORK_ARRAYS];
  int64_t counts[NETWORK_ARRAYS];
  run_network(SS_F32, exact, counts);
  run_network(SS_BF16, rounded, counts);
  for (int i = 0; i < NETWORK_ARRAYS; i++) {
    double largest = 0.0;
    for (int64_t k = 0; k < counts[i]; k++) {
      largest = fmax(largest, fabs((double)exact[i][k]));
    }
    const double difference = support_difference(exact[i], rounded[i], counts[i]);
    if (!(difference <= 4.0 / 256.0 * largest)) {
      fail_msg("array %d: off by %g of %g", i, difference, largest);
    }
    free(exact[i]);
    free(rounded[i]);
  }
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(test_float32),
      cmocka_unit_test(test_bf16),
      cmocka_unit_test(test_amx_is_offered),
      cmocka_unit_test(test_loops_do_not_depend_on_threads),
      cmocka_unit_test(test_network_in_chosen_layouts),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
