#include "support.h"

#include <math.h>
#include <string.h>

typedef enum loss_case {
  CROSS_ENTROPY,
  CROSS_ENTROPY_WEIGHTED,
  CROSS_ENTROPY_SOFT,
  CROSS_ENTROPY_WEIGHTED_SOFT,
  CROSS_ENTROPY_SHARED,
  CROSS_ENTROPY_WEIGHTED_SHARED,
  BINARY_CROSS_ENTROPY,
  L1,
  L2,
  SMOOTH_L1,
  HINGE,
  TRIPLET,
  INFO_NCE,
  INFO_NCE_BATCH,
  NT_XENT,
  MOCO,
  BYOL,
  ACCURACY
} loss_case;

static ss_tensor *record(ss_graph *graph, ss_tensor *const *inputs, const void *context) {
  const float row_weights[] = {0.5f, 2.0f, 0.0f, 1.0f, 3.0f};
  ss_tensor *x = ss_cast(graph, inputs[0], ss_graph_compute_dtype(graph));
  ss_tensor *weights = ss_graph_constant(graph, ss_shape_of(5), row_weights);
  switch (*(const loss_case *)context) {
    case CROSS_ENTROPY:
      return ss_cross_entropy(graph, x, inputs[1], NULL, NULL);
    case CROSS_ENTROPY_WEIGHTED:
      return ss_cross_entropy(graph, x, inputs[1], NULL, weights);
    case CROSS_ENTROPY_SOFT:
      return ss_cross_entropy(graph, x, NULL, inputs[1], NULL);
    case CROSS_ENTROPY_WEIGHTED_SOFT:
      return ss_cross_entropy(graph, x, NULL, inputs[1], weights);
    case CROSS_ENTROPY_SHARED:
      return ss_cross_entropy(graph, x, inputs[1], inputs[2], NULL);
    case CROSS_ENTROPY_WEIGHTED_SHARED:
      return ss_cross_entropy(graph, x, inputs[1], inputs[2], weights);
    case BINARY_CROSS_ENTROPY:
      return ss_binary_cross_entropy(graph, x, inputs[1], NULL);
    case L1:
      return ss_l1_loss(graph, x, inputs[1], NULL);
    case L2:
      return ss_l2_loss(graph, x, inputs[1], NULL);
    case SMOOTH_L1:
      return ss_smooth_l1_loss(graph, x, inputs[1], 0.5f, NULL);
    case HINGE:
      return ss_hinge_loss(graph, x, inputs[1], 1.0f);
    case TRIPLET:
      return ss_triplet_loss(graph, x, inputs[1], inputs[2], 0.8f);
    case INFO_NCE:
      return ss_info_nce(graph, x, inputs[1], inputs[2], 0.2f);
    case INFO_NCE_BATCH:
      return ss_info_nce(graph, x, inputs[1], NULL, 0.2f);
    case NT_XENT:
      return ss_nt_xent(graph, x, 0.5f);
    case MOCO: /* keys have no gradient */
      return ss_info_nce(graph, x, ss_stop_gradient(graph, inputs[1]), ss_stop_gradient(graph, inputs[2]), 0.2f);
    case BYOL:
      return ss_negative_cosine_similarity(
          graph, x,
          ss_stop_gradient(graph, ss_concatenate(graph,
                                                 (ss_tensor *[]){ss_slice(graph, inputs[1], 0, 10, 20),
                                                                 ss_slice(graph, inputs[1], 0, 0, 10)},
                                                 2, 0)));
    case ACCURACY:
      return ss_accuracy(graph, x, inputs[1]);
  }
  return NULL;
}

static void test_goldens(void **state) {
  (void)state;
  const struct {
    const char *golden;
    loss_case what;
    int inputs;
    ss_shape shapes[3];
    int labels_below;
  } cases[] = {
      {"loss:cross_entropy", CROSS_ENTROPY, 2, {ss_shape_of(7, 10), ss_shape_of(7)}, 10},
      {"loss:cross_entropy_ignored", CROSS_ENTROPY, 2, {ss_shape_of(7, 10), ss_shape_of(7)}, 10},
      {"loss:cross_entropy_wide", CROSS_ENTROPY, 2, {ss_shape_of(2, 2100), ss_shape_of(2)}, 2100},
      {"loss:cross_entropy_large", CROSS_ENTROPY, 2, {ss_shape_of(5, 6), ss_shape_of(5)}, 6},
      {"loss:cross_entropy_weighted", CROSS_ENTROPY_WEIGHTED, 2, {ss_shape_of(5, 6), ss_shape_of(5)}, 6},
      {"loss:cross_entropy_soft", CROSS_ENTROPY_SOFT, 2, {ss_shape_of(5, 6), ss_shape_of(5, 6)}, 0},
      {"loss:cross_entropy_weighted_soft", CROSS_ENTROPY_WEIGHTED_SOFT, 2, {ss_shape_of(5, 6), ss_shape_of(5, 6)}, 0},
      {"loss:binary_cross_entropy", BINARY_CROSS_ENTROPY, 2, {ss_shape_of(5, 6), ss_shape_of(5, 6)}, 0},
      {"loss:l1", L1, 2, {ss_shape_of(5, 6), ss_shape_of(5, 6)}, 0},
      {"loss:l2", L2, 2, {ss_shape_of(5, 6), ss_shape_of(5, 6)}, 0},
      {"loss:smooth_l1", SMOOTH_L1, 2, {ss_shape_of(5, 6), ss_shape_of(5, 6)}, 0},
      {"loss:hinge", HINGE, 2, {ss_shape_of(5, 6), ss_shape_of(5, 6)}, 0},
      {"loss:triplet", TRIPLET, 3, {ss_shape_of(6, 4), ss_shape_of(6, 4), ss_shape_of(6, 4)}, 0},
      {"loss:info_nce", INFO_NCE, 3, {ss_shape_of(4, 8), ss_shape_of(4, 8), ss_shape_of(9, 8)}, 0},
      {"loss:info_nce_batch", INFO_NCE_BATCH, 2, {ss_shape_of(5, 8), ss_shape_of(5, 8)}, 0},
      {"loss:nt_xent", NT_XENT, 1, {ss_shape_of(8, 6)}, 0},
      {"joint_embedding:simclr", NT_XENT, 1, {ss_shape_of(24, 16)}, 0},
      {"joint_embedding:moco", MOCO, 3, {ss_shape_of(12, 16), ss_shape_of(12, 16), ss_shape_of(40, 16)}, 0},
      {"joint_embedding:byol", BYOL, 2, {ss_shape_of(20, 16), ss_shape_of(20, 16)}, 0},
  };
  for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
    const support_case test = {.name = cases[i].golden,
                               .record = record,
                               .context = &cases[i].what,
                               .input_count = cases[i].inputs,
                               .shapes = {cases[i].shapes[0], cases[i].shapes[1], cases[i].shapes[2]},
                               .labels_below = cases[i].labels_below};
    support_check_golden(&test, cases[i].golden, SS_F32, 3e-6);
    /* Logits are bf16 numbers and losses float32: only the logits' gradient is rounded, by up to 2^-8. */
    support_check_golden(&test, cases[i].golden, SS_BF16, 1.0 / 256);
  }
}

static void test_gradients(void **state) {
  (void)state;
  const struct {
    const char *name;
    loss_case what;
    int inputs;
    ss_shape shapes[3];
    int labels_below;
    bool ladder;
  } cases[] = {
      {"cross-entropy", CROSS_ENTROPY, 2, {ss_shape_of(4, 9), ss_shape_of(4)}, 9, false},
      {"cross-entropy, weighted", CROSS_ENTROPY_WEIGHTED, 2, {ss_shape_of(5, 9), ss_shape_of(5)}, 9, false},
      {"cross-entropy, soft", CROSS_ENTROPY_SOFT, 2, {ss_shape_of(4, 9), ss_shape_of(4, 9)}, 0, false},
      {"binary cross-entropy", BINARY_CROSS_ENTROPY, 2, {ss_shape_of(4, 5), ss_shape_of(4, 5)}, 0, false},
      {"L2", L2, 2, {ss_shape_of(4, 5), ss_shape_of(4, 5)}, 0, false},
      {"triplet", TRIPLET, 3, {ss_shape_of(5, 6), ss_shape_of(5, 6), ss_shape_of(5, 6)}, 0, true},
      {"InfoNCE", INFO_NCE, 3, {ss_shape_of(4, 6), ss_shape_of(4, 6), ss_shape_of(7, 6)}, 0, false},
      {"InfoNCE in the batch", INFO_NCE_BATCH, 2, {ss_shape_of(5, 6), ss_shape_of(5, 6)}, 0, false},
      {"NT-Xent", NT_XENT, 1, {ss_shape_of(6, 5)}, 0, false},
  };
  for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
    const support_case test = {.name = cases[i].name,
                               .record = record,
                               .context = &cases[i].what,
                               .input_count = cases[i].inputs,
                               .shapes = {cases[i].shapes[0], cases[i].shapes[1], cases[i].shapes[2]},
                               .labels_below = cases[i].labels_below,
                               .ladder = cases[i].ladder,
                               .seed = 13};
    support_check_gradient(&test, 1e-3);
  }
}

/* Losses with a kink where prediction meets target: the target is 0.047 off the ladder's rungs. */
static ss_tensor *record_kinked(ss_graph *graph, ss_tensor *const *inputs, const void *context) {
  float target[12], signs[12];
  for (int i = 0; i < 12; i++) {
    target[i] = 0.1f * (float)(i - 6) + 0.003f;
    signs[i] = i % 3 == 0 ? -1.0f : 1.0f;
  }
  const loss_case what = *(const loss_case *)context;
  const ss_shape shape = ss_shape_of(3, 4);
  ss_tensor *y = ss_graph_constant(graph, shape, what == HINGE ? signs : target);
  ss_tensor *weights = ss_graph_constant(graph, shape, target);
  switch (what) {
    case L1:
      return ss_l1_loss(graph, inputs[0], y, weights);
    case SMOOTH_L1:
      return ss_smooth_l1_loss(graph, inputs[0], y, 0.32f, weights);
    default:
      return ss_hinge_loss(graph, inputs[0], y, 0.4f);
  }
}

static void test_gradients_with_kinks(void **state) {
  (void)state;
  const loss_case kinked[] = {L1, SMOOTH_L1, HINGE};
  for (int i = 0; i < 3; i++) {
    const support_case test = {.name = "kinked loss",
                               .record = record_kinked,
                               .context = &kinked[i],
                               .input_count = 1,
                               .shapes = {ss_shape_of(3, 4)},
                               .ladder = true,
                               .seed = 17};
    support_check_gradient(&test, 1e-3);
  }
}

/* One loss of given inputs, and the gradient of the first. */
static float loss_of(loss_case what, int inputs, const ss_shape *shapes, const ss_dtype *dtypes,
                     const float *const *values, float *gradient) {
  ss_graph *graph = ss_graph_new(NULL, &(ss_graph_options){.compute = SS_F32});
  ss_tensor *tensors[3] = {NULL};
  for (int i = 0; i < inputs; i++) {
    tensors[i] = ss_graph_input(graph, "input", dtypes[i], shapes[i]);
  }
  ss_graph_want_gradient(graph, tensors[0]);
  ss_tensor *loss = ss_graph_keep(graph, record(graph, tensors, &what));
  ss_tensor *of_first = NULL;
  if (gradient != NULL) {
    ss_graph_backward(graph, loss, "");
    of_first = ss_graph_keep(graph, ss_graph_gradient_of(graph, tensors[0]));
  }
  ss_plan *plan = support_plan(graph);
  for (int i = 0; i < inputs; i++) {
    support_write(plan, tensors[i], values[i]);
  }
  support_run(plan);
  const float value = ((const float *)ss_plan_data(plan, loss))[0];
  if (gradient != NULL) {
    memcpy(gradient, ss_plan_data(plan, of_first), (size_t)ss_shape_count(shapes[0]) * sizeof(float));
  }
  ss_plan_free(plan);
  ss_graph_free(graph);
  return value;
}

static const ss_dtype with_labels[] = {SS_F32, SS_I32}, all_f32[] = {SS_F32, SS_F32, SS_F32};

static void test_closed_forms(void **state) {
  (void)state;
  float ones[60];
  for (int i = 0; i < 60; i++) {
    ones[i] = 1.0f;
  }
  const float labels[] = {0, 5, 9, 3};
  float value = loss_of(CROSS_ENTROPY, 2, (const ss_shape[]){ss_shape_of(4, 10), ss_shape_of(4)}, with_labels,
                        (const float *const[]){ones, labels}, NULL);
  assert_true(fabs((double)value - log(10.0)) < 1e-6);
  /* Embeddings that have all become one: 2N - 1 = 9 equal candidates, and N for InfoNCE. */
  value = loss_of(NT_XENT, 1, (const ss_shape[]){ss_shape_of(10, 6)}, all_f32, (const float *const[]){ones}, NULL);
  assert_true(fabs((double)value - log(9.0)) < 1e-5);
  const ss_shape pair[] = {ss_shape_of(7, 6), ss_shape_of(7, 6)};
  value = loss_of(INFO_NCE_BATCH, 2, pair, all_f32, (const float *const[]){ones, ones}, NULL);
  assert_true(fabs((double)value - log(7.0)) < 1e-5);
  const ss_shape triplet[] = {ss_shape_of(7, 6), ss_shape_of(7, 6), ss_shape_of(7, 6)};
  value = loss_of(TRIPLET, 3, triplet, all_f32, (const float *const[]){ones, ones, ones}, NULL);
  assert_true(fabs((double)value - 0.8) < 1e-6);
}

/* SimCLR's equation 1 as it is written, in double. */
static double naive_nt_xent(const float *z, int rows, int columns, double temperature) {
  double total = 0.0;
  for (int i = 0; i < rows; i++) {
    double sum = 0.0, own = 0.0;
    for (int k = 0; k < rows; k++) {
      double dot = 0.0, of_i = 0.0, of_k = 0.0;
      for (int c = 0; c < columns; c++) {
        const double a = (double)z[i * columns + c], b = (double)z[k * columns + c];
        dot += a * b;
        of_i += a * a;
        of_k += b * b;
      }
      const double similarity = exp(dot / sqrt(of_i * of_k) / temperature);
      sum += k != i ? similarity : 0.0;
      own = k == (i + rows / 2) % rows ? similarity : own;
    }
    total -= log(own / sum);
  }
  return total / rows;
}

static void test_nt_xent_against_naive(void **state) {
  (void)state;
  enum { ROWS = 34, COLUMNS = 7 };
  float z[ROWS * COLUMNS];
  for (int i = 0; i < ROWS * COLUMNS; i++) {
    z[i] = sinf((float)(i * i % 97)) + 0.1f;
  }
  const float value =
      loss_of(NT_XENT, 1, (const ss_shape[]){ss_shape_of(ROWS, COLUMNS)}, all_f32, (const float *const[]){z}, NULL);
  assert_true(fabs((double)value / naive_nt_xent(z, ROWS, COLUMNS, 0.5) - 1.0) < 1e-6);
}

static void test_labels_out_of_range(void **state) {
  (void)state;
  const float logits[] = {1, 2, 3, NAN, NAN, NAN, 0, 0, 0}, labels[] = {2, -1, 0}, none[] = {3, -100, 2147483520};
  const ss_shape shapes[] = {ss_shape_of(3, 3), ss_shape_of(3)};
  float gradient[9];
  float value = loss_of(CROSS_ENTROPY, 2, shapes, with_labels, (const float *const[]){logits, labels}, gradient);
  const double first = log(exp(-2.0) + exp(-1.0) + 1.0), last = log(3.0);
  assert_true(fabs((double)value - (first + last) / 2.0) < 1e-6);
  assert_true(gradient[3] == 0.0f && gradient[4] == 0.0f && gradient[5] == 0.0f);
  assert_true(fabs((double)gradient[6] + 2.0 / 3.0 / 2.0) < 1e-6);
  value = loss_of(CROSS_ENTROPY, 2, shapes, with_labels, (const float *const[]){logits, none}, gradient);
  assert_true(value == 0.0f);
  for (int i = 0; i < 9; i++) {
    assert_true(gradient[i] == 0.0f);
  }
  const float all[] = {0, 1, 2};
  value = loss_of(CROSS_ENTROPY, 2, shapes, with_labels, (const float *const[]){logits, all}, NULL);
  assert_true(isnan(value)); /* what diverged is not hidden */
}

/* A few classes share a row: the same as targets for every class, value and gradient, over more classes than are worked
 * on at a time. A class that comes twice has both shares; one out of range none. */
static void test_shares_against_dense_targets(void **state) {
  (void)state;
  enum { ROWS = 5, CLASSES = 1300, FEW = 4 };
  static float logits[ROWS * CLASSES], dense[ROWS * CLASSES], gradients[2][ROWS * CLASSES];
  const float labels[ROWS * FEW] = {0, 1, 2, 3, 1299, 0, 700, 512, 5, 5, 6, 5, 511, 1300, -1, 40, 8, 9, 10, 11};
  float shares[ROWS * FEW];
  for (int i = 0; i < ROWS * CLASSES; i++) {
    logits[i] = 3.0f * sinf((float)(i * i % 911));
    dense[i] = 0.0f;
  }
  for (int i = 0; i < ROWS * FEW; i++) {
    const float out_of_four[FEW] = {0.5f, 0.25f, 0.125f, 0.125f};
    shares[i] = i == 18 ? 0.0f : out_of_four[(i + i / FEW) % FEW];
    if (labels[i] >= 0 && labels[i] < CLASSES) {
      dense[i / FEW * CLASSES + (int)labels[i]] += shares[i];
    }
  }
  const ss_shape shapes[] = {ss_shape_of(ROWS, CLASSES), ss_shape_of(ROWS, FEW), ss_shape_of(ROWS, FEW)};
  const ss_shape dense_shapes[] = {ss_shape_of(ROWS, CLASSES), ss_shape_of(ROWS, CLASSES)};
  const ss_dtype dtypes[] = {SS_F32, SS_I32, SS_F32};
  const loss_case pairs[][2] = {{CROSS_ENTROPY_SHARED, CROSS_ENTROPY_SOFT},
                                {CROSS_ENTROPY_WEIGHTED_SHARED, CROSS_ENTROPY_WEIGHTED_SOFT}};
  for (int i = 0; i < 2; i++) {
    const float value =
        loss_of(pairs[i][0], 3, shapes, dtypes, (const float *const[]){logits, labels, shares}, gradients[0]);
    const float expected =
        loss_of(pairs[i][1], 2, dense_shapes, all_f32, (const float *const[]){logits, dense}, gradients[1]);
    assert_true(expected > 1.0f && fabsf(value - expected) <= 1e-6f * expected);
    assert_true(support_difference(gradients[0], gradients[1], ROWS * CLASSES) < 1e-7);
  }
}

static void test_accuracy(void **state) {
  (void)state;
  const float logits[] = {1, 2, 3, 5, 5, 1, 5, 5, 1, NAN, NAN, NAN, 9, 0, 0}, labels[] = {2, 0, 1, 0, 3};
  const float value = loss_of(ACCURACY, 2, (const ss_shape[]){ss_shape_of(5, 3), ss_shape_of(5)}, with_labels,
                              (const float *const[]){logits, labels}, NULL);
  assert_true(value == 0.4f); /* rows 0 and 1: of equals the first is taken, neither a NaN nor a label 3 counts */
}

static void expect(loss_case what, int inputs, const ss_shape *shapes, int labels_below, const char *text) {
  const support_case test = {.name = text,
                             .record = record,
                             .context = &what,
                             .input_count = inputs,
                             .shapes = {shapes[0], shapes[1], shapes[inputs - 1]},
                             .labels_below = labels_below};
  support_expect_mistake(&test, text);
}

static void test_mistakes(void **state) {
  (void)state;
  expect(CROSS_ENTROPY, 2, (const ss_shape[]){ss_shape_of(4, 3, 2), ss_shape_of(4)}, 3, "not f32 (4, 3, 2)");
  expect(CROSS_ENTROPY, 2, (const ss_shape[]){ss_shape_of(4, 3), ss_shape_of(5)}, 3,
         "(4, 3) wants i32 labels (4), not i32 (5)");
  expect(CROSS_ENTROPY, 2, (const ss_shape[]){ss_shape_of(4, 3), ss_shape_of(4)}, 0, "not f32 (4)");
  expect(CROSS_ENTROPY_SOFT, 2, (const ss_shape[]){ss_shape_of(4, 3), ss_shape_of(4, 2)}, 0, "not f32 (4, 2)");
  expect(CROSS_ENTROPY_WEIGHTED, 2, (const ss_shape[]){ss_shape_of(4, 3), ss_shape_of(4)}, 3, "not f32 (5)");
  expect(CROSS_ENTROPY_SHARED, 3, (const ss_shape[]){ss_shape_of(4, 3), ss_shape_of(4, 2), ss_shape_of(4, 2)}, 0,
         "not f32 (4, 2) and f32 (4, 2)");
  expect(L2, 2, (const ss_shape[]){ss_shape_of(4, 3), ss_shape_of(3, 4)}, 0,
         "L2 loss wants prediction and target of one shape in f32 or bf16, not f32 (4, 3) and f32 (3, 4)");
  expect(INFO_NCE_BATCH, 2, (const ss_shape[]){ss_shape_of(4, 3), ss_shape_of(5, 3)}, 0, "(4, 3) and (5, 3)");
  expect(NT_XENT, 1, (const ss_shape[]){ss_shape_of(5, 3), {0}}, 0, "not (5, 3)");
  expect(ACCURACY, 2, (const ss_shape[]){ss_shape_of(4, 3), ss_shape_of(3)}, 3, "f32 (4, 3) and i32 (3)");
}

static void test_no_loss_is_a_mistake(void **state) {
  (void)state;
  ss_parameters *parameters = ss_parameters_new(1);
  ss_graph *graph = ss_graph_new(parameters, &(ss_graph_options){.compute = SS_F32, .training = true, .seed = 0});
  ss_error error = {{0}};
  ss_graph_backward(graph, NULL, "");
  assert_int_equal(ss_graph_status(graph, &error), SS_FAILED);
  assert_non_null(strstr(error.message, "no loss"));
  ss_graph_free(graph);
  ss_parameters_free(parameters);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(test_goldens),
      cmocka_unit_test(test_gradients),
      cmocka_unit_test(test_gradients_with_kinks),
      cmocka_unit_test(test_closed_forms),
      cmocka_unit_test(test_nt_xent_against_naive),
      cmocka_unit_test(test_labels_out_of_range),
      cmocka_unit_test(test_shares_against_dense_targets),
      cmocka_unit_test(test_accuracy),
      cmocka_unit_test(test_mistakes),
      cmocka_unit_test(test_no_loss_is_a_mistake),
  };
  return cmocka_run_group_tests_name("loss", tests, NULL, NULL);
}
