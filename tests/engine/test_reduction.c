#include "support.h"

#include "base/bfloat16.h"
#include "engine/elementwise.h"
#include "engine/kernel.h"
#include "engine/reduction.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>

typedef struct reduction {
  int kind; /* ss_reduce_kind, or one of the two below */
  unsigned axes;
  bool keep;
} reduction;

enum { AVERAGE_POOL = 10, BROADCAST };

static ss_tensor *record(ss_graph *graph, ss_tensor *const *inputs, const void *context) {
  const reduction *what = context;
  ss_tensor *x = ss_cast(graph, inputs[0], ss_graph_compute_dtype(graph));
  switch (what->kind) {
    case SS_REDUCE_SUM:
      return ss_reduce_sum(graph, x, what->axes, what->keep);
    case SS_REDUCE_MEAN:
      return ss_reduce_mean(graph, x, what->axes, what->keep);
    case SS_REDUCE_MAX:
      return ss_reduce_max(graph, x, what->axes, what->keep);
    case AVERAGE_POOL:
      return ss_global_average_pool(graph, x);
    default:
      return ss_broadcast(graph, x, ss_shape_of(2, 3, 4, 5));
  }
}

static const struct {
  const char *name;
  unsigned axes;
} axes_names[] = {{"all", 15}, {"bias", 7}, {"places", 6}, {"last", 8}, {"first", 1}, {"mixed", 5}, {"outside", 9}};

static void test_reductions(void **state) {
  (void)state;
  static const char *const kinds[] = {"sum", "mean", "max"};
  for (int kind = SS_REDUCE_SUM; kind <= SS_REDUCE_MAX; kind++) {
    for (size_t i = 0; i < sizeof axes_names / sizeof axes_names[0]; i++) {
      for (int keep = 0; keep < 2; keep++) {
        char golden[64];
        snprintf(golden, sizeof golden, "reduction:%s_%s", kinds[kind], axes_names[i].name);
        const reduction what = {kind, axes_names[i].axes, keep == 1};
        const support_case test = {.name = golden,
                                   .record = record,
                                   .context = &what,
                                   .input_count = 1,
                                   .shapes = {ss_shape_of(3, 4, 2, 5)},
                                   .ladder = true,
                                   .seed = 11};
        support_check_golden(&test, golden, SS_F32, 1e-6);
        /* Sums of bf16 numbers are float32; only the gradient is rounded, once. */
        support_check_golden(&test, golden, SS_BF16, 1.0 / 256);
        support_check_gradient(&test, 1e-3);
      }
    }
  }
}

static void test_average_pool_and_broadcast(void **state) {
  (void)state;
  const reduction pool = {.kind = AVERAGE_POOL}, broadcast = {.kind = BROADCAST};
  const support_case tests[] = {{.name = "reduction:average_pool",
                                 .record = record,
                                 .context = &pool,
                                 .input_count = 1,
                                 .shapes = {ss_shape_of(3, 4, 2, 5)}},
                                {.name = "reduction:broadcast",
                                 .record = record,
                                 .context = &broadcast,
                                 .input_count = 1,
                                 .shapes = {ss_shape_of(3, 1, 5)}}};
  for (int i = 0; i < 2; i++) {
    support_check_golden(&tests[i], tests[i].name, SS_F32, 1e-6);
    support_check_golden(&tests[i], tests[i].name, SS_BF16, 1.0 / 256); /* one rounding each way */
    support_check_gradient(&tests[i], 1e-4);
  }
}

/* ---- long sums: accurate, and the same bits for any number of threads ---- */

static float *sums_with(int threads, ss_shape shape, unsigned axes, ss_dtype dtype, const float *values) {
  ss_graph *graph = ss_graph_new(NULL, &(ss_graph_options){.compute = SS_F32});
  ss_tensor *x = ss_graph_input(graph, "x", dtype, shape);
  ss_tensor *sums = ss_graph_keep(graph, ss_reduce_sum(graph, x, axes, false));
  ss_plan *plan = support_plan_threads(graph, threads);
  support_write(plan, x, values);
  support_run(plan);
  float *result = support_read(plan, sums);
  ss_plan_free(plan);
  ss_graph_free(graph);
  return result;
}

static void test_long_sums(void **state) {
  (void)state;
  enum { ROWS = 30011, COLUMNS = 9, COUNT = ROWS * COLUMNS };
  float *values = malloc(COUNT * sizeof *values);
  assert_non_null(values);
  double expected[COLUMNS] = {0.0}, total = 0.0;
  for (int i = 0; i < COUNT; i++) {
    values[i] = ss_bf16_to_float(ss_bf16_from_float(1.0f + (float)(i % 127) / 128.0f));
    expected[i % COLUMNS] += (double)values[i];
    total += (double)values[i];
  }
  for (int type = 0; type < 2; type++) {
    const ss_dtype dtype = type == 0 ? SS_F32 : SS_BF16;
    float *columns = sums_with(1, ss_shape_of(ROWS, COLUMNS), 1u, dtype, values);
    float *all = sums_with(1, ss_shape_of(ROWS, COLUMNS), 3u, dtype, values);
    for (int c = 0; c < COLUMNS; c++) {
      assert_true(fabs((double)columns[c] / expected[c] - 1.0) < 1e-7);
    }
    assert_true(fabs((double)all[0] / total - 1.0) < 1e-7);
    for (int threads = 2; threads <= 3; threads++) {
      float *again = sums_with(threads, ss_shape_of(ROWS, COLUMNS), 1u, dtype, values);
      assert_memory_equal(again, columns, COLUMNS * sizeof(float));
      free(again);
      again = sums_with(threads, ss_shape_of(ROWS, COLUMNS), 3u, dtype, values);
      assert_memory_equal(again, all, sizeof(float));
      free(again);
    }
    free(columns);
    free(all);
  }
  free(values);
}

/* More columns than a block, and a largest value that is a NaN. */
static void test_wide_rows_and_nan(void **state) {
  (void)state;
  enum { ROWS = 70, COLUMNS = 2500 };
  ss_graph *graph = ss_graph_new(NULL, &(ss_graph_options){.compute = SS_F32});
  ss_tensor *x = ss_graph_input(graph, "x", SS_F32, ss_shape_of(ROWS, COLUMNS));
  ss_tensor *sum = ss_graph_keep(graph, ss_reduce_sum(graph, x, 1u, false));
  ss_tensor *largest = ss_graph_keep(graph, ss_reduce_max(graph, x, 1u, false));
  ss_tensor *of_rows = ss_graph_keep(graph, ss_reduce_max(graph, x, 2u, true));
  ss_plan *plan = support_plan(graph);
  float *values = ss_plan_data(plan, x);
  for (int i = 0; i < ROWS * COLUMNS; i++) {
    values[i] = (float)(i / COLUMNS) - (float)(i % COLUMNS);
  }
  values[3 * COLUMNS + 7] = NAN;
  support_run(plan);
  const float *of_sum = ss_plan_data(plan, sum), *of_largest = ss_plan_data(plan, largest);
  for (int c = 0; c < COLUMNS; c++) {
    if (c == 7) {
      assert_true(isnan(of_sum[c]) && isnan(of_largest[c]));
    } else {
      assert_true(of_sum[c] == (float)(ROWS * (ROWS - 1) / 2 - ROWS * c));
      assert_true(of_largest[c] == (float)(ROWS - 1 - c));
    }
  }
  for (int row = 0; row < ROWS; row++) {
    const float value = ((const float *)ss_plan_data(plan, of_rows))[row];
    assert_true(row == 3 ? isnan(value) : value == (float)row);
  }
  ss_plan_free(plan);
  ss_graph_free(graph);
}

/* ---- block16: kernels given tensors in that layout agree with plain ones ---- */

enum { N = 32, H = 3, W = 2, C = 5, COUNT = N * H * W * C };

static int place_in(ss_layout layout, int n, int h, int w, int c, int height, int width, int channels) {
  return layout == SS_LAYOUT_PLAIN ? ((n * height + h) * width + w) * channels + c
                                   : (((n / 16 * height + h) * width + w) * 16 + n % 16) * channels + c;
}

/* Runs the kernel for a node on these tensors. */
static void run_kernel(const ss_kernel *kernel, const ss_node *node, const void *const *in, void *out) {
  ss_step step = {.node = node, .threads = 2};
  for (int i = 0; i < node->input_count; i++) {
    step.in[i] = in[i];
  }
  step.out[0] = out;
  if (kernel->ways[0].prepare != NULL) {
    assert_int_equal(kernel->ways[0].prepare(&step, NULL), SS_OK);
  }
  step.scratch = step.scratch_bytes > 0 ? malloc(step.scratch_bytes) : NULL;
  assert_true(step.scratch != NULL || step.scratch_bytes == 0);
  assert_int_equal(kernel->ways[0].run(&step), SS_OK);
  free(step.scratch);
}

static float value_at(int n, int h, int w, int c) {
  return (float)(n * 7 % 13) + 0.5f * (float)h - 0.25f * (float)w + (float)(c * c);
}

static ss_tensor block_tensor(ss_shape shape, ss_layout layout) {
  return (ss_tensor){.kind = SS_TENSOR_ACTIVATION, .dtype = SS_F32, .shape = shape, .layout = layout};
}

static void fill(float *values, ss_layout layout) {
  for (int n = 0; n < N; n++) {
    for (int h = 0; h < H; h++) {
      for (int w = 0; w < W; w++) {
        for (int c = 0; c < C; c++) {
          values[place_in(layout, n, h, w, c, H, W, C)] = value_at(n, h, w, c);
        }
      }
    }
  }
}

static void test_reduce_of_block16(void **state) {
  (void)state;
  float plain[COUNT], blocks[COUNT], expected[COUNT], result[COUNT];
  fill(plain, SS_LAYOUT_PLAIN);
  fill(blocks, SS_LAYOUT_BLOCK16);
  ss_tensor x = block_tensor(ss_shape_of(N, H, W, C), SS_LAYOUT_PLAIN);
  for (unsigned axes = 1; axes < 16; axes++) {
    for (int kind = SS_REDUCE_SUM; kind <= SS_REDUCE_MAX; kind++) {
      ss_tensor y = block_tensor(ss_reduced_shape(x.shape, axes), SS_LAYOUT_PLAIN);
      const int64_t count = ss_shape_count(y.shape);
      const ss_node node = {.operation = SS_OP_REDUCE,
                            .attributes = {.kind = kind, .axes = axes},
                            .inputs = {&x},
                            .input_count = 1,
                            .outputs = {&y},
                            .output_count = 1};
      x.layout = SS_LAYOUT_PLAIN;
      run_kernel(&ss_cpu_reduce, &node, (const void *[]){plain}, expected);
      x.layout = SS_LAYOUT_BLOCK16;
      run_kernel(&ss_cpu_reduce, &node, (const void *[]){blocks}, result);
      assert_true(support_difference(result, expected, count) <= 1e-4); /* sums to 4,000 in another order */
      if ((axes & 1u) == 0) {
        y.layout = SS_LAYOUT_BLOCK16;
        run_kernel(&ss_cpu_reduce, &node, (const void *[]){blocks}, result);
        const int height = (int)y.shape.dims[1], width = (int)y.shape.dims[2], channels = (int)y.shape.dims[3];
        for (int i = 0; i < count; i++) {
          const int c = i % channels, w = i / channels % width, h = i / channels / width % height;
          const int n = i / channels / width / height;
          const int at = place_in(SS_LAYOUT_BLOCK16, n, h, w, c, height, width, channels);
          assert_true(fabsf(result[at] - expected[i]) <= 1e-4f);
        }
      }
    }
  }
}

static void test_broadcast_and_binary_of_block16(void **state) {
  (void)state;
  static const int64_t smaller[][4] = {{N, 1, 1, C}, {1, H, W, 1}, {N, H, W, 1}, {1, 1, 1, C}, {N, H, W, C}};
  float blocks[COUNT], small[COUNT], result[COUNT];
  fill(blocks, SS_LAYOUT_BLOCK16);
  for (int i = 0; i < COUNT; i++) {
    small[i] = (float)(i * 31 % 101);
  }
  for (size_t s = 0; s < sizeof smaller / sizeof smaller[0]; s++) {
    for (int layout = 0; layout < 2; layout++) {
      ss_tensor a = block_tensor(ss_shape_of(N, H, W, C), SS_LAYOUT_BLOCK16);
      ss_tensor b = block_tensor(ss_shape_make(4, smaller[s]), SS_LAYOUT_PLAIN);
      ss_tensor y = block_tensor(a.shape, layout == 0 ? SS_LAYOUT_BLOCK16 : SS_LAYOUT_PLAIN);
      const ss_node binary = {.operation = SS_OP_BINARY,
                              .attributes = {.kind = SS_BINARY_SUBTRACT},
                              .inputs = {&a, &b},
                              .input_count = 2,
                              .outputs = {&y},
                              .output_count = 1};
      const ss_node broadcast = {.operation = SS_OP_BROADCAST,
                                 .attributes = {.alpha = -1.0f},
                                 .inputs = {&b},
                                 .input_count = 1,
                                 .outputs = {&y},
                                 .output_count = 1};
      for (int which = 0; which < 2; which++) {
        if (which == 0) {
          run_kernel(&ss_cpu_binary, &binary, (const void *[]){blocks, small}, result);
        } else {
          run_kernel(&ss_cpu_broadcast, &broadcast, (const void *[]){small}, result);
        }
        for (int i = 0; i < COUNT; i++) {
          const int c = i % C, w = i / C % W, h = i / C / W % H, n = i / C / W / H;
          const int64_t *d = smaller[s];
          const int64_t from = (((n % d[0]) * d[1] + h % d[1]) * d[2] + w % d[2]) * d[3] + c % d[3];
          const float expected = (which == 0 ? value_at(n, h, w, c) : 0.0f) - small[from];
          assert_true(result[place_in(y.layout, n, h, w, c, H, W, C)] == expected);
        }
      }
    }
  }
}

static void test_max_backward_of_block16(void **state) {
  (void)state;
  float blocks[COUNT], largest[N * C], gradient[N * C], result[COUNT];
  fill(blocks, SS_LAYOUT_BLOCK16);
  ss_tensor x = block_tensor(ss_shape_of(N, H, W, C), SS_LAYOUT_BLOCK16);
  ss_tensor y = block_tensor(ss_shape_of(N, 1, 1, C), SS_LAYOUT_PLAIN);
  for (int i = 0; i < N * C; i++) {
    largest[i] = value_at(i / C, H - 1, 0, i % C); /* alone at the last h and the first w */
    gradient[i] = 1.0f + (float)i;
  }
  const ss_node node = {.operation = SS_OP_REDUCE_MAX_BACKWARD,
                        .attributes = {.axes = 6},
                        .inputs = {&x, &y, &y},
                        .input_count = 3,
                        .outputs = {&x},
                        .output_count = 1};
  run_kernel(&ss_cpu_reduce_max_backward, &node, (const void *[]){blocks, largest, gradient}, result);
  for (int i = 0; i < COUNT; i++) {
    const int c = i % C, w = i / C % W, h = i / C / W % H, n = i / C / W / H;
    const float expected = h == H - 1 && w == 0 ? gradient[n * C + c] : 0.0f;
    assert_true(result[place_in(SS_LAYOUT_BLOCK16, n, h, w, c, H, W, C)] == expected);
  }
}

static void test_mistakes(void **state) {
  (void)state;
  const reduction beyond = {.kind = SS_REDUCE_SUM, .axes = 4}, none = {.kind = SS_REDUCE_MAX};
  const reduction pool = {.kind = AVERAGE_POOL}, broadcast = {.kind = BROADCAST};
  const struct {
    const reduction *what;
    ss_shape shape;
    const char *text;
  } cases[] = {{&beyond, ss_shape_of(2, 3), "(2, 3) over axes that it has not"},
               {&none, ss_shape_of(2, 3), "(2, 3) over axes that it has not"},
               {&pool, ss_shape_of(2, 3), "not (2, 3)"},
               {&broadcast, ss_shape_of(2, 5), "(2, 5) does not broadcast to (2, 3, 4, 5)"}};
  for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
    const support_case test = {
        .name = "mistake", .record = record, .context = cases[i].what, .input_count = 1, .shapes = {cases[i].shape}};
    support_expect_mistake(&test, cases[i].text);
  }
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(test_reductions),
      cmocka_unit_test(test_average_pool_and_broadcast),
      cmocka_unit_test(test_long_sums),
      cmocka_unit_test(test_wide_rows_and_nan),
      cmocka_unit_test(test_reduce_of_block16),
      cmocka_unit_test(test_broadcast_and_binary_of_block16),
      cmocka_unit_test(test_max_backward_of_block16),
      cmocka_unit_test(test_mistakes),
  };
  return cmocka_run_group_tests_name("reduction", tests, NULL, NULL);
}
