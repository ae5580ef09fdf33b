/* Norms' outputs made again for the backward pass: the same bits from a smaller arena. */
#include "support.h"

#include "base/random.h"

#include <stdlib.h>
#include <string.h>

typedef struct network {
  ss_parameters *parameters;
  ss_graph *graph;
  ss_tensor *input, *loss;
  ss_plan *plan;
} network;

static ss_tensor *layer(ss_graph *graph, ss_tensor *x, int groups, const char *convolution, const char *norm) {
  const ss_convolution_options options = {.kernel = {3, 3}, .padding = {1, 1}};
  x = ss_convolution2d(graph, x, 16, &options, convolution);
  return ss_batch_norm(graph, x, &(ss_batch_norm_options){.groups = groups}, norm);
}

/* Three residual blocks, so that residuals made again meet residuals that are kept. */
static network make(ss_dtype compute, bool recompute, ss_ways *ways) {
  network n = {.parameters = ss_parameters_new(3)};
  n.graph = ss_graph_new(n.parameters, &(ss_graph_options){.compute = compute, .training = true});
  n.input = ss_graph_input(n.graph, "x", SS_F32, ss_shape_of(16, 6, 6, 16));
  ss_tensor *x = ss_cast(n.graph, n.input, compute);
  const char *names[] = {"a", "b", "c"};
  for (int i = 0; i < 3; i++) {
    ss_graph_push_scope(n.graph, names[i]);
    ss_tensor *y = ss_relu(n.graph, layer(n.graph, x, 2, "conv1", "bn1"));
    y = layer(n.graph, y, 2, "conv2", "bn2");
    x = ss_relu(n.graph, ss_add(n.graph, y, x));
    ss_graph_pop_scope(n.graph);
  }
  x = ss_cast(n.graph, ss_global_average_pool(n.graph, x), SS_F32);
  n.loss = ss_reduce_sum(n.graph, ss_square(n.graph, x), 3, false);
  ss_graph_backward(n.graph, ss_reshape(n.graph, n.loss, ss_shape_of(1)), "");
  ss_error error = {""};
  if (ss_plan_new(n.graph, &(ss_plan_options){.threads = 2, .recompute = recompute, .ways = ways}, &n.plan, &error) !=
      SS_OK) {
    fail_msg("%s", error.message);
  }
  float *values = malloc(sizeof(float) * 16 * 6 * 6 * 16);
  assert_non_null(values);
  ss_random random = ss_random_stream(1, SS_RANDOM_METHOD, 0, 0, 0);
  for (int i = 0; i < 16 * 6 * 6 * 16; i++) {
    values[i] = ss_random_normal(&random);
  }
  support_write(n.plan, n.input, values);
  free(values);
  return n;
}

static void release(network *n) {
  ss_plan_free(n->plan);
  ss_graph_free(n->graph);
  ss_parameters_free(n->parameters);
}

static int count_norms(const network *n) {
  int norms = 0;
  for (size_t i = 0; i < ss_plan_node_count(n->plan); i++) {
    norms += strcmp(ss_plan_profile(n->plan, i).operation, "batch_norm") == 0;
  }
  return norms;
}

static void check(ss_dtype compute) {
  ss_ways *ways = ss_ways_new(); /* both with the same kernels */
  network kept = make(compute, false, ways), again = make(compute, true, ways);
  assert_int_equal(count_norms(&kept), 6);
  /* All three inner norms; of the residual ones the first: the second's residual is the first's output, and nothing of
   * the backward pass reads the third. */
  assert_int_equal(count_norms(&again), 6 + 3 + 1);
  assert_true(ss_plan_arena_bytes(again.plan) < ss_plan_arena_bytes(kept.plan));
  for (int run = 0; run < 2; run++) { /* the second after the running statistics have moved */
    support_run(kept.plan);
    support_run(again.plan);
    const size_t count = ss_graph_gradient_count(kept.graph);
    assert_int_equal(ss_graph_gradient_count(again.graph), count);
    assert_true(count >= 18);
    for (size_t i = 0; i < count; i++) {
      const ss_tensor *one = ss_graph_gradient_tensor(kept.graph, i), *other = ss_graph_gradient_tensor(again.graph, i);
      const size_t bytes = sizeof(float) * (size_t)ss_shape_count(ss_tensor_shape(one));
      assert_memory_equal(ss_plan_data(kept.plan, one), ss_plan_data(again.plan, other), bytes);
    }
  }
  support_settle(kept.parameters);
  support_settle(again.parameters);
  for (size_t i = 0; i < ss_parameters_count(kept.parameters); i++) { /* running statistics are updated once */
    const ss_parameter *one = ss_parameters_at(kept.parameters, i);
    const ss_parameter *other = ss_parameters_find(again.parameters, one->name);
    assert_non_null(other);
    assert_memory_equal(one->value, other->value, (size_t)one->count * ss_dtype_size(one->dtype));
  }
  release(&kept);
  release(&again);
  ss_ways_free(ways);
}

static void float32(void **state) {
  (void)state;
  check(SS_F32);
}

static void bfloat16(void **state) {
  (void)state;
  check(SS_BF16);
}

int main(void) {
  const struct CMUnitTest tests[] = {cmocka_unit_test(float32), cmocka_unit_test(bfloat16)};
  return cmocka_run_group_tests_name("recompute", tests, NULL, NULL);
}
