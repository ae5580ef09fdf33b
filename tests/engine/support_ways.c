#include "support_ways.h"

#include "base/bfloat16.h"
#include "base/memory.h"
#include "base/random.h"
#include "engine/cpu/relayout.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

const ss_way *support_find_way(const ss_node *node, const char *name) {
  const ss_kernel *kernel = ss_device_cpu()->kernel(node->operation);
  for (int i = 0; i < kernel->count; i++) {
    if (strcmp(kernel->ways[i].name, name) == 0) {
      return !kernel->ways[i].supports || kernel->ways[i].supports(node) ? &kernel->ways[i] : NULL;
    }
  }
  return NULL;
}

static size_t bytes_of(const ss_tensor *tensor) {
  return (size_t)ss_shape_count(tensor->shape) * ss_dtype_size(tensor->dtype);
}

static void *aligned(size_t bytes) {
  void *memory = ss_alloc_aligned(bytes > 0 ? bytes : 1);
  assert_non_null(memory);
  memset(memory, 0xFF, bytes); /* NaNs in float32 and bf16 */
  return memory;
}

/* The tensor's memory with these values. */
static void *write_tensor(const ss_tensor *tensor, const float *values) {
  const int64_t count = ss_shape_count(tensor->shape);
  void *plain = aligned(bytes_of(tensor)), *memory = aligned(bytes_of(tensor));
  for (int64_t i = 0; i < count; i++) {
    if (tensor->dtype == SS_BF16) {
      ((ss_bf16 *)plain)[i] = ss_bf16_from_float(values[i]);
    } else {
      ((float *)plain)[i] = values[i];
    }
  }
  ss_relayout(plain, SS_LAYOUT_PLAIN, memory, tensor->layout, tensor->shape, tensor->dtype, 1);
  ss_free_aligned(plain, bytes_of(tensor));
  return memory;
}

static float *read_tensor(const ss_tensor *tensor, const void *memory) {
  const int64_t count = ss_shape_count(tensor->shape);
  void *plain = aligned(bytes_of(tensor));
  ss_relayout(memory, tensor->layout, plain, SS_LAYOUT_PLAIN, tensor->shape, tensor->dtype, 1);
  float *values = malloc((size_t)count * sizeof *values);
  assert_non_null(values);
  for (int64_t i = 0; i < count; i++) {
    values[i] = tensor->dtype == SS_BF16 ? ss_bf16_to_float(((const ss_bf16 *)plain)[i]) : ((const float *)plain)[i];
  }
  ss_free_aligned(plain, bytes_of(tensor));
  return values;
}

float *support_run_way(const ss_node *node, const ss_way *way, const float *const *in, int threads) {
  static const uint64_t random_step[2] = {0, 0};
  ss_step step = {.node = node, .way = way, .threads = threads, .random_step = random_step};
  ss_error error = {{0}};
  if (way->prepare && way->prepare(&step, &error) != SS_OK) {
    fail_msg("%s: %s", way->name, error.message);
  }
  void *memory[SS_MAX_INPUTS] = {NULL};
  for (int i = 0; i < node->input_count; i++) {
    if (node->inputs[i]) {
      memory[i] = write_tensor(node->inputs[i], in[i]);
      step.in[i] = memory[i];
    }
  }
  step.out[0] = aligned(bytes_of(node->outputs[0]));
  step.scratch = aligned(step.scratch_bytes);
  assert_int_equal(way->run(&step), SS_OK);
  float *result = read_tensor(node->outputs[0], step.out[0]);
  if (way->release) {
    way->release(&step);
  }
  for (int i = 0; i < node->input_count; i++) {
    if (memory[i]) {
      ss_free_aligned(memory[i], bytes_of(node->inputs[i]));
    }
  }
  ss_free_aligned(step.out[0], bytes_of(node->outputs[0]));
  ss_free_aligned(step.scratch, step.scratch_bytes > 0 ? step.scratch_bytes : 1);
  return result;
}

float *support_bf16_normal(int64_t count, uint64_t seed) {
  float *values = malloc((size_t)count * sizeof *values);
  assert_non_null(values);
  ss_random random = ss_random_stream(seed, SS_RANDOM_METHOD, 0, 0, 0);
  for (int64_t i = 0; i < count; i++) {
    values[i] = ss_bf16_to_float(ss_bf16_from_float(ss_random_normal(&random)));
  }
  return values;
}

int support_check_ways(const ss_node *node, double tolerance, uint64_t seed) {
  float *in[SS_MAX_INPUTS] = {NULL};
  for (int i = 0; i < node->input_count; i++) {
    if (node->inputs[i]) {
      in[i] = support_bf16_normal(ss_shape_count(node->inputs[i]->shape), seed + (uint64_t)i);
    }
  }
  const ss_kernel *kernel = ss_device_cpu()->kernel(node->operation);
  const int64_t count = ss_shape_count(node->outputs[0]->shape);
  const char *operation = ss_operation_define(node->operation)->name;
  float *expected = support_run_way(node, support_find_way(node, "loops"), (const float *const *)in, 2);
  double largest = 0.0;
  for (int64_t i = 0; i < count; i++) {
    largest = fmax(largest, fabs((double)expected[i]));
  }
  int checked = 0;
  for (int w = 0; w < kernel->count; w++) {
    const ss_way *way = support_find_way(node, kernel->ways[w].name);
    if (!way || strcmp(way->name, "loops") == 0) {
      continue;
    }
    float *first = support_run_way(node, way, (const float *const *)in, 2);
    float *again = support_run_way(node, way, (const float *const *)in, 2);
    const double difference = support_difference(first, expected, count);
    if (!(difference <= tolerance * largest)) {
      fail_msg("%s by %s: off by %g of %g", operation, way->name, difference, largest);
    }
    if (memcmp(first, again, (size_t)count * sizeof *first) != 0) {
      fail_msg("%s by %s: not the same bits again", operation, way->name);
    }
    free(first);
    free(again);
    checked++;
  }
  for (int i = 0; i < node->input_count; i++) {
    free(in[i]);
  }
  free(expected);
  return checked;
}

/* ---- all outputs of two ways ---- */

static float number_at(const ss_tensor *tensor, const void *data, int64_t i) {
  return tensor->dtype == SS_BF16 ? ss_bf16_to_float(((const ss_bf16 *)data)[i]) : ((const float *)data)[i];
}

/* Numbers that the node's inputs may hold: positive ones for vectors (variances), any for pictures, bits for masks. */
static void *make_input(const ss_tensor *tensor, uint64_t seed, uint32_t bytes_below) {
  const int64_t count = ss_shape_count(tensor->shape);
  void *data = ss_alloc_aligned(bytes_of(tensor));
  assert_non_null(data);
  memset(data, 0, bytes_of(tensor));
  ss_random random = ss_random_stream(seed, SS_RANDOM_METHOD, 0, 0, 0);
  const bool is_vector = ss_shape_count(tensor->shape) <= 4096;
  for (int64_t i = 0; i < count && tensor->dtype != SS_I64; i++) {
    const float value = is_vector ? 0.5f + ss_random_uniform(&random) : ss_random_normal(&random);
    if (tensor->dtype == SS_U8) {
      ((uint8_t *)data)[i] = (uint8_t)ss_random_below(&random, bytes_below);
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

static outcome run_all(const ss_node *node, const ss_way *way, uint32_t bytes_below) {
  static const uint64_t random_step[2] = {0, 0};
  ss_step step = {.node = node, .way = way, .threads = 2, .random_step = random_step};
  outcome of = {0};
  assert_true(!way->prepare || way->prepare(&step, NULL) == SS_OK);
  for (int i = 0; i < node->input_count; i++) {
    if (node->inputs[i]) {
      step.in[i] = of.in[i] = make_input(node->inputs[i], (uint64_t)i, bytes_below);
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

int support_compare_way(const ss_node *node, const char *name, uint32_t bytes_below) {
  const ss_way *fast = support_find_way(node, name), *loops = support_find_way(node, "loops");
  assert_non_null(loops);
  if (!fast) {
    return 0;
  }
  outcome got = run_all(node, fast, bytes_below), expected = run_all(node, loops, bytes_below);
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
