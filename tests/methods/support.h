/* What the methods' tests share: a configured method, samples and their views. */
#ifndef TESTS_METHODS_SUPPORT_H
#define TESTS_METHODS_SUPPORT_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "methods/method.h"

/* A method configured with its default options. */
typedef struct support_task {
  ss_task task;
  ss_settings *settings;
} support_task;

/* `pairs` are options that differ, "key=value key=value". Fails the test if the method cannot be configured. */
void support_configure(support_task *out, const char *method, int size, int batch, const char *pairs);
void support_release(support_task *task);

/* A picture of soft colours and hard edges, another one for each seed. Freed with ss_image_free. */
ss_image support_picture(int width, int height, uint64_t seed);

/* The method's views of a picture, as a loader's thread makes them; freed with free(). */
void *support_views(const support_task *task, const ss_image *picture, uint64_t seed, uint32_t epoch, uint32_t index,
                    int label);

/* Elements of one view of an input. */
int64_t support_view_count(const support_task *task, int input);

#endif
