/* What the methods' tests share: a configured method, samples and their views. */
#ifndef TESTS_METHODS_SUPPORT_H
#define TESTS_METHODS_SUPPORT_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "engine/plan.h"
#include "methods/method.h"

#define SUPPORT_SAMPLES 40 /* that a configured method is told it trains on, of five classes */

/* A method configured with its default options. */
typedef struct support_task {
  ss_task task;
  ss_settings *settings;
} support_task;

/* `pairs` are options that differ, "key=value key=value". Fails the test if the method cannot be configured. */
void support_configure(support_task *out, const char *method, int size, int batch, const char *pairs);
void support_release(support_task *task);
/* The method refuses these options (SS_USAGE), and its message says `words`. */
void support_expect_refused(const char *method, int size, int batch, const char *arch, const char *pairs,
                            const char *words);

/* A picture of soft colours and hard edges, another one for each seed. Freed with ss_image_free. */
ss_image support_picture(int width, int height, uint64_t seed);

/* The method's views of a picture, as a loader's thread makes them; freed with free(). */
void *support_views(const support_task *task, const ss_image *picture, uint64_t seed, uint32_t epoch, uint32_t index,
                    int label);

/* A method's graph run once, in training, on a batch of support_picture 0, 1, ... with their views of epoch 0. Losses,
 * score, chance, reports, prediction, embeddings and carried of `build` are kept. */
typedef struct support_run {
  ss_parameters *parameters;
  ss_graph *graph;
  ss_plan *plan;
  ss_build build;
} support_run;

support_run support_run_loss(const support_task *task, int batch);
float support_scalar(const support_run *run, const ss_tensor *tensor);
/* That of the loss with respect to a parameter. */
const float *support_gradient(const support_run *run, const char *parameter);
void support_run_free(support_run *run);

/* Elements of one view of an input. */
int64_t support_view_count(const support_task *task, int input);

#endif
