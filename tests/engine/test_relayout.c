/* The two layouts: where each element goes, and back. */
#include "support.h"

#include "engine/cpu/relayout.h"
#include "engine/kernel.h"

#include <stdlib.h>
#include <string.h>

/* Element (n, pixel, c) of block16, as tensor.h says it. */
static int64_t block16_index(int64_t n, int64_t pixel, int64_t c, int64_t pixels, int64_t channels) {
  return ((n / 16 * pixels + pixel) * 16 + n % 16) * channels + c;
}

static void check(ss_shape shape, int threads) {
  const int64_t count = ss_shape_count(shape), channels = shape.dims[3], pixels = shape.dims[1] * shape.dims[2];
  float *plain = malloc((size_t)count * sizeof *plain), *blocked = malloc((size_t)count * sizeof *plain);
  float *back = malloc((size_t)count * sizeof *plain);
  uint16_t *narrow = malloc((size_t)count * sizeof *narrow), *narrow_blocked = malloc((size_t)count * sizeof *narrow);
  assert_true(plain && blocked && back && narrow && narrow_blocked);
  for (int64_t i = 0; i < count; i++) {
    plain[i] = (float)i;
    narrow[i] = (uint16_t)(i * 31);
  }
  ss_relayout(plain, SS_LAYOUT_PLAIN, blocked, SS_LAYOUT_BLOCK16, shape, SS_F32, threads);
  ss_relayout(narrow, SS_LAYOUT_PLAIN, narrow_blocked, SS_LAYOUT_BLOCK16, shape, SS_BF16, threads);
  for (int64_t i = 0; i < count; i++) {
    const int64_t n = i / channels / pixels, pixel = i / channels % pixels;
    const int64_t there = block16_index(n, pixel, i % channels, pixels, channels);
    assert_true(blocked[there] == plain[i]);
    assert_int_equal(narrow_blocked[there], narrow[i]);
  }
  ss_relayout(blocked, SS_LAYOUT_BLOCK16, back, SS_LAYOUT_PLAIN, shape, SS_F32, threads);
  assert_memory_equal(back, plain, (size_t)count * sizeof *plain);
  free(plain);
  free(blocked);
  free(back);
  free(narrow);
  free(narrow_blocked);
}

static void test_places(void **state) {
  (void)state;
  check(ss_shape_of(16, 1, 1, 1), 1);
  check(ss_shape_of(32, 5, 7, 3), 2);
  check(ss_shape_of(16, 3, 3, 16), 1);
  check(ss_shape_of(48, 4, 4, 64), 2);
  check(ss_shape_of(16, 2, 9, 33), 3);
}

/* The node's kernel reads the layouts off its tensors. */
static void test_node(void **state) {
  (void)state;
  ss_parameters *parameters = ss_parameters_new(1);
  ss_graph *graph = ss_graph_new(parameters, &(ss_graph_options){.compute = SS_F32});
  const ss_shape shape = ss_shape_of(16, 2, 3, 2);
  ss_tensor *x = ss_graph_input(graph, "x", SS_F32, shape);
  ss_tensor *y = ss_graph_operation(graph, SS_OP_RELAYOUT, NULL, &x, 1, SS_F32, shape);
  assert_non_null(y);
  y->layout = SS_LAYOUT_BLOCK16;
  float in[16 * 6 * 2], out[16 * 6 * 2];
  for (int i = 0; i < 16 * 6 * 2; i++) {
    in[i] = (float)i;
  }
  const ss_way *way = &ss_device_cpu()->kernel(SS_OP_RELAYOUT)->ways[0];
  assert_true(way->supports(y->producer));
  const ss_step step = {.node = y->producer, .in = {in}, .out = {out}, .threads = 2};
  assert_int_equal(way->run(&step), SS_OK);
  for (int i = 0; i < 16 * 6 * 2; i++) {
    assert_true(out[block16_index(i / 12, i / 2 % 6, i % 2, 6, 2)] == in[i]);
  }
  ss_graph_free(graph);
  ss_parameters_free(parameters);
}

int main(void) {
  const struct CMUnitTest tests[] = {cmocka_unit_test(test_places), cmocka_unit_test(test_node)};
  return cmocka_run_group_tests(tests, NULL, NULL);
}
