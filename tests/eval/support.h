/* What the tests of measuring share: temporary folders, pictures, goldens. */
#ifndef TESTS_EVAL_SUPPORT_H
#define TESTS_EVAL_SUPPORT_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include "features/features.h"

/* Fails the test with the message unless the status is SS_OK. */
void support_ok(ss_status status, const ss_error *error);

/* A new empty folder, and its removal with all that is in it. */
void support_make_folder(char path[256]);
void support_remove_folder(const char *path);

/* Writes `count` PPM pictures, width x height, into FOLDER/CLASS/NN.ppm: noise over a shade and slope of the class. */
void support_pictures(const char *folder, const char *class_name, int count, int width, int height);
/* Writes FOLDER/NAME, making the folders in the name. */
void support_file(const char *folder, const char *name, const void *bytes, size_t size);

/* A group's set-up and tear-down: kernel choices are remembered in a temporary folder, not in the user's cache. */
int support_own_cache(void **state);
int support_drop_cache(void **state);

ss_source *support_open(const char *data);
ss_model *support_model(const char *name);

/* golden/NAME.npy; freed with free(). */
float *support_golden(const char *name, int64_t *rows, int64_t *columns);
/* golden/NAME.npy as features: the class is the last column. */
ss_features support_golden_features(const char *name);

#endif
