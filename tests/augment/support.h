/* Reads the goldens that make_goldens.py wrote and compares with them. */
#ifndef SS_TESTS_AUGMENT_SUPPORT_H
#define SS_TESTS_AUGMENT_SUPPORT_H

#include "base/image.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

typedef struct golden_case {
  char name[17];
  double parameter[16];
  const ss_image *in;
  int width, height, channels;
  int value_size; /* 1: uint8, 4: float32 */
  void *values;
} golden_case;

typedef struct golden_set {
  ss_image *images;
  int image_count;
  golden_case *cases;
  int case_count;
} golden_set;

/* transforms.bin, or the file of that name in the same format. Fails the test when it cannot be read. */
golden_set goldens_read(void);
golden_set goldens_read_file(const char *path);
void goldens_free(golden_set *goldens);

/* What the cases of one name came to. */
typedef struct tally {
  int cases;
  size_t values;
  size_t different;
  int largest; /* difference in grey levels */
} tally;

/* Adds one case; fails the test when sizes differ. */
void comparison_add(tally *comparison, const golden_case *golden, const ss_image *got);

/* Prints the share that is equal, and fails the test unless there were cases, no difference is above `largest` and no
 * more than `share` of the values differ. */
void comparison_check(const tally *comparison, const char *name, int largest, double share);

#endif
