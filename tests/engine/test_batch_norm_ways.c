/* Batch norm's vector kernels against its plain loops: every output, in both types. */
#include "support_ways.h"

typedef struct norm_case {
  ss_shape shape;
  int groups;
  bool relu, residual, twice, evaluation;
} norm_case;

static const norm_case cases[] = {
    {{4, {16, 3, 5, 64}}, 1, .relu = true},
    {{4, {16, 9, 7, 32}}, 1, .relu = true, .residual = true},
    {{4, {4, 5, 3, 96}}, 1, .relu = false},
    {{4, {6, 7, 7, 16}}, 3, .relu = true, .residual = true, .twice = true},
    {{2, {70, 160}}, 1, .residual = true},
    {{4, {16, 11, 13, 512}}, 2, .relu = true, .twice = true},
    {{4, {32, 23, 31, 64}}, 1, .relu = true, .residual = true, .twice = true}, /* too large for the caches */
    {{4, {16, 3, 3, 64}}, 1, .relu = true, .residual = true, .evaluation = true},
};

static int check_case(const norm_case *of, ss_dtype dtype) {
  ss_parameters *parameters = ss_parameters_new(1);
  ss_graph *graph =
      ss_graph_new(parameters, &(ss_graph_options){.compute = dtype, .training = !of->evaluation, .seed = 1});
  ss_tensor *x = ss_graph_input(graph, "x", dtype, of->shape);
  ss_tensor *residual = ss_graph_input(graph, "residual", dtype, of->shape);
  ss_graph_want_gradient(graph, x);
  ss_graph_want_gradient(graph, residual);
  ss_tensor *y = ss_batch_norm(graph, x, &(ss_batch_norm_options){.groups = of->groups}, "norm");
  y = of->residual ? ss_add(graph, y, residual) : y;
  y = of->relu ? ss_relu(graph, y) : y;
  y = of->twice ? ss_multiply(graph, y, y) : y;
  ss_graph_backward(graph, ss_reduce_mean(graph, ss_cast(graph, y, SS_F32), of->shape.rank == 4 ? 15 : 3, false), "");
  ss_graph_keep(graph, ss_graph_gradient_of(graph, x));
  ss_plan *plan = support_plan(graph);
  int checked = 0;
  for (size_t i = 0; i < graph->node_count; i++) {
    const ss_operation operation = graph->nodes[i]->operation;
    if (operation == SS_OP_BATCH_NORM || operation == SS_OP_BATCH_NORM_BACKWARD) {
      checked += support_compare_way(graph->nodes[i], "avx512", 256);
    }
  }
  ss_plan_free(plan);
  ss_graph_free(graph);
  ss_parameters_free(parameters);
  return checked;
}

static void vectors_are_the_loops(void **state) {
  (void)state;
  const ss_dtype types[] = {SS_F32, SS_BF16};
  int checked = 0;
  for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
    for (int t = 0; t < 2; t++) {
      checked += check_case(&cases[i], types[t]);
    }
  }
  if (checked == 0) {
    skip(); /* no AVX-512 here */
  }
}

int main(void) {
  const struct CMUnitTest tests[] = {cmocka_unit_test(vectors_are_the_loops)};
  return cmocka_run_group_tests(tests, NULL, NULL);
}
