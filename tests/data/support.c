#include "support.h"

#include <ftw.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

void make_temporary(char path[256]) {
  const char *base = getenv("TMPDIR");
  snprintf(path, 256, "%s/selfsup-test-XXXXXX", base ? base : "/tmp");
  assert_non_null(mkdtemp(path));
}

static int remove_one(const char *path, const struct stat *status, int kind, struct FTW *walk) {
  (void)status;
  (void)kind;
  (void)walk;
  return remove(path);
}

void remove_temporary(const char *path) {
  assert_int_equal(nftw(path, remove_one, 16, FTW_DEPTH | FTW_PHYS), 0);
}

void put_file(const char *folder, const char *name, const void *bytes, size_t size) {
  char path[1024];
  snprintf(path, sizeof path, "%s/%s", folder, name);
  for (char *slash = strchr(path + strlen(folder) + 1, '/'); slash; slash = strchr(slash + 1, '/')) {
    *slash = '\0';
    mkdir(path, 0755);
    *slash = '/';
  }
  FILE *file = fopen(path, "wb");
  assert_non_null(file);
  assert_int_equal(fwrite(bytes, 1, size, file), size);
  assert_int_equal(fclose(file), 0);
}

void make_ppm(uint8_t bytes[PPM_BYTES], uint8_t grey) {
  memcpy(bytes, "P6 8 6 255\n", 11);
  memset(bytes + 11, grey, PPM_BYTES - 11);
}

void put_picture(const char *folder, const char *name, uint8_t grey) {
  uint8_t bytes[PPM_BYTES];
  make_ppm(bytes, grey);
  put_file(folder, name, bytes, sizeof bytes);
}

ss_source *open_source(const char *data) {
  ss_source *source = NULL;
  ss_error error = {0};
  if (ss_source_open(data, &source, &error) != SS_OK) {
    fail_msg("%s", error.message);
  }
  return source;
}

void expect_failure(const char *data, const char *text, const char *other_text) {
  ss_source *source = NULL;
  ss_error error = {0};
  const ss_status status = ss_source_open(data, &source, &error);
  if (status == SS_OK || !strstr(error.message, text) || !strstr(error.message, other_text)) {
    fail_msg("%s: status %d, \"%s\"", data, status, error.message);
  }
  assert_null(source);
}

int first_value(const ss_source *source, uint32_t sample) {
  ss_decoder *decoder = NULL;
  ss_image image = {0};
  ss_error error = {0};
  assert_int_equal(ss_decoder_create(&decoder, NULL), SS_OK);
  if (ss_source_read(source, sample, decoder, NULL, &image, &error) != SS_OK) {
    fail_msg("%s", error.message);
  }
  assert_int_equal(image.channels, 3);
  const int value = image.pixels[0];
  ss_image_free(&image);
  ss_decoder_free(decoder);
  return value;
}
