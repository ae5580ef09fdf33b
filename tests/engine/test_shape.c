#include "support.h"

typedef enum shape_case {
  RESHAPE,
  SLICE_ROWS,
  SLICE_MIDDLE,
  SLICE_LAST,
  CONCATENATE_ROWS,
  CONCATENATE_LAST,
  TRANSPOSE_MATRIX,
  TRANSPOSE_NCHW,
  TRANSPOSE_ROWS,
  TRANSPOSE_ALL,
  GATHER,
  PAD_ZERO,
  PAD_REFLECT,
  PAD_REPLICATE,
  PAD_CHANNELS,
  PIXEL_SHUFFLE
} shape_case;

static ss_tensor *record(ss_graph *graph, ss_tensor *const *inputs, const void *context) {
  ss_tensor *x = ss_cast(graph, inputs[0], ss_graph_compute_dtype(graph));
  ss_tensor *y = inputs[1] != NULL && ss_tensor_dtype(inputs[1]) == SS_F32
                     ? ss_cast(graph, inputs[1], ss_graph_compute_dtype(graph))
                     : inputs[1];
  switch (*(const shape_case *)context) {
    case RESHAPE:
      return ss_reshape(graph, x, ss_shape_of(-1, 20));
    case SLICE_ROWS:
      return ss_slice(graph, x, 0, 1, 3);
    case SLICE_MIDDLE:
      return ss_slice(graph, x, 1, 2, 5);
    case SLICE_LAST:
      return ss_slice(graph, x, 2, 1, 2);
    case CONCATENATE_ROWS:
      return ss_concatenate(graph, (ss_tensor *[]){x, y, x}, 3, 0);
    case CONCATENATE_LAST:
      return ss_concatenate(graph, (ss_tensor *[]){x, y, x}, 3, 2);
    case TRANSPOSE_MATRIX:
      return ss_transpose(graph, x, (const int[]){1, 0});
    case TRANSPOSE_NCHW:
      return ss_transpose(graph, x, (const int[]){0, 3, 1, 2});
    case TRANSPOSE_ROWS:
      return ss_transpose(graph, x, (const int[]){1, 0, 2});
    case TRANSPOSE_ALL:
      return ss_transpose(graph, x, (const int[]){4, 2, 0, 3, 1});
    case GATHER:
      return ss_gather(graph, x, y);
    case PAD_ZERO:
      return ss_pad(graph, x, (const int[]){0, 3, 1, 0}, (const int[]){0, 0, 2, 0}, SS_PAD_ZERO);
    case PAD_REFLECT:
      return ss_pad(graph, x, (const int[]){0, 1, 3, 0}, (const int[]){0, 2, 2, 0}, SS_PAD_REFLECT);
    case PAD_REPLICATE:
      return ss_pad(graph, x, (const int[]){0, 1, 3, 0}, (const int[]){0, 2, 2, 0}, SS_PAD_REPLICATE);
    case PAD_CHANNELS:
      return ss_pad(graph, x, (const int[]){1, 0, 0, 2}, (const int[]){0, 0, 0, 1}, SS_PAD_ZERO);
    case PIXEL_SHUFFLE:
      return ss_pixel_shuffle(graph, x, 3);
  }
  return NULL;
}

static void test_goldens_and_gradients(void **state) {
  (void)state;
  const struct {
    const char *golden;
    shape_case what;
    int inputs;
    ss_shape x, y;
    int labels_below;
  } cases[] = {
      {"shape:reshape", RESHAPE, 1, ss_shape_of(2, 3, 4, 5), {0}, 0},
      {"shape:slice_rows", SLICE_ROWS, 1, ss_shape_of(4, 5, 3), {0}, 0},
      {"shape:slice_middle", SLICE_MIDDLE, 1, ss_shape_of(4, 6, 3), {0}, 0},
      {"shape:slice_last", SLICE_LAST, 1, ss_shape_of(4, 5, 3), {0}, 0},
      {"shape:concatenate_rows", CONCATENATE_ROWS, 2, ss_shape_of(2, 5), ss_shape_of(3, 5), 0},
      {"shape:concatenate_last", CONCATENATE_LAST, 2, ss_shape_of(2, 3, 4), ss_shape_of(2, 3, 1), 0},
      {"shape:transpose_matrix", TRANSPOSE_MATRIX, 1, ss_shape_of(19, 35), {0}, 0},
      {"shape:transpose_nchw", TRANSPOSE_NCHW, 1, ss_shape_of(2, 3, 5, 18), {0}, 0},
      {"shape:transpose_rows", TRANSPOSE_ROWS, 1, ss_shape_of(3, 4, 5), {0}, 0},
      {"shape:transpose_all", TRANSPOSE_ALL, 1, ss_shape_of(2, 3, 4, 2, 5), {0}, 0},
      {"shape:gather", GATHER, 2, ss_shape_of(4, 2, 3), ss_shape_of(6), 4},
      {"shape:pad_zero", PAD_ZERO, 1, ss_shape_of(2, 3, 4, 5), {0}, 0},
      {"shape:pad_reflect", PAD_REFLECT, 1, ss_shape_of(2, 3, 4, 5), {0}, 0},
      {"shape:pad_replicate", PAD_REPLICATE, 1, ss_shape_of(2, 3, 4, 5), {0}, 0},
      {"shape:pad_channels", PAD_CHANNELS, 1, ss_shape_of(2, 3, 2, 3), {0}, 0},
      {"shape:pixel_shuffle", PIXEL_SHUFFLE, 1, ss_shape_of(2, 2, 3, 18), {0}, 0},
  };
  for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
    const support_case test = {.name = cases[i].golden,
                               .record = record,
                               .context = &cases[i].what,
                               .input_count = cases[i].inputs,
                               .shapes = {cases[i].x, cases[i].y},
                               .labels_below = cases[i].labels_below,
                               .seed = 7};
    support_check_golden(&test, cases[i].golden, SS_F32, 1e-6);
    /* Inputs are bf16 numbers, moved without a change; gradients are sums of such numbers, rounded by up to 2^-8. */
    support_check_golden(&test, cases[i].golden, SS_BF16, 1.0 / 256);
    support_check_gradient(&test, 1e-4);
  }
}

/* An index out of range reads row 0, and gives its gradient to row 0. */
static void test_gather_out_of_range(void **state) {
  (void)state;
  ss_graph *graph = ss_graph_new(NULL, &(ss_graph_options){.compute = SS_F32});
  ss_tensor *x = ss_graph_input(graph, "x", SS_F32, ss_shape_of(3, 2));
  ss_tensor *indices = ss_graph_input(graph, "indices", SS_I32, ss_shape_of(4));
  ss_graph_want_gradient(graph, x);
  ss_tensor *rows = ss_graph_keep(graph, ss_gather(graph, x, indices));
  ss_graph_backward(graph, ss_reduce_sum(graph, rows, 3u, false), "");
  ss_tensor *gradient = ss_graph_keep(graph, ss_graph_gradient_of(graph, x));
  ss_plan *plan = support_plan(graph);
  support_write(plan, x, (const float[]){1, 2, 3, 4, 5, 6});
  support_write(plan, indices, (const float[]){2, -1, 3, 1});
  support_run(plan);
  const float expected[] = {5, 6, 1, 2, 1, 2, 3, 4}, expected_gradient[] = {2, 2, 1, 1, 1, 1};
  assert_memory_equal(ss_plan_data(plan, rows), expected, sizeof expected);
  assert_memory_equal(ss_plan_data(plan, gradient), expected_gradient, sizeof expected_gradient);
  ss_plan_free(plan);
  ss_graph_free(graph);
}

/* Rows that many read, and one that nobody does; more columns than a block of threads. */
static void test_gather_by_many(void **state) {
  (void)state;
  enum { ROWS = 5, COLUMNS = 1030, READERS = 700 };
  ss_graph *graph = ss_graph_new(NULL, &(ss_graph_options){.compute = SS_F32});
  ss_tensor *x = ss_graph_input(graph, "x", SS_F32, ss_shape_of(ROWS, COLUMNS));
  ss_tensor *indices = ss_graph_input(graph, "indices", SS_I32, ss_shape_of(READERS));
  ss_tensor *weights = ss_graph_input(graph, "weights", SS_F32, ss_shape_of(READERS, COLUMNS));
  ss_graph_want_gradient(graph, x);
  ss_tensor *weighted = ss_multiply(graph, ss_gather(graph, x, indices), weights);
  ss_graph_backward(graph, ss_reduce_sum(graph, weighted, 3u, false), "");
  ss_tensor *gradient = ss_graph_keep(graph, ss_graph_gradient_of(graph, x));
  ss_plan *plan = support_plan(graph);
  int32_t *read = ss_plan_data(plan, indices);
  float *of_readers = ss_plan_data(plan, weights);
  static float expected[ROWS][COLUMNS];
  for (int i = 0; i < READERS; i++) {
    read[i] = i * i % 7 % (ROWS - 1);
    for (int c = 0; c < COLUMNS; c++) {
      of_readers[i * COLUMNS + c] = (float)((i * 31 + c) % 64); /* whose sums are exact */
      expected[read[i]][c] += of_readers[i * COLUMNS + c];
    }
  }
  support_run(plan);
  assert_memory_equal(ss_plan_data(plan, gradient), expected, sizeof expected);
  ss_plan_free(plan);
  ss_graph_free(graph);
}

/* Big enough for several threads: a transpose and its inverse, a shuffle of rows, integers included. */
static void test_large(void **state) {
  (void)state;
  enum { N = 3, H = 41, W = 29, C = 70, COUNT = N * H * W * C };
  ss_graph *graph = ss_graph_new(NULL, &(ss_graph_options){.compute = SS_F32});
  ss_tensor *x = ss_graph_input(graph, "x", SS_I32, ss_shape_of(N, H, W, C));
  ss_tensor *nchw = ss_graph_keep(graph, ss_transpose(graph, x, (const int[]){0, 3, 1, 2}));
  ss_tensor *back = ss_graph_keep(graph, ss_transpose(graph, nchw, (const int[]){0, 2, 3, 1}));
  ss_tensor *parts[] = {ss_slice(graph, x, 1, 20, H), ss_slice(graph, x, 1, 0, 20)};
  ss_tensor *turned = ss_graph_keep(graph, ss_concatenate(graph, parts, 2, 1));
  ss_plan *plan = support_plan(graph);
  int32_t *values = ss_plan_data(plan, x);
  for (int i = 0; i < COUNT; i++) {
    values[i] = i;
  }
  support_run(plan);
  assert_memory_equal(ss_plan_data(plan, back), values, COUNT * sizeof(int32_t));
  const int32_t *of_nchw = ss_plan_data(plan, nchw), *of_turned = ss_plan_data(plan, turned);
  for (int n = 0; n < N; n++) {
    for (int h = 0; h < H; h++) {
      for (int w = 0; w < W; w++) {
        for (int c = 0; c < C; c++) {
          assert_int_equal(of_nchw[((n * C + c) * H + h) * W + w], ((n * H + h) * W + w) * C + c);
          assert_int_equal(of_turned[((n * H + h) * W + w) * C + c], ((n * H + (h + 20) % H) * W + w) * C + c);
        }
      }
    }
  }
  ss_plan_free(plan);
  ss_graph_free(graph);
}

static void expect(shape_case what, int inputs, ss_shape x, ss_shape y, int labels_below, const char *text) {
  const support_case test = {.name = text,
                             .record = record,
                             .context = &what,
                             .input_count = inputs,
                             .shapes = {x, y},
                             .labels_below = labels_below};
  support_expect_mistake(&test, text);
}

static void test_mistakes(void **state) {
  (void)state;
  expect(RESHAPE, 1, ss_shape_of(3, 7), (ss_shape){0}, 0, "(3, 7) cannot be reshaped to (-1, 20)");
  expect(SLICE_ROWS, 1, ss_shape_of(2, 5), (ss_shape){0}, 0, "no slice 1 to 3 of axis 0 of (2, 5)");
  expect(SLICE_LAST, 1, ss_shape_of(2, 5), (ss_shape){0}, 0, "axis 2 of (2, 5)");
  expect(CONCATENATE_ROWS, 2, ss_shape_of(2, 5), ss_shape_of(2, 4), 0, "(2, 4) does not fit f32 (2, 5)");
  expect(CONCATENATE_ROWS, 2, ss_shape_of(2, 5), ss_shape_of(2, 4, 1), 0, "(2, 4, 1) does not fit f32 (2, 5)");
  expect(CONCATENATE_LAST, 2, ss_shape_of(2, 5), ss_shape_of(2, 5), 0, "axis 2, which (2, 5) has not");
  expect(TRANSPOSE_MATRIX, 1, ss_shape_of(4), (ss_shape){0}, 0, "transpose of (4): axis 1");
  expect(GATHER, 2, ss_shape_of(4, 2), ss_shape_of(3), 0, "not f32 (3)");
  expect(GATHER, 2, ss_shape_of(4, 2), ss_shape_of(3, 2), 4, "not i32 (3, 2)");
  expect(PAD_REFLECT, 1, ss_shape_of(1, 3, 3, 2), (ss_shape){0}, 0,
         "axis 2 of (1, 3, 3, 2) cannot be padded by 3 and 2");
  expect(PIXEL_SHUFFLE, 1, ss_shape_of(1, 2, 2, 8), (ss_shape){0}, 0, "not (1, 2, 2, 8)");
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(test_goldens_and_gradients),
      cmocka_unit_test(test_gather_out_of_range),
      cmocka_unit_test(test_gather_by_many),
      cmocka_unit_test(test_large),
      cmocka_unit_test(test_mistakes),
  };
  return cmocka_run_group_tests_name("shape", tests, NULL, NULL);
}
