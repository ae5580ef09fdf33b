/* What the engine's tests share: goldens, running a small graph, checking gradients. */
#ifndef TESTS_ENGINE_SUPPORT_H
#define TESTS_ENGINE_SUPPORT_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "engine/graph.h"
#include "engine/operations.h"
#include "engine/plan.h"
#include "support_gpu.h"

#define SUPPORT_MAX_INPUTS 4

/* Records one output from the inputs; parameters are made inside as the operation makes them. */
typedef ss_tensor *(*support_record)(ss_graph *graph, ss_tensor *const *inputs, const void *context);

typedef struct support_case {
  const char *name;
  support_record record;
  const void *context;
  int input_count;
  ss_shape shapes[SUPPORT_MAX_INPUTS]; /* float32 inputs, filled with normal numbers by `seed` ... */
  int labels_below;                    /* ... but if > 0 the last input is int32 labels in [0, labels_below) */
  bool evaluation;                     /* recorded as for evaluation rather than training */
  bool positive;                       /* inputs in (0.5, 1.5) instead of normal */
  bool ladder; /* inputs a shuffled ladder of multiples of 0.1 plus 0.05: apart from zero and from each other */
  uint64_t seed;
} support_case;

/* Every check records and runs in plans of two threads.
 *
 * L = sum over the output of a fixed random weight x element, summed in double. The graph's gradient of L with respect
 * to every float32 input and every trainable parameter (moved from its initial value a little), projected on random
 * directions v of +1 and -1, must equal the central difference (L(x + h v) - L(x - h v)) / 2h, h = 0.02,
 * Richardson-extrapolated, to `tolerance` relative to the gradient's norm. No kink is met by inputs of a `ladder`. */
void support_check_gradient(const support_case *test, double tolerance);

/* Goldens: a flat little-endian file golden/NAME.bin written by the make script with support.py's write_golden(name,
 * dict): float32 arrays, found by key. Fails the test if absent. The name "FILE:CASE" means the arrays of one case of a
 * file made by write_goldens(file, {case: dict}). */
typedef struct support_golden support_golden;
support_golden *support_golden_open(const char *name);
void support_golden_close(support_golden *golden);
bool support_golden_has(const support_golden *golden, const char *key);
const char *support_golden_key(const support_golden *golden, size_t index); /* NULL after the last */
const float *support_golden_array(const support_golden *golden, const char *key, int64_t *count);

/* Runs the case with inputs "input0", "input1", ... and parameters "parameter.NAME" of the golden, L as above with
 * weights "weight", and compares the output with "output", gradients with "gradient.input0", "gradient.NAME" ...: the
 * largest difference must stay below `tolerance` x the largest magnitude of the golden array. compute: SS_F32 or
 * SS_BF16. Layouts in the golden are the engine's (channels last), weights PyTorch's. "after.NAME" is a buffer's value
 * after one run. */
void support_check_golden(const support_case *test, const char *golden_name, ss_dtype compute, double tolerance);

/* Runs the case, L and its gradients as above, on the processors and on the GPU (skips the test where there is none):
 * output and gradients differ by less than `tolerance` x the largest magnitude of the processors', and the GPU gives
 * the same bits at each run. */
void support_check_devices(const support_case *test, ss_dtype compute, double tolerance);

/* Largest |a - b|. */
double support_difference(const float *a, const float *b, int64_t count);

/* The case cannot be recorded: the graph's status is not SS_OK and its message contains `text`. */
void support_expect_mistake(const support_case *test, const char *text);

/* A plan of the graph for two threads (or `threads`); fails the test with the graph's message if there is none. */
ss_plan *support_plan(ss_graph *graph);
ss_plan *support_plan_threads(ss_graph *graph, int threads);

/* The value of a float32, bf16 or int32 tensor that ss_plan_data gives, as floats; freed with free(). */
float *support_read(const ss_plan *plan, const ss_tensor *tensor);
/* Writes an input of one of these types. */
void support_write(const ss_plan *plan, const ss_tensor *tensor, const float *values);
void support_run(ss_plan *plan);
/* Before parameters are read or written. */
void support_settle(ss_parameters *parameters);

#endif
