/* A ReLU fused into the convolution or product before it, on the GPU: where it may be, and the numbers of nodes that
 * are computed one by one. */
#include "support.h"

#include "base/random.h"
#include "engine/convolution_geometry.h"
#include "engine/matmul.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

enum { BATCH = 6, HEIGHT = 5, WIDTH = 4, CHANNELS = 8, PIXELS = BATCH * HEIGHT * WIDTH };

/* ---- what is recorded from x (BATCH, HEIGHT, WIDTH, CHANNELS) ---- */

static ss_tensor *convolve(ss_graph *graph, ss_tensor *x, bool bias, const char *name) {
  const ss_convolution_options options = {.kernel = {3, 3}, .padding = {1, 1}, .bias = bias};
  return ss_convolution2d(graph, x, 12, &options, name);
}

static ss_tensor *pixels_of(ss_graph *graph, ss_tensor *x) {
  return ss_reshape(graph, x, ss_shape_of(PIXELS, ss_tensor_dim(x, -1)));
}

static ss_tensor *record_convolution(ss_graph *graph, ss_tensor *x) {
  return ss_relu(graph, convolve(graph, x, false, "c"));
}

static ss_tensor *record_convolution_with_bias(ss_graph *graph, ss_tensor *x) {
  return ss_relu(graph, convolve(graph, x, true, "c"));
}

static ss_tensor *record_linear(ss_graph *graph, ss_tensor *x) {
  return ss_relu(graph, ss_linear(graph, pixels_of(graph, x), 10, false, "l"));
}

static ss_tensor *record_linear_with_bias(ss_graph *graph, ss_tensor *x) {
  return ss_relu(graph, ss_linear(graph, pixels_of(graph, x), 10, true, "l"));
}

static ss_tensor *record_matmul(ss_graph *graph, ss_tensor *x) {
  ss_tensor *rows = pixels_of(graph, x);
  return ss_relu(graph, ss_matmul(graph, rows, false, rows, true, 0.25f));
}

static ss_tensor *record_layers(ss_graph *graph, ss_tensor *x) {
  x = ss_relu(graph, convolve(graph, x, true, "c1"));
  x = ss_relu(graph, convolve(graph, x, false, "c2"));
  x = ss_relu(graph, ss_linear(graph, pixels_of(graph, x), 20, true, "l1"));
  return ss_linear(graph, x, 3, true, "l2");
}

/* The second's gradient is told from what is before it, which so has another reader. */
static ss_tensor *record_twice(ss_graph *graph, ss_tensor *x) {
  return ss_relu(graph, ss_relu(graph, convolve(graph, x, true, "c")));
}

static ss_tensor *record_other_reader(ss_graph *graph, ss_tensor *x) {
  ss_tensor *y = convolve(graph, x, true, "c");
  return ss_add(graph, ss_relu(graph, y), ss_affine(graph, y, 0.5f, 0.0f));
}

static ss_tensor *record_kept(ss_graph *graph, ss_tensor *x) {
  return ss_relu(graph, ss_graph_keep(graph, convolve(graph, x, true, "c")));
}

static ss_tensor *record_leaky(ss_graph *graph, ss_tensor *x) {
  return ss_leaky_relu(graph, convolve(graph, x, true, "c"), 0.1f);
}

static ss_tensor *record_transposed(ss_graph *graph, ss_tensor *x) {
  const ss_convolution_options options = {.kernel = {3, 3}, .bias = true};
  return ss_relu(graph, ss_transposed_convolution2d(graph, x, 4, &options, NULL, "c"));
}

static ss_tensor *record_sum(ss_graph *graph, ss_tensor *x) {
  return ss_relu(graph, ss_add(graph, convolve(graph, x, false, "c1"), convolve(graph, x, false, "c2")));
}

typedef struct epilogue_case {
  const char *name;
  ss_tensor *(*record)(ss_graph *graph, ss_tensor *x);
  int fused, fused_in_training; /* so many nodes have a ReLU */
} epilogue_case;

static const epilogue_case cases[] = {
    {"convolution", record_convolution, 1, 1},
    {"convolution with a bias", record_convolution_with_bias, 1, 1},
    {"linear", record_linear, 1, 1},
    {"linear with a bias", record_linear_with_bias, 1, 1},
    {"matmul", record_matmul, 1, 1},
    {"layers", record_layers, 3, 3},
    {"ReLU of a ReLU", record_twice, 1, 1},
    {"another reader", record_other_reader, 0, 0},
    {"kept", record_kept, 0, 0},
    {"leaky ReLU", record_leaky, 0, 0},
    {"transposed convolution", record_transposed, 0, 0},
    {"sum", record_sum, 0, 0},
};
enum { CASES = sizeof cases / sizeof cases[0] };

/* ---- planned twice ---- */

typedef struct network {
  ss_parameters *parameters;
  ss_graph *graph;
  ss_tensor *input, *output;
  ss_plan *plan;
} network;

static network make(const epilogue_case *of, const ss_device *device, ss_dtype compute, bool training, bool separate) {
  network n = {.parameters = ss_parameters_new(3)};
  n.graph = ss_graph_new(n.parameters, &(ss_graph_options){.compute = compute, .training = training});
  n.input = ss_graph_input(n.graph, "x", SS_F32, ss_shape_of(BATCH, HEIGHT, WIDTH, CHANNELS));
  ss_graph_want_gradient(n.graph, n.input);
  n.output = ss_graph_keep(n.graph, of->record(n.graph, ss_cast(n.graph, n.input, compute)));
  if (training) {
    ss_tensor *square = ss_square(n.graph, ss_cast(n.graph, n.output, SS_F32));
    const unsigned all = (1u << ss_tensor_shape(n.output).rank) - 1u;
    ss_graph_backward(n.graph, ss_reshape(n.graph, ss_reduce_sum(n.graph, square, all, false), ss_shape_of(1)), "");
  }
  ss_error error = {{0}};
  const ss_plan_options options = {.device = device, .threads = 2, .separate = separate};
  if (ss_plan_new(n.graph, &options, &n.plan, &error) != SS_OK) {
    fail_msg("%s: %s", of->name, error.message);
  }
  float values[PIXELS * CHANNELS];
  ss_random random = ss_random_stream(1, SS_RANDOM_METHOD, 0, 0, 0);
  for (int i = 0; i < PIXELS * CHANNELS; i++) {
    values[i] = ss_random_normal(&random);
  }
  support_write(n.plan, n.input, values);
  support_run(n.plan);
  return n;
}

static void release(network *n) {
  ss_plan_free(n->plan);
  ss_graph_free(n->graph);
  ss_parameters_free(n->parameters);
}

/* Our kernels' bits. A library rounds once where two nodes round twice. */
static void compare(const char *name, const network *a, const ss_tensor *of_a, const network *b,
                    const ss_tensor *of_b) {
  const int64_t count = ss_shape_count(ss_tensor_shape(of_a));
#if SS_CUDA_EMULATED
  const size_t bytes = (size_t)count * ss_dtype_size(ss_tensor_dtype(of_a));
  if (memcmp(ss_plan_data(a->plan, of_a), ss_plan_data(b->plan, of_b), bytes) != 0) {
    fail_msg("%s: not the same bits", name);
  }
#else
  float *first = support_read(a->plan, of_a), *second = support_read(b->plan, of_b);
  double largest = 0.0;
  for (int64_t i = 0; i < count; i++) {
    largest = fmax(largest, fabs((double)second[i]));
  }
  const double difference = support_difference(first, second, count);
  if (!(difference <= largest * 3.0 / 256.0)) {
    fail_msg("%s: off by %g of %g", name, difference, largest);
  }
  free(first);
  free(second);
#endif
}

static int count_fused(const network *n) {
  int count = 0;
  for (size_t i = 0; i < n->graph->node_count; i++) {
    const ss_node *node = n->graph->nodes[i];
    const unsigned flag =
        node->operation == SS_OP_CONVOLUTION ? (unsigned)SS_CONVOLUTION_RELU : (unsigned)SS_MATMUL_RELU;
    const bool has_one =
        node->operation == SS_OP_CONVOLUTION || node->operation == SS_OP_LINEAR || node->operation == SS_OP_MATMUL;
    count += has_one && (node->attributes.flags & flag);
  }
  return count;
}

static void check(const epilogue_case *of, const ss_device *device, ss_dtype compute, bool training) {
  network fused = make(of, device, compute, training, false), apart = make(of, device, compute, training, true);
  const int expected = training ? of->fused_in_training : of->fused;
  if (count_fused(&fused) != expected || count_fused(&apart) != 0) {
    fail_msg("%s: %d ReLUs are fused, not %d", of->name, count_fused(&fused), expected);
  }
  assert_true(ss_plan_node_count(fused.plan) + (size_t)expected <= ss_plan_node_count(apart.plan));
  compare(of->name, &fused, fused.output, &apart, apart.output);
  const size_t count = ss_graph_gradient_count(fused.graph);
  assert_int_equal(ss_graph_gradient_count(apart.graph), count);
#if SS_CUDA_EMULATED /* else what is rounded to another side of zero has another gradient */
  for (size_t i = 0; i < count; i++) {
    compare(of->name, &fused, ss_graph_gradient_tensor(fused.graph, i), &apart,
            ss_graph_gradient_tensor(apart.graph, i));
  }
  if (training) {
    compare(of->name, &fused, ss_graph_gradient_of(fused.graph, fused.input), &apart,
            ss_graph_gradient_of(apart.graph, apart.input));
  }
#endif
  release(&fused);
  release(&apart);
}

static void test_cases(void **state) {
  (void)state;
  const ss_device *device = support_gpu();
  for (int i = 0; i < CASES; i++) {
    for (int training = 0; training < 2; training++) {
      check(&cases[i], device, SS_F32, training);
      check(&cases[i], device, SS_BF16, training);
    }
  }
}

/* They have kernels for each layout and type as it is. */
static void test_processors(void **state) {
  (void)state;
  const ss_device *device = NULL;
  ss_error error = {{0}};
  assert_int_equal(ss_device_open("cpu", &device, &error), SS_OK);
  const epilogue_case *layers = &cases[5];
  assert_string_equal(layers->name, "layers");
  network fused = make(layers, device, SS_BF16, true, false), apart = make(layers, device, SS_BF16, true, true);
  assert_int_equal(ss_plan_node_count(fused.plan), ss_plan_node_count(apart.plan));
  release(&fused);
  release(&apart);
}

/* ---- numbers at the ends ---- */

/* A column of products: a NaN, an infinity, and what bf16 rounds to -0, which a ReLU leaves as it is. */
static void check_ends(const ss_device *device, ss_dtype compute) {
  enum { ROWS = 5 };
  const float a[ROWS] = {NAN, INFINITY, 1e-20f, -3.0f, 3.0f}, b[] = {-1e-22f};
  uint16_t narrow[2][ROWS];
  float wide[2][ROWS];
  for (int separate = 0; separate < 2; separate++) {
    ss_parameters *parameters = ss_parameters_new(1);
    ss_graph *graph = ss_graph_new(parameters, &(ss_graph_options){.compute = compute});
    ss_tensor *left = ss_graph_input(graph, "a", SS_F32, ss_shape_of(ROWS, 1));
    ss_tensor *right = ss_graph_input(graph, "b", SS_F32, ss_shape_of(1, 1));
    ss_tensor *product =
        ss_matmul(graph, ss_cast(graph, left, compute), false, ss_cast(graph, right, compute), false, 1.0f);
    ss_tensor *y = ss_graph_keep(graph, ss_relu(graph, product));
    ss_plan *plan = NULL;
    ss_error error = {{0}};
    const ss_plan_options options = {.device = device, .threads = 2, .separate = separate};
    if (ss_plan_new(graph, &options, &plan, &error) != SS_OK) {
      fail_msg("%s", error.message);
    }
    support_write(plan, left, a);
    support_write(plan, right, b);
    support_run(plan);
    memcpy(compute == SS_BF16 ? (void *)narrow[separate] : (void *)wide[separate], ss_plan_data(plan, y),
           ROWS * ss_dtype_size(compute));
    float *values = support_read(plan, y);
    assert_true(isnan(values[0]));
    assert_true(values[1] == 0.0f);
    assert_true(values[2] == 0.0f);
    assert_true(values[3] > 0.0f);
    assert_true(values[4] == 0.0f);
    free(values);
    ss_plan_free(plan);
    ss_graph_free(graph);
    ss_parameters_free(parameters);
  }
#if SS_CUDA_EMULATED
  if (compute == SS_BF16) {
    assert_int_equal(narrow[1][2], 0x8000);
    assert_memory_equal(narrow[0], narrow[1], sizeof narrow[0]);
  } else {
    assert_memory_equal(wide[0], wide[1], sizeof wide[0]);
  }
#endif
}

static void test_ends(void **state) {
  (void)state;
  const ss_device *device = support_gpu();
  check_ends(device, SS_F32);
  check_ends(device, SS_BF16);
}

int main(void) {
  const struct CMUnitTest tests[] = {cmocka_unit_test(test_cases), cmocka_unit_test(test_processors),
                                     cmocka_unit_test(test_ends)};
  return cmocka_run_group_tests_name("epilogues", tests, NULL, NULL);
}
