/* What the report's tests share. */
#ifndef TESTS_REPORT_SUPPORT_H
#define TESTS_REPORT_SUPPORT_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "base/text.h"

/* How often `part` is in `text`. */
int support_times(const char *text, const char *part);
/* Fails unless `part` is in the text. */
void support_has(const ss_text *text, const char *part);
/* Every element that is opened is closed in order; void elements aside. Fails naming the one that is not. */
void support_well_formed(const ss_text *text);

#endif
