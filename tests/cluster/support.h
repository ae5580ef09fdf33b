/* What the tests of clustering share. */
#ifndef SS_TESTS_CLUSTER_SUPPORT_H
#define SS_TESTS_CLUSTER_SUPPORT_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "base/status.h"

/* The golden table NAME.txt (rows, columns); the caller's. */
float *support_table(const char *name, int64_t *rows, int64_t *columns);

/* n points of d dimensions around `clusters` centres of deviation 1, each point at a deviation of `spread`; the
 * caller's. */
float *support_mixture(int64_t n, int64_t d, int clusters, float spread, uint64_t seed);

/* Fails with the message unless the status is SS_OK. */
void support_ok(ss_status status, const ss_error *error);

/* All numbers within `tolerance` of each other. */
void support_near(const float *a, const float *b, int64_t count, double tolerance);

/* The same bits. */
void support_same(const void *a, const void *b, size_t bytes);

#endif
