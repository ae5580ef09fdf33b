/* Batch norm's vector kernels against its plain loops: every output, in both types. */
#include "support_ways.h"

#include "base/bfloat16.h"
#include "base/memory.h"
#include "base/random.h"
#include "engine/batch_norm.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

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

static size_t bytes_of(const ss_tensor *tensor) {
  return (size_t)ss_shape_count(tensor->shape) * ss_dtype_size(tensor->dtype);
}

static float number_at(const ss_tensor *tensor, const void *data, int64_t i) {
  return tensor->dtype == SS_BF16 ? ss_bf16_to_float(((const ss_bf16 *)data)[i]) : ((const float *)data)[i];
}

/* Numbers that the node's inputs may hold: positive ones for vectors (variances), any for pictures, bits for masks. */
static void *make_input(const ss_tensor *tensor, uint64_t seed) {
  const int64_t count = ss_shape_count(tensor->shape);
  void *data = ss_alloc_aligned(bytes_of(tensor));
  assert_non_null(data);
  memset(data, 0, bytes_of(tensor));
  ss_random random = ss_random_stream(seed, SS_RANDOM_METHOD, 0, 0, 0);
  const bool is_vector = ss_shape_count(tensor->shape) <= 4096;
  for (int64_t i = 0; i < count && tensor->dtype != SS_I64; i++) {
    const float value = is_vector ? 0.5f + ss_random_uniform(&random) : ss_random_normal(&random);
    if (tensor->dtype == SS_U8) {
      ((uint8_t *)data)[i] = (uint8_t)ss_random_below(&random, 256);
    } else if (tensor->dtype == SS_BF16) {
      ((ss_bf16 *)data)[i] = ss_bf16_from_float(value);
    } else {
      ((float *)data)[i] = value;
    }
  }
  return data;
}

typedef struct outcome {
  void *in[SS_MAX_INPUTS], *out[SS_MAX_OUTPUTS];
} outcome;

static outcome run_way(const ss_node *node, const ss_way *way) {
  static const uint64_t random_step[2] = {0, 0};
  ss_step step = {.node = node, .way = way, .threads = 2, .random_step = random_step};
  outcome of = {0};
  assert_int_equal(way->prepare(&step, NULL), SS_OK);
  for (int i = 0; i < node->input_count; i++) {
    if (node->inputs[i]) {
      step.in[i] = of.in[i] = make_input(node->inputs[i], (uint64_t)i);
    }
  }
  for (int i = 0; i < node->output_count; i++) {
    if (node->outputs[i]) {
      step.out[i] = of.out[i] = ss_alloc_aligned(bytes_of(node->outputs[i]));
      assert_non_null(of.out[i]);
      memset(of.out[i], 0xFF, bytes_of(node->outputs[i]));
    }
  }
  step.scratch = ss_alloc_aligned(step.scratch_bytes);
  assert_non_null(step.scratch);
  assert_int_equal(way->run(&step), SS_OK);
  ss_free_aligned(step.scratch, step.scratch_bytes);
  return of;
}

static void free_outcome(const ss_node *node, outcome *of) {
  for (int i = 0; i < node->input_count; i++) {
    ss_free_aligned(of->in[i], node->inputs[i] ? bytes_of(node->inputs[i]) : 0);
  }
  for (int i = 0; i < node->output_count; i++) {
    ss_free_aligned(of->out[i], node->outputs[i] ? bytes_of(node->outputs[i]) : 0);
  }
}

/* Bits of masks may differ only where the value is all but zero: then the values agree all the same. */
static void compare(const ss_node *node, const ss_tensor *tensor, const void *got, const void *expected) {
  const int64_t count = ss_shape_count(tensor->shape);
  const char *operation = ss_operation_define(node->operation)->name;
  if (tensor->dtype == SS_U8) {
    int64_t different = 0;
    for (int64_t i = 0; i < count; i++) {
      different += __builtin_popcount(((const uint8_t *)got)[i] ^ ((const uint8_t *)expected)[i]);
    }
    assert_in_range(different, 0, 8 * count / 100000);
    return;
  }
  const double tolerance = tensor->dtype == SS_BF16 ? 0x1p-8 : 4e-6;
  double largest = 0.0, difference = 0.0;
  for (int64_t i = 0; i < count; i++) {
    const double value = (double)number_at(tensor, expected, i);
    largest = fmax(largest, fabs(value));
    difference = fmax(difference, fabs((double)number_at(tensor, got, i) - value));
    assert_false(isnan((double)number_at(tensor, got, i)));
  }
  if (difference > tolerance * largest) {
    fail_msg("%s: off by %g of %g", operation, difference, largest);
  }
}

static int check_node(const ss_node *node) {
  const ss_way *fast = support_find_way(node, "avx512"), *loops = support_find_way(node, "loops");
  assert_non_null(loops);
  if (!fast) {
    return 0;
  }
  outcome got = run_way(node, fast), expected = run_way(node, loops);
  for (int i = 0; i < node->output_count; i++) {
    if (node->outputs[i]) {
      compare(node, node->outputs[i], got.out[i], expected.out[i]);
    }
  }
  for (int i = 0; i < node->input_count; i++) { /* the running statistics */
    if (node->inputs[i] && node->inputs[i]->kind == SS_TENSOR_PARAMETER && node->inputs[i]->dtype == SS_F32) {
      compare(node, node->inputs[i], got.in[i], expected.in[i]);
    }
  }
  free_outcome(node, &got);
  free_outcome(node, &expected);
  return 1;
}

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
      checked += check_node(graph->nodes[i]);
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
