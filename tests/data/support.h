/* Temporary folders and files for the tests of sources and loaders. */
#ifndef TESTS_DATA_SUPPORT_H
#define TESTS_DATA_SUPPORT_H

#include "base/image.h"
#include "data/source.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

/* A new empty folder, and its removal with all that is in it. */
void make_temporary(char path[256]);
void remove_temporary(const char *path);

/* Writes folder/name, making the folders in `name`. */
void put_file(const char *folder, const char *name, const void *bytes, size_t size);

/* A PPM of 8 x 6 pixels that all have the value `grey`; its bytes and their number. */
#define PPM_BYTES (11 + 8 * 6 * 3)
void make_ppm(uint8_t bytes[PPM_BYTES], uint8_t grey);
void put_picture(const char *folder, const char *name, uint8_t grey);

/* Opens, failing the test if that fails. */
ss_source *open_source(const char *data);

/* Opens what must not open; the message must hold both texts. */
void expect_failure(const char *data, const char *text, const char *other_text);

/* The first value of a sample's first pixel. */
int first_value(const ss_source *source, uint32_t sample);

#endif
