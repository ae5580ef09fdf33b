/* TensorBoard's projector: the files it reads (tests/cli/check_projector.py has TensorBoard itself read them). */
#include "base/file.h"
#include "io/projector.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static char *read_file(const char *folder, const char *name, size_t *size) {
  char path[512], *data = NULL;
  ss_error error = {""};
  snprintf(path, sizeof path, "%s/%s", folder, name);
  if (ss_file_read(path, 1 << 20, &data, size, &error) != SS_OK) {
    fail_msg("%s", error.message);
  }
  return data;
}

static void remove_files(const char *folder) {
  static const char *const names[] = {"features.bytes", "features.tsv", "features.png", "projector_config.pbtxt"};
  char path[512];
  for (size_t i = 0; i < sizeof names / sizeof *names; i++) {
    snprintf(path, sizeof path, "%s/%s", folder, names[i]);
    unlink(path);
  }
  assert_int_equal(rmdir(folder), 0); /* nothing else was left there */
}

static void writes_what_tensorboard_reads(void **unused) {
  (void)unused;
  char root[] = "/tmp/selfsup-test-XXXXXX", folder[256];
  assert_non_null(mkdtemp(root));
  snprintf(folder, sizeof folder, "%s/new", root);
  static const float values[2][3] = {{1, 2, 3}, {-1, 0.5f, 1e-20f}};
  uint8_t pixels[4 * 2 * 3] = {0};
  const ss_image sprite = {.width = 4, .height = 2, .channels = 3, .pixels = pixels};
  ss_projector *projector = NULL;
  ss_error error = {""};
  assert_int_equal(ss_projector_open(&projector, folder, 3, &error), SS_OK);
  assert_int_equal(ss_projector_add(projector, values[0], "cat", "cat/1.jpg", &error), SS_OK);
  assert_int_equal(ss_projector_add(projector, values[1], NULL, "a\tb\nc.jpg", &error), SS_OK);
  assert_int_equal(ss_projector_commit(&projector, &sprite, 2, &error), SS_OK);
  assert_null(projector);

  size_t size = 0;
  char *bytes = read_file(folder, "features.bytes", &size);
  assert_int_equal(size, sizeof values);
  assert_memory_equal(bytes, values, sizeof values);
  free(bytes);
  char *table = read_file(folder, "features.tsv", &size);
  assert_string_equal(table, "label\tname\ncat\tcat/1.jpg\n\ta b c.jpg\n");
  free(table);
  char *config = read_file(folder, "projector_config.pbtxt", &size);
  assert_non_null(strstr(config, "tensor_shape: 2\n  tensor_shape: 3\n"));
  assert_non_null(strstr(config, "image_path: \"features.png\"\n    single_image_dim: 2\n"));
  free(config);
  remove_files(folder);
  rmdir(root);
}

static void leaves_nothing_when_abandoned(void **unused) {
  (void)unused;
  char root[] = "/tmp/selfsup-test-XXXXXX";
  assert_non_null(mkdtemp(root));
  ss_projector *projector = NULL;
  ss_error error = {""};
  assert_int_equal(ss_projector_open(&projector, root, 3, &error), SS_OK);
  ss_projector_abandon(&projector);
  ss_projector_abandon(&projector);
  assert_int_equal(rmdir(root), 0);
  assert_int_equal(ss_projector_open(&projector, "/dev/null/here", 3, &error), SS_FAILED);
  assert_non_null(strstr(error.message, "/dev/null"));
}

int main(void) {
  const struct CMUnitTest tests[] = {cmocka_unit_test(writes_what_tensorboard_reads),
                                     cmocka_unit_test(leaves_nothing_when_abandoned)};
  return cmocka_run_group_tests(tests, NULL, NULL);
}
