/* The GPU's numbers against the processors', at sizes that the goldens are too small for: rows and images that take
 * many blocks, packs of channels that do not fit, types side by side. */
#include "support.h"

#include <stdlib.h>

/* ---- pooling and resizing ---- */

typedef struct pictures {
  const char *name;
  ss_shape shape;
  ss_tensor *(*windows)(ss_graph *, ss_tensor *, const ss_pool_options *); /* one of the two is set */
  ss_tensor *(*sized)(ss_graph *, ss_tensor *, int, int);
  ss_pool_options options;
  int height, width;
} pictures;

static const pictures of_pictures[] = {
    {"max", {4, {3, 41, 30, 64}}, ss_max_pool, NULL, {{3, 3}, {2, 2}, {1, 1}, false}, 0, 0},
    {"max, few channels", {4, {5, 30, 31, 12}}, ss_max_pool, NULL, {{2, 2}, {2, 2}, {0}, false}, 0, 0},
    {"max, large windows", {4, {2, 24, 25, 20}}, ss_max_pool, NULL, {{17, 18}, {2, 3}, {8, 0}, false}, 0, 0},
    {"max in three dimensions",
     {5, {2, 5, 12, 11, 24}},
     ss_max_pool,
     NULL,
     {{2, 3, 3}, {1, 2, 2}, {1, 1, 1}, false},
     0,
     0},
    {"average", {4, {3, 31, 40, 40}}, ss_average_pool, NULL, {{3, 2}, {2, 2}, {1, 0}, false}, 0, 0},
    {"average in three dimensions",
     {5, {2, 4, 9, 8, 7}},
     ss_average_pool,
     NULL,
     {{2, 2, 2}, {2, 1, 2}, {0, 1, 1}, true},
     0,
     0},
    {"adaptive average", {4, {4, 29, 30, 24}}, NULL, ss_adaptive_average_pool, {{0}, {0}, {0}, false}, 7, 6},
    {"adaptive maximum", {4, {4, 29, 30, 24}}, NULL, ss_adaptive_max_pool, {{0}, {0}, {0}, false}, 4, 31},
    {"many images", {4, {5000, 1, 2, 1}}, NULL, ss_adaptive_average_pool, {{0}, {0}, {0}, false}, 1, 1},
    {"resize to more", {4, {2, 19, 20, 24}}, NULL, ss_resize_bilinear, {{0}, {0}, {0}, false}, 53, 40},
    {"resize to fewer", {4, {2, 50, 61, 6}}, NULL, ss_resize_bilinear, {{0}, {0}, {0}, false}, 17, 60},
};

static ss_tensor *record_pictures(ss_graph *graph, ss_tensor *const *inputs, const void *context) {
  const pictures *of = context;
  ss_tensor *x = ss_cast(graph, inputs[0], ss_graph_compute_dtype(graph));
  return of->windows ? of->windows(graph, x, &of->options) : of->sized(graph, x, of->height, of->width);
}

static void test_pictures(void **state) {
  (void)state;
  for (size_t i = 0; i < sizeof of_pictures / sizeof of_pictures[0]; i++) {
    const support_case test = {.name = of_pictures[i].name,
                               .record = record_pictures,
                               .context = &of_pictures[i],
                               .input_count = 1,
                               .shapes = {of_pictures[i].shape},
                               .seed = 5};
    support_check_devices(&test, SS_F32, 1e-5);
    support_check_devices(&test, SS_BF16, 0x1p-7); /* either side rounds by 2^-8 */
  }
}

/* ---- losses ---- */

typedef enum loss_kind { LABELLED, WEIGHTED, SHARED, TARGETED, BINARY, L1, L2, SMOOTH_L1, HINGE, ACCURACY } loss_kind;

static ss_tensor *row_weights(ss_graph *graph, int64_t rows) {
  float *values = malloc((size_t)rows * sizeof *values);
  assert_non_null(values);
  for (int64_t i = 0; i < rows; i++) {
    values[i] = (float)(i * 7 % 5) / 4.0f;
  }
  ss_tensor *weights = ss_graph_constant(graph, ss_shape_of(rows), values);
  free(values);
  return weights;
}

static ss_tensor *record_loss(ss_graph *graph, ss_tensor *const *inputs, const void *context) {
  ss_tensor *x = ss_cast(graph, inputs[0], ss_graph_compute_dtype(graph));
  ss_tensor *weights = row_weights(graph, ss_tensor_shape(x).dims[0]);
  switch (*(const loss_kind *)context) {
    case LABELLED:
      return ss_cross_entropy(graph, x, inputs[1], NULL, NULL);
    case WEIGHTED:
      return ss_cross_entropy(graph, x, inputs[1], NULL, weights);
    case SHARED: {
      ss_tensor *shares =
          ss_broadcast(graph, ss_reshape(graph, weights, ss_shape_of(-1, 1)), ss_tensor_shape(inputs[1]));
      return ss_cross_entropy(graph, x, inputs[1], ss_stop_gradient(graph, shares), weights);
    }
    case TARGETED:
      return ss_cross_entropy(graph, x, NULL, ss_cast(graph, inputs[1], ss_graph_compute_dtype(graph)), weights);
    case BINARY:
      return ss_binary_cross_entropy(graph, x, inputs[1], ss_stop_gradient(graph, inputs[2]));
    case L1:
      return ss_l1_loss(graph, x, inputs[1], NULL);
    case L2:
      return ss_l2_loss(graph, x, inputs[1], ss_stop_gradient(graph, inputs[2]));
    case SMOOTH_L1:
      return ss_smooth_l1_loss(graph, x, inputs[1], 0.3f, NULL);
    case HINGE:
      return ss_hinge_loss(graph, x, inputs[1], 0.5f);
    case ACCURACY:
      return ss_accuracy(graph, x, inputs[1]);
  }
  return NULL;
}

static void test_losses(void **state) {
  (void)state;
  const struct {
    const char *name;
    loss_kind kind;
    int inputs;
    ss_shape shapes[3];
    int labels_below;
  } cases[] = {
      {"cross-entropy of short rows", LABELLED, 2, {ss_shape_of(700, 10), ss_shape_of(700)}, 12},
      {"cross-entropy of MoCo's rows", LABELLED, 2, {ss_shape_of(9, 4097), ss_shape_of(9)}, 4097},
      {"cross-entropy of long rows", LABELLED, 2, {ss_shape_of(5, 65537), ss_shape_of(5)}, 65537},
      {"weighted cross-entropy", WEIGHTED, 2, {ss_shape_of(40, 1000), ss_shape_of(40)}, 1000},
      {"cross-entropy with shares", SHARED, 2, {ss_shape_of(300, 313), ss_shape_of(300, 5)}, 320},
      {"cross-entropy with shares, long rows", SHARED, 2, {ss_shape_of(9, 2048), ss_shape_of(9, 49)}, 2048},
      {"cross-entropy with targets", TARGETED, 2, {ss_shape_of(50, 100), ss_shape_of(50, 100)}, 0},
      {"cross-entropy with targets, long rows", TARGETED, 2, {ss_shape_of(6, 3000), ss_shape_of(6, 3000)}, 0},
      {"binary cross-entropy", BINARY, 3, {ss_shape_of(60, 333), ss_shape_of(60, 333), ss_shape_of(60, 333)}, 0},
      {"L1", L1, 2, {ss_shape_of(60, 333), ss_shape_of(60, 333)}, 0},
      {"L2", L2, 3, {ss_shape_of(60, 333), ss_shape_of(60, 333), ss_shape_of(60, 333)}, 0},
      {"smooth L1", SMOOTH_L1, 2, {ss_shape_of(60, 333), ss_shape_of(60, 333)}, 0},
      {"hinge", HINGE, 2, {ss_shape_of(60, 333), ss_shape_of(60, 333)}, 0},
      {"accuracy of short rows", ACCURACY, 2, {ss_shape_of(900, 3), ss_shape_of(900)}, 4},
      {"accuracy of long rows", ACCURACY, 2, {ss_shape_of(12, 1500), ss_shape_of(12)}, 2},
  };
  for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
    const support_case test = {.name = cases[i].name,
                               .record = record_loss,
                               .context = &cases[i].kind,
                               .input_count = cases[i].inputs,
                               .shapes = {cases[i].shapes[0], cases[i].shapes[1], cases[i].shapes[2]},
                               .labels_below = cases[i].labels_below,
                               .seed = 6};
    support_check_devices(&test, SS_F32, 3e-6);
    support_check_devices(&test, SS_BF16, 0x1p-7);
  }
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(test_pictures),
      cmocka_unit_test(test_losses),
  };
  return cmocka_run_group_tests_name("devices", tests, NULL, NULL);
}
