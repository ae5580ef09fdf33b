/* Graphs against goldens of another implementation: parameters and inputs that both sides make from their names. */
#ifndef TESTS_METHODS_SUPPORT_GOLDEN_H
#define TESTS_METHODS_SUPPORT_GOLDEN_H

#include "support.h"

#include "engine/plan.h"
#include "io/safetensors.h"

/* golden/NAME.safetensors; closed with ss_safetensors_close. */
ss_safetensors *support_golden(const char *name);
/* The array CASE.KEY as it is in the file, float32 or int32; freed with free(). */
float *support_golden_floats(const ss_safetensors *golden, const char *key, const char *name, int64_t *count);
int32_t *support_golden_ints(const ss_safetensors *golden, const char *key, const char *name, int64_t *count);

/* offset + scale * u, u in [-1, 1) from the name, as `numbers` in golden/make_patches.py. */
void support_numbers(const char *name, float scale, float offset, float *values, int64_t count);
/* Fills all trainable parameters so, as `fill` there. */
void support_fill_parameters(ss_parameters *parameters);

/* Fails unless no value is farther from the golden's CASE.NAME than `tolerance` times its largest. */
void support_expect_near(const ss_safetensors *golden, const char *key, const char *name, const float *values,
                         int64_t count, double tolerance);
/* The same for every parameter's gradient: its norm and at most 16 elements at even distances; relative to the median
 * of all gradients' norms where that is more. */
void support_expect_gradients(const ss_safetensors *golden, const char *key, const ss_graph *graph, const ss_plan *plan,
                              double tolerance);

/* The method's loss, logits (build.prediction), score and gradients on the golden's case: int32 inputs from the golden,
 * float32 ones from their names, times two. */
void support_check_method(const ss_safetensors *golden, const char *method, int size, const char *pairs,
                          double tolerance);

#endif
