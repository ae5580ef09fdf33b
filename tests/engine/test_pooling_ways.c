/* Maximum pooling's vector kernels against plain loops, in both layouts and types. */
#include "support_ways.h"

typedef struct pool_case {
  ss_shape x;
  ss_pool_options options;
  int adaptive; /* size, or 0 */
} pool_case;

static const pool_case cases[] = {
    {{4, {16, 9, 11, 32}}, {.kernel = {3, 3}, .stride = {2, 2}, .padding = {1, 1}}, 0},
    {{4, {32, 13, 8, 64}}, {.kernel = {3, 3}, .stride = {2, 2}}, 0},
    {{4, {16, 7, 5, 2}}, {.kernel = {2, 2}}, 0}, /* vectors only in blocks */
    {{4, {16, 6, 9, 96}}, {.kernel = {2, 3}, .stride = {1, 2}, .padding = {1, 1}}, 0},
    {{4, {16, 7, 9, 32}}, {.kernel = {1, 1}}, 3},
    {{4, {16, 51, 49, 32}}, {.kernel = {3, 3}, .stride = {2, 2}, .padding = {1, 1}}, 0}, /* larger than the caches */
};

static int check_case(const pool_case *of, ss_dtype dtype, ss_layout layout) {
  ss_parameters *parameters = ss_parameters_new(1);
  ss_graph *graph = ss_graph_new(parameters, &(ss_graph_options){.compute = dtype, .training = true, .seed = 1});
  ss_tensor *x = ss_graph_input(graph, "x", dtype, of->x);
  ss_graph_want_gradient(graph, x);
  ss_tensor *y =
      of->adaptive ? ss_adaptive_max_pool(graph, x, of->adaptive, of->adaptive) : ss_max_pool(graph, x, &of->options);
  assert_non_null(y);
  ss_node *forward = y->producer;
  ss_tensor *inputs[] = {ss_graph_input(graph, "dy", dtype, y->shape), forward->outputs[1]};
  ss_tensor *dx = ss_graph_operation(graph, SS_OP_POOL_BACKWARD, &forward->attributes, inputs, 2, dtype, x->shape);
  assert_non_null(dx);
  ss_tensor *const all[] = {x, y, inputs[0], inputs[1], dx};
  for (int i = 0; i < 5; i++) {
    all[i]->layout = layout;
  }
  const int checked = support_compare_way(forward, "avx512", 9) + support_compare_way(dx->producer, "avx512", 9);
  ss_graph_free(graph);
  ss_parameters_free(parameters);
  return checked;
}

static void vectors_are_the_loops(void **state) {
  (void)state;
  int checked = 0;
  for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
    for (int t = 0; t < 4; t++) {
      checked += check_case(&cases[i], t & 1 ? SS_BF16 : SS_F32, t & 2 ? SS_LAYOUT_BLOCK16 : SS_LAYOUT_PLAIN);
    }
  }
  if (checked == 0) {
    skip(); /* no AVX-512 here */
  }
  assert_int_equal(checked, 2 * (4 * 6 - 2)); /* two channels fill no vector when plain */
}

int main(void) {
  const struct CMUnitTest tests[] = {cmocka_unit_test(vectors_are_the_loops)};
  return cmocka_run_group_tests(tests, NULL, NULL);
}
