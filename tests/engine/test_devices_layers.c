/* As test_devices.c, of layers and of what moves elements. */
#include "support.h"

/* Inputs are cast to the graph's type of computing: x, y. */
typedef ss_tensor *(*layer)(ss_graph *graph, ss_tensor *x, ss_tensor *y);

typedef struct layer_case {
  const char *name;
  layer layer;
  ss_shape x, y;
  double f32, bf16; /* tolerances; 0: not in this type */
} layer_case;

static ss_tensor *record_layer(ss_graph *graph, ss_tensor *const *inputs, const void *context) {
  const ss_dtype type = ss_graph_compute_dtype(graph);
  const layer_case *of = context;
  return of->layer(graph, ss_cast(graph, inputs[0], type), of->y.rank > 0 ? ss_cast(graph, inputs[1], type) : NULL);
}

static void check(const layer_case *cases, size_t count) {
  for (size_t i = 0; i < count; i++) {
    const support_case test = {.name = cases[i].name,
                               .record = record_layer,
                               .context = &cases[i],
                               .input_count = cases[i].y.rank > 0 ? 2 : 1,
                               .shapes = {cases[i].x, cases[i].y},
                               .seed = 8};
    if (cases[i].f32 > 0.0) {
      support_check_devices(&test, SS_F32, cases[i].f32);
    }
    if (cases[i].bf16 > 0.0) {
      support_check_devices(&test, SS_BF16, cases[i].bf16);
    }
  }
}

/* ---- products ---- */

static ss_tensor *convolution_3x3(ss_graph *graph, ss_tensor *x, ss_tensor *y) {
  (void)y;
  const ss_convolution_options options = {.kernel = {3, 3}, .padding = {1, 1}, .bias = true};
  return ss_convolution2d(graph, x, 40, &options, "c");
}

static ss_tensor *convolution_7x7(ss_graph *graph, ss_tensor *x, ss_tensor *y) {
  (void)y;
  const ss_convolution_options options = {.kernel = {7, 7}, .stride = {2, 2}, .padding = {3, 3}};
  return ss_convolution2d(graph, x, 64, &options, "c");
}

static ss_tensor *convolution_of_groups(ss_graph *graph, ss_tensor *x, ss_tensor *y) {
  (void)y;
  const ss_convolution_options options = {
      .kernel = {3, 3}, .stride = {2, 1}, .padding = {2, 2}, .dilation = {2, 2}, .groups = 3};
  return ss_convolution2d(graph, x, 45, &options, "c");
}

static ss_tensor *convolution_1x1(ss_graph *graph, ss_tensor *x, ss_tensor *y) {
  (void)y;
  return ss_convolution2d(graph, x, 136, &(ss_convolution_options){.kernel = {1, 1}}, "c");
}

static ss_tensor *transposed_convolution(ss_graph *graph, ss_tensor *x, ss_tensor *y) {
  (void)y;
  const ss_convolution_options options = {.kernel = {4, 4}, .stride = {2, 2}, .padding = {1, 1}, .bias = true};
  return ss_transposed_convolution2d(graph, x, 12, &options, (const int[]){0, 0}, "c");
}

static ss_tensor *convolution_3d(ss_graph *graph, ss_tensor *x, ss_tensor *y) {
  (void)y;
  const ss_convolution_options options = {.kernel = {3, 3, 3}, .stride = {1, 2, 2}, .padding = {1, 1, 1}, .bias = true};
  return ss_convolution3d(graph, x, 16, &options, "c");
}

static ss_tensor *linear(ss_graph *graph, ss_tensor *x, ss_tensor *y) {
  (void)y;
  return ss_linear(graph, x, 77, true, "l");
}

static ss_tensor *product(ss_graph *graph, ss_tensor *x, ss_tensor *y) {
  return ss_matmul(graph, x, false, y, false, 0.5f);
}

static ss_tensor *product_of_transposed(ss_graph *graph, ss_tensor *x, ss_tensor *y) {
  return ss_matmul(graph, x, true, y, true, 2.0f);
}

static ss_tensor *gru(ss_graph *graph, ss_tensor *x, ss_tensor *y) {
  (void)y;
  return ss_gru(graph, x, 24, "g");
}

static void test_products(void **state) {
  (void)state;
  const layer_case cases[] = {
      {"3x3 convolution", convolution_3x3, ss_shape_of(2, 19, 21, 24), {0}, 2e-5, 0x1p-6},
      {"7x7 convolution", convolution_7x7, ss_shape_of(2, 33, 30, 3), {0}, 2e-5, 0x1p-6},
      {"convolution of groups", convolution_of_groups, ss_shape_of(3, 12, 13, 18), {0}, 2e-5, 0x1p-6},
      {"1x1 convolution", convolution_1x1, ss_shape_of(3, 9, 10, 72), {0}, 2e-5, 0x1p-6},
      {"transposed convolution", transposed_convolution, ss_shape_of(2, 9, 8, 20), {0}, 2e-5, 0x1p-6},
      {"3d convolution", convolution_3d, ss_shape_of(1, 4, 9, 10, 8), {0}, 2e-5, 0x1p-6},
      {"linear", linear, ss_shape_of(130, 300), {0}, 2e-5, 0x1p-6},
      {"matmul", product, ss_shape_of(70, 129), ss_shape_of(129, 67), 2e-5, 0x1p-6},
      {"matmul of transposed", product_of_transposed, ss_shape_of(129, 70), ss_shape_of(67, 129), 2e-5, 0x1p-6},
      {"batched matmul", product, ss_shape_of(5, 33, 40), ss_shape_of(5, 40, 18), 2e-5, 0x1p-6},
      {"GRU", gru, ss_shape_of(5, 6, 20), {0}, 2e-5, 0x1p-6},
  };
  check(cases, sizeof cases / sizeof cases[0]);
}

/* ---- norms and functions of elements ---- */

static ss_tensor *batch_norm(ss_graph *graph, ss_tensor *x, ss_tensor *y) {
  (void)y;
  return ss_relu(graph, ss_batch_norm(graph, x, NULL, "n"));
}

static ss_tensor *batch_norm_of_parts(ss_graph *graph, ss_tensor *x, ss_tensor *y) {
  return ss_relu(graph, ss_add(graph, ss_batch_norm(graph, x, &(ss_batch_norm_options){.groups = 2}, "n"), y));
}

static ss_tensor *layer_norm(ss_graph *graph, ss_tensor *x, ss_tensor *y) {
  (void)y;
  return ss_layer_norm(graph, x, "n");
}

static ss_tensor *local_response_norm(ss_graph *graph, ss_tensor *x, ss_tensor *y) {
  (void)y;
  return ss_local_response_norm(graph, x, 5, 1e-4f, 0.75f, 2.0f);
}

static ss_tensor *l2_normalize(ss_graph *graph, ss_tensor *x, ss_tensor *y) {
  (void)y;
  return ss_l2_normalize(graph, x);
}

static ss_tensor *softmax(ss_graph *graph, ss_tensor *x, ss_tensor *y) {
  (void)y;
  return ss_softmax(graph, x);
}

static ss_tensor *log_softmax(ss_graph *graph, ss_tensor *x, ss_tensor *y) {
  (void)y;
  return ss_log_softmax(graph, x);
}

static ss_tensor *dropout(ss_graph *graph, ss_tensor *x, ss_tensor *y) {
  (void)y;
  return ss_dropout(graph, x, 0.3f);
}

static ss_tensor *prelu(ss_graph *graph, ss_tensor *x, ss_tensor *y) {
  (void)y;
  return ss_prelu(graph, x, "p");
}

static ss_tensor *functions(ss_graph *graph, ss_tensor *x, ss_tensor *y) {
  ss_tensor *a = ss_sigmoid(graph, ss_leaky_relu(graph, x, 0.1f));
  ss_tensor *b = ss_sqrt(graph, ss_affine(graph, ss_abs(graph, ss_tanh(graph, y)), 2.0f, 1.0f));
  return ss_divide(graph, ss_subtract(graph, a, ss_exp(graph, ss_affine(graph, ss_square(graph, y), -1.0f, 0.0f))), b);
}

static ss_tensor *nt_xent(ss_graph *graph, ss_tensor *x, ss_tensor *y) {
  (void)y;
  return ss_nt_xent(graph, x, 0.5f);
}

static void test_norms(void **state) {
  (void)state;
  const layer_case cases[] = {
      {"batch norm", batch_norm, ss_shape_of(9, 14, 15, 40), {0}, 2e-5, 0x1p-6},
      {"batch norm of few channels", batch_norm, ss_shape_of(50, 13), {0}, 2e-5, 0x1p-6},
      {"batch norm of parts", batch_norm_of_parts, ss_shape_of(8, 9, 9, 24), ss_shape_of(8, 9, 9, 24), 2e-5, 0x1p-6},
      {"layer norm", layer_norm, ss_shape_of(300, 70), {0}, 2e-5, 0x1p-6},
      {"layer norm of packs", layer_norm, ss_shape_of(7, 401, 64), {0}, 2e-5, 0x1p-6},
      {"layer norm of long rows", layer_norm, ss_shape_of(7, 1500), {0}, 2e-5, 0x1p-6},
      {"local response norm", local_response_norm, ss_shape_of(3, 7, 7, 96), {0}, 2e-5, 0x1p-6},
      {"L2 normalise", l2_normalize, ss_shape_of(300, 128), {0}, 2e-5, 0x1p-6},
      {"L2 normalise long rows", l2_normalize, ss_shape_of(5, 2049), {0}, 2e-5, 0x1p-6},
      {"softmax", softmax, ss_shape_of(300, 33), {0}, 2e-5, 0x1p-6},
      {"softmax of long rows", softmax, ss_shape_of(5, 3001), {0}, 2e-5, 0x1p-6},
      {"log softmax", log_softmax, ss_shape_of(60, 313), {0}, 2e-5, 0x1p-6},
      {"dropout", dropout, ss_shape_of(70, 333), {0}, 1e-6, 0x1p-7},
      {"PReLU of many rows", prelu, ss_shape_of(3001, 33), {0}, 2e-5, 0x1p-6},
      {"PReLU", prelu, ss_shape_of(8, 9, 9, 24), {0}, 2e-5, 0x1p-6},
      {"functions of elements", functions, ss_shape_of(60, 333), ss_shape_of(60, 333), 2e-5, 0x1p-5},
      {"NT-Xent", nt_xent, ss_shape_of(130, 40), {0}, 2e-5, 0x1p-5},
  };
  check(cases, sizeof cases / sizeof cases[0]);
}

/* ---- reductions and moves ---- */

static ss_tensor *sum_of_channels(ss_graph *graph, ss_tensor *x, ss_tensor *y) {
  (void)y;
  return ss_reduce_sum(graph, x, 1u << 3, true);
}

static ss_tensor *mean_of_images(ss_graph *graph, ss_tensor *x, ss_tensor *y) {
  (void)y;
  return ss_reduce_mean(graph, x, 1u << 0 | 1u << 2, false);
}

static ss_tensor *largest_of_places(ss_graph *graph, ss_tensor *x, ss_tensor *y) {
  (void)y;
  return ss_reduce_max(graph, x, 1u << 1 | 1u << 2, false);
}

static ss_tensor *average(ss_graph *graph, ss_tensor *x, ss_tensor *y) {
  (void)y;
  return ss_global_average_pool(graph, x);
}

static ss_tensor *broadcast_product(ss_graph *graph, ss_tensor *x, ss_tensor *y) {
  return ss_multiply(graph, x, y);
}

static ss_tensor *transpose(ss_graph *graph, ss_tensor *x, ss_tensor *y) {
  (void)y;
  return ss_transpose(graph, x, (const int[]){0, 3, 1, 2});
}

static ss_tensor *swap(ss_graph *graph, ss_tensor *x, ss_tensor *y) {
  (void)y;
  return ss_transpose(graph, x, (const int[]){2, 1, 0, 3});
}

static ss_tensor *cut_and_join(ss_graph *graph, ss_tensor *x, ss_tensor *y) {
  ss_tensor *parts[] = {ss_slice(graph, x, 1, 2, 9), y, ss_slice(graph, x, 1, 0, 5)};
  return ss_concatenate(graph, parts, 3, 1);
}

static ss_tensor *join_channels(ss_graph *graph, ss_tensor *x, ss_tensor *y) {
  return ss_slice(graph, ss_concatenate(graph, (ss_tensor *[]){y, x, y}, 3, 3), 3, 5, 31);
}

static ss_tensor *pad_by_reflection(ss_graph *graph, ss_tensor *x, ss_tensor *y) {
  (void)y;
  return ss_pad(graph, x, (const int[]){0, 2, 3, 0}, (const int[]){0, 1, 4, 0}, SS_PAD_REFLECT);
}

static ss_tensor *pad_by_zeros(ss_graph *graph, ss_tensor *x, ss_tensor *y) {
  (void)y;
  return ss_pad(graph, x, (const int[]){1, 0, 3, 2}, (const int[]){0, 5, 0, 1}, SS_PAD_ZERO);
}

static ss_tensor *shuffle_pixels(ss_graph *graph, ss_tensor *x, ss_tensor *y) {
  (void)y;
  return ss_pixel_shuffle(graph, x, 2);
}

static ss_tensor *gather(ss_graph *graph, ss_tensor *x, ss_tensor *y) {
  (void)y;
  const int32_t rows[] = {3, 0, 6, 3, 3, -1, 5, 900, 2, 0};
  return ss_gather(graph, x, ss_graph_constant_i32(graph, ss_shape_of(10), rows));
}

static void test_moves(void **state) {
  (void)state;
  const ss_shape x = ss_shape_of(7, 12, 13, 20);
  const layer_case cases[] = {
      {"sum of channels", sum_of_channels, x, {0}, 1e-5, 0x1p-7},
      {"mean of images", mean_of_images, x, {0}, 1e-5, 0x1p-7},
      {"largest of places", largest_of_places, x, {0}, 1e-6, 0x1p-7},
      {"global average", average, ss_shape_of(5, 30, 31, 66), {0}, 1e-5, 0x1p-7},
      {"broadcast product", broadcast_product, x, ss_shape_of(12, 1, 20), 1e-5, 0x1p-6},
      {"broadcast product both ways", broadcast_product, ss_shape_of(7, 1, 13, 1), ss_shape_of(12, 1, 20), 1e-5,
       0x1p-6},
      {"transpose", transpose, x, {0}, 1e-6, 0x1p-7},
      {"swap", swap, x, {0}, 1e-6, 0x1p-7},
      {"cut and join", cut_and_join, x, ss_shape_of(7, 3, 13, 20), 1e-6, 0x1p-7},
      {"join channels", join_channels, x, ss_shape_of(7, 12, 13, 9), 1e-6, 0x1p-7},
      {"pad by reflection", pad_by_reflection, x, {0}, 1e-6, 0x1p-7},
      {"pad by zeros", pad_by_zeros, x, {0}, 1e-6, 0x1p-7},
      {"shuffle pixels", shuffle_pixels, x, {0}, 1e-6, 0x1p-7},
      {"gather", gather, x, {0}, 1e-6, 0x1p-7},
  };
  check(cases, sizeof cases / sizeof cases[0]);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(test_products),
      cmocka_unit_test(test_norms),
      cmocka_unit_test(test_moves),
  };
  return cmocka_run_group_tests_name("devices, layers", tests, NULL, NULL);
}
