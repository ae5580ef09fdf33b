#include "support.h"

#include <stdio.h>

static int read_int(FILE *file) {
  int32_t value;
  assert_int_equal(fread(&value, sizeof value, 1, file), 1);
  return value;
}

golden_set goldens_read(void) {
  return goldens_read_file(SS_GOLDEN "/transforms.bin");
}

golden_set goldens_read_file(const char *path) {
  FILE *file = fopen(path, "rb");
  assert_non_null(file);
  golden_set goldens = {.image_count = read_int(file)};
  goldens.images = calloc((size_t)goldens.image_count, sizeof *goldens.images);
  assert_non_null(goldens.images);
  for (int i = 0; i < goldens.image_count; i++) {
    const int width = read_int(file), height = read_int(file), channels = read_int(file);
    assert_int_equal(ss_image_resize_buffer(&goldens.images[i], width, height, channels, NULL), SS_OK);
    const size_t bytes = (size_t)width * (size_t)height * (size_t)channels;
    assert_int_equal(fread(goldens.images[i].pixels, 1, bytes, file), bytes);
  }
  goldens.case_count = read_int(file);
  goldens.cases = calloc((size_t)goldens.case_count, sizeof *goldens.cases);
  assert_non_null(goldens.cases);
  for (int i = 0; i < goldens.case_count; i++) {
    golden_case *one = &goldens.cases[i];
    assert_int_equal(fread(one->name, 1, 16, file), 16);
    assert_int_equal(fread(one->parameter, sizeof(double), 16, file), 16);
    one->in = &goldens.images[read_int(file)];
    one->width = read_int(file);
    one->height = read_int(file);
    one->channels = read_int(file);
    one->value_size = read_int(file);
    const size_t bytes = (size_t)one->width * (size_t)one->height * (size_t)one->channels * (size_t)one->value_size;
    one->values = malloc(bytes);
    assert_non_null(one->values);
    assert_int_equal(fread(one->values, 1, bytes, file), bytes);
  }
  fclose(file);
  return goldens;
}

void goldens_free(golden_set *goldens) {
  for (int i = 0; i < goldens->image_count; i++) {
    ss_image_free(&goldens->images[i]);
  }
  for (int i = 0; i < goldens->case_count; i++) {
    free(goldens->cases[i].values);
  }
  free(goldens->images);
  free(goldens->cases);
}

void comparison_add(tally *comparison, const golden_case *golden, const ss_image *got) {
  assert_int_equal(got->width, golden->width);
  assert_int_equal(got->height, golden->height);
  assert_int_equal(got->channels, golden->channels);
  const uint8_t *expected = golden->values;
  const size_t n = (size_t)got->width * (size_t)got->height * (size_t)got->channels;
  for (size_t i = 0; i < n; i++) {
    const int difference = abs(got->pixels[i] - expected[i]);
    comparison->different += difference != 0;
    comparison->largest = difference > comparison->largest ? difference : comparison->largest;
  }
  comparison->values += n;
  comparison->cases++;
}

void comparison_check(const tally *comparison, const char *name, int largest, double share) {
  assert_true(comparison->cases > 0);
  const double differing = (double)comparison->different / (double)comparison->values;
  print_message("%-14s %4d cases, %7zu values: %.4f %% equal, largest difference %d\n", name, comparison->cases,
                comparison->values, 100.0 * (1.0 - differing), comparison->largest);
  assert_true(comparison->largest <= largest);
  assert_true(differing <= share);
}
