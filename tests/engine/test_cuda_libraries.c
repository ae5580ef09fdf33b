/* On a GPU: convolutions by cuDNN and products by cuBLASLt against the plain kernels, and what packs weights for them.
 */
#include "support_ways.h"

#include "base/bfloat16.h"
#include "base/random.h"
#include "engine/choose.h"
#include "engine/convolution_geometry.h"
#include "engine/matmul.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#if SS_CUDA
#include "engine/cuda/convolution_ways.h"
#include "engine/cuda/elementwise_ways.h"
#endif

/* The GPU, with its libraries if they are asked for; skips the test, saying why, where there is none. */
static const ss_device *open_device(bool libraries) {
  const ss_device *device = support_gpu();
#if SS_CUDA_EMULATED
  if (libraries) {
    print_message("the GPU is emulated: without cuDNN and cuBLASLt\n");
    skip();
  }
#endif
  (void)libraries;
  return device;
}

static const ss_way *find_way(const ss_device *device, const ss_node *node, const char *name) {
  const ss_kernel *kernel = device->kernel(node->operation);
  for (int i = 0; i < kernel->count; i++) {
    const ss_way *way = &kernel->ways[i];
    if (strcmp(way->name, name) == 0 && (!way->supports || way->supports(node))) {
      return way;
    }
  }
  return NULL;
}

static void must(ss_status status, const ss_error *error) {
  if (status != SS_OK) {
    fail_msg("%s", error->message);
  }
}

static size_t bytes_of(const ss_tensor *tensor) {
  return (size_t)ss_shape_count(tensor->shape) * ss_dtype_size(tensor->dtype);
}

/* ---- one way of one node on the device ---- */

static void *reserve(const ss_device *device, size_t bytes) {
  void *there = NULL;
  ss_error error = {{0}};
  must(device->memory->reserve(bytes, "a test", &there, &error), &error);
  return there;
}

static void upload(const ss_device *device, void *there, const void *here, size_t bytes) {
  ss_error error = {{0}};
  must(device->memory->upload(there, here, bytes, &error), &error);
  must(device->memory->wait(&error), &error);
}

/* Not a number before it is written, if there are no values. */
static void *write_tensor(const ss_device *device, const ss_tensor *tensor, const float *values) {
  void *there = reserve(device, bytes_of(tensor)), *here = malloc(bytes_of(tensor));
  assert_non_null(here);
  memset(here, 0xFF, bytes_of(tensor));
  for (int64_t i = 0; values && i < ss_shape_count(tensor->shape); i++) {
    if (tensor->dtype == SS_BF16) {
      ((ss_bf16 *)here)[i] = ss_bf16_from_float(values[i]);
    } else {
      ((float *)here)[i] = values[i];
    }
  }
  upload(device, there, here, bytes_of(tensor));
  free(here);
  return there;
}

static float *read_tensor(const ss_device *device, const ss_tensor *tensor, const void *there) {
  const int64_t count = ss_shape_count(tensor->shape);
  void *here = malloc(bytes_of(tensor));
  float *values = malloc((size_t)count * sizeof *values);
  ss_error error = {{0}};
  assert_non_null(here);
  assert_non_null(values);
  must(device->memory->download(here, there, bytes_of(tensor), &error), &error);
  for (int64_t i = 0; i < count; i++) {
    values[i] = tensor->dtype == SS_BF16 ? ss_bf16_to_float(((const ss_bf16 *)here)[i]) : ((const float *)here)[i];
  }
  free(here);
  return values;
}

/* Output 0; its memory and the scratch hold NaNs before. */
static float *run_way(const ss_device *device, const ss_node *node, const ss_way *way, float *const *in) {
  ss_step step = {.node = node, .way = way, .threads = 1};
  ss_error error = {{0}};
  must(way->prepare ? way->prepare(&step, &error) : SS_OK, &error);
  for (int i = 0; i < node->input_count; i++) {
    step.in[i] = node->inputs[i] ? write_tensor(device, node->inputs[i], in[i]) : NULL;
  }
  step.out[0] = write_tensor(device, node->outputs[0], NULL);
  void *nothing = malloc(step.scratch_bytes + 1);
  assert_non_null(nothing);
  memset(nothing, 0xFF, step.scratch_bytes);
  step.scratch = reserve(device, step.scratch_bytes);
  upload(device, step.scratch, nothing, step.scratch_bytes);
  free(nothing);
  assert_int_equal(way->run(&step), SS_OK);
  float *result = read_tensor(device, node->outputs[0], step.out[0]);
  if (way->release) {
    way->release(&step);
  }
  for (int i = 0; i < node->input_count; i++) {
    device->memory->release((void *)(uintptr_t)step.in[i]);
  }
  device->memory->release(step.out[0]);
  device->memory->release(step.scratch);
  return result;
}

/* Normal numbers of all of float32's digits: what multiplies fewer of them shows. */
static float *make_values(const ss_tensor *tensor, uint64_t seed) {
  const int64_t count = ss_shape_count(tensor->shape);
  float *values = malloc((size_t)count * sizeof *values);
  assert_non_null(values);
  ss_random random = ss_random_stream(seed, SS_RANDOM_METHOD, 0, 0, 0);
  for (int64_t i = 0; i < count; i++) {
    values[i] = ss_random_normal(&random);
  }
  return values;
}

/* A NaN among the inputs is seen in the output, so that a training that has failed shows; in[0] is changed. */
static void check_nan(const ss_device *device, const ss_node *node, const ss_way *way, float *const *in) {
  const int64_t count = ss_shape_count(node->outputs[0]->shape);
  bool seen = false;
  in[0][0] = NAN;
  float *result = run_way(device, node, way, in);
  for (int64_t i = 0; i < count; i++) {
    seen = seen || isnan(result[i]);
  }
  free(result);
  if (!seen) {
    char text[160];
    fail_msg("%s by %s hides a NaN", ss_node_text(node, text), way->name);
  }
}

/* The library's way agrees with the loops to `tolerance` x the largest value, and gives the same bits again. */
static void check_way(const ss_device *device, const ss_node *node, const char *name, double tolerance, uint64_t seed) {
  const ss_way *library = find_way(device, node, name), *loops = find_way(device, node, "loops");
  const int64_t count = ss_shape_count(node->outputs[0]->shape);
  char text[160];
  float *in[SS_MAX_INPUTS] = {NULL};
  ss_node_text(node, text);
  assert_non_null(loops);
  if (!library) {
    fail_msg("case %d: %s does not compute %s", (int)seed, name, text);
    return;
  }
  for (int i = 0; i < node->input_count; i++) {
    in[i] = node->inputs[i] ? make_values(node->inputs[i], 10 * seed + (uint64_t)i) : NULL;
  }
  float *expected = run_way(device, node, loops, in), *first = run_way(device, node, library, in);
  float *again = run_way(device, node, library, in);
  double largest = 0.0;
  for (int64_t i = 0; i < count; i++) {
    largest = fmax(largest, fabs((double)expected[i]));
  }
  const double difference = support_difference(first, expected, count);
  if (!(difference <= tolerance * largest)) {
    fail_msg("case %d: %s by %s is off by %g of %g", (int)seed, text, name, difference, largest);
  }
  if (memcmp(first, again, (size_t)count * sizeof *first) != 0) {
    fail_msg("case %d: %s by %s has not the same bits again", (int)seed, text, name);
  }
  check_nan(device, node, library, in);
  for (int i = 0; i < node->input_count; i++) {
    free(in[i]);
  }
  free(expected);
  free(first);
  free(again);
}

/* ---- convolutions ---- */

typedef struct shape_case {
  ss_shape x;
  int outputs;
  ss_convolution_options options;
} shape_case;

static const shape_case cases[] = {
    /* ResNet-18 for small pictures */
    {{4, {16, 32, 32, 3}}, 64, {.kernel = {3, 3}, .padding = {1, 1}}},
    {{4, {16, 32, 32, 64}}, 64, {.kernel = {3, 3}, .padding = {1, 1}}},
    {{4, {16, 32, 32, 64}}, 128, {.kernel = {3, 3}, .stride = {2, 2}, .padding = {1, 1}}},
    {{4, {16, 32, 32, 64}}, 128, {.kernel = {1, 1}, .stride = {2, 2}}},
    {{4, {16, 16, 16, 128}}, 128, {.kernel = {3, 3}, .padding = {1, 1}}},
    {{4, {16, 16, 16, 128}}, 256, {.kernel = {3, 3}, .stride = {2, 2}, .padding = {1, 1}}},
    {{4, {16, 8, 8, 256}}, 512, {.kernel = {1, 1}, .stride = {2, 2}}},
    {{4, {16, 4, 4, 512}}, 512, {.kernel = {3, 3}, .padding = {1, 1}}},
    /* a first layer, one by one, odd sizes, biases */
    {{4, {4, 64, 60, 3}}, 64, {.kernel = {7, 7}, .stride = {2, 2}, .padding = {3, 3}}},
    {{4, {4, 14, 14, 24}}, 40, {.kernel = {1, 1}, .bias = true}},
    {{4, {8, 16, 16, 32}}, 64, {.kernel = {3, 3}, .padding = {1, 1}, .bias = true}},
    {{4, {2, 9, 7, 5}}, 7, {.kernel = {3, 3}, .padding = {1, 1}, .bias = true}},
    {{4, {2, 8, 7, 3}}, 5, {.kernel = {3, 5}, .stride = {2, 1}, .padding = {1, 2}, .bias = true}},
    {{4, {1, 5, 6, 1}}, 1, {.kernel = {2, 3}}},
    /* dilation, groups */
    {{4, {2, 9, 8, 16}}, 24, {.kernel = {3, 3}, .padding = {2, 2}, .dilation = {2, 2}, .bias = true}},
    {{4, {4, 8, 9, 32}}, 64, {.kernel = {3, 3}, .padding = {1, 1}, .groups = 4}},
    {{4, {4, 8, 9, 32}}, 32, {.kernel = {3, 3}, .padding = {1, 1}, .groups = 32}},
    {{4, {2, 6, 5, 12}}, 8, {.kernel = {3, 3}, .padding = {1, 1}, .groups = 4, .bias = true}},
    /* one axis and three */
    {{4, {2, 1, 40, 1}}, 8, {.kernel = {1, 10}, .stride = {1, 5}, .padding = {0, 3}, .bias = true}},
    {{5, {2, 4, 6, 7, 3}}, 8, {.kernel = {3, 3, 3}, .stride = {1, 2, 2}, .padding = {1, 1, 1}, .bias = true}},
    {{5, {2, 4, 8, 8, 16}}, 32, {.kernel = {3, 3, 3}, .padding = {1, 1, 1}}},
};
enum { CASES = sizeof cases / sizeof cases[0] };

/* The three nodes of a case, the first with and without a ReLU; the second has a bias too, as a transposed convolution
 * may. */
static void check_case(const ss_device *device, int number, ss_dtype dtype, bool tf32, double tolerance) {
  const shape_case *c = &cases[number];
  ss_parameters *parameters = ss_parameters_new(1);
  ss_graph *graph = ss_graph_new(parameters, &(ss_graph_options){.compute = dtype, .tf32 = tf32, .training = true});
  ss_tensor *x = ss_graph_input(graph, "x", dtype, c->x);
  ss_tensor *y = c->x.rank == 4 ? ss_convolution2d(graph, x, c->outputs, &c->options, "c")
                                : ss_convolution3d(graph, x, c->outputs, &c->options, "c");
  assert_non_null(y);
  const ss_node *forward = y->producer;
  ss_tensor *bias = c->options.bias ? ss_graph_input(graph, "b", SS_F32, ss_shape_of(ss_tensor_dim(x, -1))) : NULL;
  ss_tensor *const data_inputs[] = {ss_graph_input(graph, "dy", dtype, y->shape), forward->inputs[1], bias};
  ss_tensor *const weight_inputs[] = {x, data_inputs[0]};
  ss_tensor *dx =
      ss_graph_operation(graph, SS_OP_CONVOLUTION_BACKWARD_DATA, &forward->attributes, data_inputs, 3, dtype, c->x);
  ss_tensor *dw = ss_graph_operation(graph, SS_OP_CONVOLUTION_BACKWARD_WEIGHT, &forward->attributes, weight_inputs, 2,
                                     SS_F32, forward->inputs[1]->shape);
  assert_non_null(dx);
  assert_non_null(dw);
  check_way(device, forward, "cudnn", tolerance, (uint64_t)number);
  check_way(device, dx->producer, "cudnn", tolerance, (uint64_t)number);
  check_way(device, dw->producer, "cudnn", tolerance, (uint64_t)number);
  y->producer->attributes.flags |= SS_CONVOLUTION_RELU;
  check_way(device, forward, "cudnn", tolerance, (uint64_t)number);
  ss_graph_free(graph);
  ss_parameters_free(parameters);
}

/* Sums of up to 16 000 products in different orders; products of TF32 would be off by some 10^-4. */
static void test_convolutions_float32(void **state) {
  (void)state;
  const ss_device *device = open_device(true);
  for (int i = 0; i < CASES; i++) {
    check_case(device, i, SS_F32, false, 1e-5);
  }
}

/* Factors of eleven bits, rounded on their way. */
static void test_convolutions_tf32(void **state) {
  (void)state;
  const ss_device *device = open_device(true);
  for (int i = 0; i < CASES; i++) {
    check_case(device, i, SS_F32, true, 3.0 / 2048.0);
  }
}

/* Two results that are each rounded to bf16, a transposed convolution's twice, and cuDNN's bias; weight gradients are
 * rounded by cuDNN alone. */
static void test_convolutions_bf16(void **state) {
  (void)state;
  const ss_device *device = open_device(true);
  for (int i = 0; i < CASES; i++) {
    check_case(device, i, SS_BF16, false, 3.0 / 256.0);
  }
}

/* An output padding that cuDNN's formula has no room for. */
static void test_convolution_beyond_cudnn(void **state) {
  (void)state;
  const ss_device *device = open_device(true);
  ss_parameters *parameters = ss_parameters_new(1);
  ss_graph *graph = ss_graph_new(parameters, &(ss_graph_options){.compute = SS_F32, .training = true});
  ss_tensor *x = ss_graph_input(graph, "x", SS_F32, ss_shape_of(2, 5, 4, 3));
  const ss_convolution_options options = {.kernel = {3, 3}, .padding = {2, 2}, .dilation = {3, 3}};
  const int output_padding[2] = {2, 1};
  ss_tensor *y = ss_transposed_convolution2d(graph, x, 4, &options, output_padding, "c");
  assert_non_null(y);
  assert_null(find_way(device, y->producer, "cudnn"));
  assert_non_null(find_way(device, y->producer, "loops"));
  ss_graph_free(graph);
  ss_parameters_free(parameters);
}

/* ---- products ---- */

static void check_product(const ss_device *device, ss_node *node, double tolerance, uint64_t number) {
  check_way(device, node, "cublaslt", tolerance, number);
  node->attributes.flags |= SS_MATMUL_RELU;
  check_way(device, node, "cublaslt", tolerance, number);
}

/* In every mixture of types a graph records. */
static void test_products(void **state) {
  (void)state;
  static const struct {
    ss_dtype a, b, c;
    bool tf32;
    double tolerance;
  } types[] = {{SS_F32, SS_F32, SS_F32, false, 1e-5},           {SS_F32, SS_F32, SS_F32, true, 3.0 / 2048.0},
               {SS_BF16, SS_BF16, SS_BF16, false, 3.0 / 256.0}, {SS_BF16, SS_F32, SS_BF16, false, 3.0 / 256.0},
               {SS_BF16, SS_BF16, SS_F32, false, 1e-5},         {SS_F32, SS_BF16, SS_F32, true, 1e-5}};
  static const int64_t sizes[][4] = {{1, 65, 130, 33},  {1, 128, 64, 256}, {1, 256, 512, 128},
                                     {1, 64, 5000, 16}, {4, 17, 16, 9},    {3, 32, 64, 128},
                                     {1, 1, 40, 5},     {1, 6, 1, 8},      {1, 2048, 8, 10}};
  const ss_device *device = open_device(true);
  for (size_t t = 0; t < sizeof types / sizeof types[0]; t++) {
    for (size_t s = 0; s < sizeof sizes / sizeof sizes[0]; s++) {
      for (unsigned flags = 0; flags < 4; flags++) {
        ss_parameters *parameters = ss_parameters_new(1);
        const ss_graph_options options = {.compute = types[t].c, .tf32 = types[t].tf32, .training = true};
        ss_graph *graph = ss_graph_new(parameters, &options);
        const int64_t batch = sizes[s][0], m = sizes[s][1], k = sizes[s][2], n = sizes[s][3];
        const int64_t a[] = {batch, flags & 1u ? k : m, flags & 1u ? m : k};
        const int64_t b[] = {batch, flags & 2u ? n : k, flags & 2u ? k : n};
        const int skip_batch = batch == 1;
        const uint64_t number = 100 * t + 10 * s + flags;
        ss_tensor *left = ss_graph_input(graph, "a", types[t].a, ss_shape_make(3 - skip_batch, a + skip_batch));
        ss_tensor *right = ss_graph_input(graph, "b", types[t].b, ss_shape_make(3 - skip_batch, b + skip_batch));
        ss_tensor *c = ss_matmul(graph, left, flags & 1u, right, flags & 2u, 0.25f);
        assert_non_null(c);
        c->dtype = types[t].c; /* as a gradient may ask for */
        check_product(device, c->producer, types[t].tolerance, number);
        if (skip_batch && flags == 2 && types[t].b == SS_F32) {
          ss_tensor *y = ss_linear(graph, left, (int)n, true, "l");
          assert_non_null(y);
          check_product(device, y->producer, types[t].tolerance, number);
        }
        ss_graph_free(graph);
        ss_parameters_free(parameters);
      }
    }
  }
}

/* ---- weights packed ---- */

#if SS_CUDA
enum { OUTPUTS = 5, INPUTS = 7, TAPS = 9, WEIGHTS = OUTPUTS * INPUTS * TAPS };

static void check_packing(const ss_device *device, ss_dtype dtype) {
  float weights[WEIGHTS], back[WEIGHTS];
  unsigned char packed[WEIGHTS * sizeof(float)];
  ss_error error = {{0}};
  for (int i = 0; i < WEIGHTS; i++) {
    weights[i] = (float)i / 4.0f; /* a bf16 number up to 256 */
  }
  void *from = reserve(device, sizeof weights), *there = reserve(device, sizeof packed);
  upload(device, from, weights, sizeof weights);
  assert_int_equal(ss_cuda_pack_weights(from, there, dtype, OUTPUTS, INPUTS, TAPS), SS_OK);
  must(device->memory->download(packed, there, WEIGHTS * ss_dtype_size(dtype), &error), &error);
  for (int i = 0; i < WEIGHTS; i++) {
    const int place = (i / (INPUTS * TAPS) * TAPS + i % TAPS) * INPUTS + i / TAPS % INPUTS;
    float value;
    if (dtype == SS_BF16) {
      ss_bf16 narrow;
      memcpy(&narrow, packed + (size_t)place * sizeof narrow, sizeof narrow);
      value = ss_bf16_to_float(narrow);
    } else {
      memcpy(&value, packed + (size_t)place * sizeof value, sizeof value);
    }
    assert_true(value == (dtype == SS_BF16 ? ss_bf16_to_float(ss_bf16_from_float(weights[i])) : weights[i]));
  }
  assert_int_equal(ss_cuda_unpack_weights(there, dtype, from, OUTPUTS, INPUTS, TAPS), SS_OK);
  must(device->memory->download(back, from, sizeof back, &error), &error);
  for (int i = 0; i < WEIGHTS; i++) {
    assert_true(back[i] == (dtype == SS_BF16 ? ss_bf16_to_float(ss_bf16_from_float(weights[i])) : weights[i]));
  }
  device->memory->release(from);
  device->memory->release(there);
}

static void test_packing(void **state) {
  (void)state;
  const ss_device *device = open_device(false);
  check_packing(device, SS_F32);
  check_packing(device, SS_BF16);
}

static void test_adding_bias(void **state) {
  (void)state;
  const ss_device *device = open_device(false);
  enum { ROWS = 70, CHANNELS = 6 };
  ss_error error = {{0}};
  float x[ROWS * CHANNELS], bias[CHANNELS];
  ss_bf16 narrow[ROWS * CHANNELS];
  for (int i = 0; i < ROWS * CHANNELS; i++) {
    x[i] = (float)(i % 50) / 7.0f;
    narrow[i] = ss_bf16_from_float(x[i]);
  }
  for (int i = 0; i < CHANNELS; i++) {
    bias[i] = (float)i / 3.0f;
  }
  void *x_there = reserve(device, sizeof x), *narrow_there = reserve(device, sizeof narrow);
  void *bias_there = reserve(device, sizeof bias);
  upload(device, x_there, x, sizeof x);
  upload(device, narrow_there, narrow, sizeof narrow);
  upload(device, bias_there, bias, sizeof bias);
  assert_int_equal(ss_cuda_add_bias(x_there, SS_F32, ROWS, CHANNELS, bias_there), SS_OK);
  assert_int_equal(ss_cuda_add_bias(narrow_there, SS_BF16, ROWS, CHANNELS, bias_there), SS_OK);
  float sums[ROWS * CHANNELS];
  ss_bf16 narrow_sums[ROWS * CHANNELS];
  must(device->memory->download(sums, x_there, sizeof sums, &error), &error);
  must(device->memory->download(narrow_sums, narrow_there, sizeof narrow_sums, &error), &error);
  for (int i = 0; i < ROWS * CHANNELS; i++) {
    assert_true(sums[i] == x[i] + bias[i % CHANNELS]);
    assert_int_equal(narrow_sums[i], ss_bf16_from_float(ss_bf16_to_float(narrow[i]) + bias[i % CHANNELS]));
  }
  device->memory->release(x_there);
  device->memory->release(narrow_there);
  device->memory->release(bias_there);
}

static void test_relu(void **state) {
  (void)state;
  const ss_device *device = open_device(false);
  enum { COUNT = 300 };
  ss_error error = {{0}};
  float x[COUNT];
  ss_bf16 narrow[COUNT];
  for (int i = 0; i < COUNT; i++) {
    x[i] = (float)(i - COUNT / 2) / 7.0f;
    narrow[i] = ss_bf16_from_float(x[i]);
  }
  void *x_there = reserve(device, sizeof x), *narrow_there = reserve(device, sizeof narrow);
  upload(device, x_there, x, sizeof x);
  upload(device, narrow_there, narrow, sizeof narrow);
  assert_int_equal(ss_cuda_relu(x_there, SS_F32, COUNT), SS_OK);
  assert_int_equal(ss_cuda_relu(narrow_there, SS_BF16, COUNT), SS_OK);
  float positive[COUNT];
  ss_bf16 narrow_positive[COUNT];
  must(device->memory->download(positive, x_there, sizeof positive, &error), &error);
  must(device->memory->download(narrow_positive, narrow_there, sizeof narrow_positive, &error), &error);
  for (int i = 0; i < COUNT; i++) {
    assert_true(positive[i] == (x[i] > 0.0f ? x[i] : 0.0f));
    assert_int_equal(narrow_positive[i], x[i] > 0.0f ? narrow[i] : 0);
  }
  device->memory->release(x_there);
  device->memory->release(narrow_there);
}
#endif

int main(void) {
  const struct CMUnitTest tests[] = {
#if SS_CUDA
    cmocka_unit_test(test_packing),
    cmocka_unit_test(test_adding_bias),
    cmocka_unit_test(test_relu),
#endif
    cmocka_unit_test(test_convolutions_float32),
    cmocka_unit_test(test_convolutions_tf32),
    cmocka_unit_test(test_convolutions_bf16),
    cmocka_unit_test(test_convolution_beyond_cudnn),
    cmocka_unit_test(test_products),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
