/* What nodes are said to be: how much work, and which sizes. */
#include "support.h"

#include "engine/node.h"
#include "engine/peak.h"
#include "engine/work.h"

#include <string.h>

typedef struct bench {
  ss_parameters *parameters;
  ss_graph *graph;
} bench;

static int set_up(void **state) {
  static bench made;
  made.parameters = ss_parameters_new(1);
  made.graph = ss_graph_new(made.parameters, &(ss_graph_options){.compute = SS_F32, .training = true});
  *state = &made;
  return made.graph ? 0 : 1;
}

static int tear_down(void **state) {
  const bench *made = *state;
  ss_graph_free(made->graph);
  ss_parameters_free(made->parameters);
  return 0;
}

static const ss_node *find(const ss_graph *graph, ss_operation operation) {
  for (size_t i = 0; i < graph->node_count; i++) {
    if (graph->nodes[i]->operation == operation) {
      return graph->nodes[i];
    }
  }
  fail_msg("no node of operation %d", (int)operation);
  return NULL;
}

static void expect(const ss_node *node, double flops, double bytes, const char *sizes) {
  char text[160];
  const ss_work work = ss_node_work(node);
  assert_true(work.flops == flops);
  assert_true(work.bytes == bytes);
  assert_string_equal(ss_node_sizes(node, text), sizes);
}

/* y of 2 x 4 x 3 x 6 = 144 numbers, each a sum of 3 x 3 x 5 / 1 products; all three directions have as many. */
static void convolutions(void **state) {
  ss_graph *graph = ((bench *)*state)->graph;
  ss_tensor *x = ss_graph_input(graph, "x", SS_F32, ss_shape_of(2, 8, 6, 5));
  ss_graph_want_gradient(graph, x);
  const ss_convolution_options options = {.kernel = {3, 3}, .stride = {2, 2}, .padding = {1, 1}};
  ss_tensor *y = ss_convolution2d(graph, x, 6, &options, "conv");
  ss_graph_backward(graph, ss_reshape(graph, ss_reduce_sum(graph, y, 15, false), ss_shape_of(1)), "");
  const double flops = 2.0 * 144 * 45, bytes = 4.0 * (480 + 270 + 144);
  expect(find(graph, SS_OP_CONVOLUTION), flops, bytes, "2x8x6x5, 3x3/2, 6");
  expect(find(graph, SS_OP_CONVOLUTION_BACKWARD_DATA), flops, bytes, "2x8x6x5, 3x3/2, 6");
  expect(find(graph, SS_OP_CONVOLUTION_BACKWARD_WEIGHT), flops, bytes, "2x8x6x5, 3x3/2, 6");
}

static void groups_and_depth(void **state) {
  ss_graph *graph = ((bench *)*state)->graph;
  ss_tensor *x = ss_graph_input(graph, "x", SS_F32, ss_shape_of(1, 4, 4, 4, 8));
  const ss_convolution_options options = {.kernel = {1, 3, 3}, .padding = {0, 1, 1}, .groups = 4};
  ss_convolution3d(graph, x, 4, &options, "conv");
  expect(find(graph, SS_OP_CONVOLUTION), 2.0 * 256 * 18, 4.0 * (512 + 72 + 256), "1x4x4x4x8, 1x3x3, 4");
}

static void products(void **state) {
  ss_graph *graph = ((bench *)*state)->graph;
  ss_tensor *x = ss_graph_input(graph, "x", SS_F32, ss_shape_of(3, 7));
  ss_graph_want_gradient(graph, x);
  ss_tensor *y = ss_linear(graph, x, 5, false, "fc");
  expect(find(graph, SS_OP_LINEAR), 2.0 * 3 * 5 * 7, 4.0 * (21 + 35 + 15), "3x5, sums of 7");
  ss_tensor *product = ss_matmul(graph, y, true, y, false, 1.0f);
  assert_non_null(product);
  expect(find(graph, SS_OP_MATMUL), 2.0 * 5 * 5 * 3, 4.0 * (15 + 15 + 25), "5x5, sums of 3");
}

static void others_have_no_products(void **state) {
  ss_graph *graph = ((bench *)*state)->graph;
  ss_tensor *x = ss_graph_input(graph, "x", SS_F32, ss_shape_of(3, 7));
  ss_relu(graph, x);
  expect(find(graph, SS_OP_UNARY), 0.0, 4.0 * (21 + 21), "3x7");
}

/* No machine is below a hundredth or above a thousand times what one core of today does. */
static void peaks_are_of_this_world(void **state) {
  (void)state;
  const ss_peak peak = ss_peak_measure(NULL, false, 1);
  assert_true(peak.f32_flops > 1e7 && peak.f32_flops < 1e14);
  assert_true(peak.bf16_flops > 1e7 && peak.bf16_flops < 1e15);
  assert_true(peak.bytes > 1e6 && peak.bytes < 1e13);
}

/* Of the plain kernels where the GPU is emulated. */
static void a_gpu_has_peaks(void **state) {
  (void)state;
  const ss_device *device = support_gpu();
  const ss_peak peak = ss_peak_measure(device, false, 1);
  assert_true(peak.f32_flops > 1e5 && peak.f32_flops < 1e15);
  assert_true(peak.bf16_flops > 1e5 && peak.bf16_flops < 1e16);
  assert_true(peak.bytes > 1e4 && peak.bytes < 1e14);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test_setup_teardown(convolutions, set_up, tear_down),
      cmocka_unit_test_setup_teardown(groups_and_depth, set_up, tear_down),
      cmocka_unit_test_setup_teardown(products, set_up, tear_down),
      cmocka_unit_test_setup_teardown(others_have_no_products, set_up, tear_down),
      cmocka_unit_test(peaks_are_of_this_world),
      cmocka_unit_test(a_gpu_has_peaks),
  };
  return cmocka_run_group_tests_name("work", tests, NULL, NULL);
}
