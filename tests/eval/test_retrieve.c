/* Neighbours and recall against a naive computation; the sheet. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include "base/file.h"
#include "base/random.h"
#include "eval/retrieve.h"
#include "io/png.h"
#include "methods/sheet.h"

#include <ftw.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum { gallery_count = 90, query_count = 40, dim = 24, classes = 5 };

static float gallery_values[gallery_count * dim], query_values[query_count * dim];
static int32_t gallery_labels[gallery_count], query_labels[query_count];
static const ss_features gallery = {gallery_values, gallery_labels, gallery_count, dim};
static const ss_features queries = {query_values, query_labels, query_count, dim};

/* Classes that overlap, of lengths that differ, some without a label; row 50 is row 7 again at twice its length. */
static int make_features(void **state) {
  (void)state;
  ss_random random = ss_random_stream(3, SS_RANDOM_PROBE, 0, 0, 0);
  for (int i = 0; i < gallery_count + query_count; i++) {
    const bool in_gallery = i < gallery_count;
    float *row = in_gallery ? gallery_values + i * dim : query_values + (i - gallery_count) * dim;
    const int label = (int)ss_random_below(&random, classes);
    const float length = ss_random_between(&random, 0.1f, 20.0f);
    for (int d = 0; d < dim; d++) {
      row[d] = length * (ss_random_normal(&random) + (d % classes == label ? 0.6f : 0.0f));
    }
    *(in_gallery ? gallery_labels + i : query_labels + (i - gallery_count)) = i % 11 == 3 ? -1 : label;
  }
  for (int d = 0; d < dim; d++) {
    gallery_values[50 * dim + d] = 2.0f * gallery_values[7 * dim + d];
    query_values[d] = gallery_values[7 * dim + d];
  }
  return 0;
}

static double naive_cosine(int query, int row) {
  double product = 0.0, a = 0.0, b = 0.0;
  for (int d = 0; d < dim; d++) {
    product += (double)query_values[query * dim + d] * gallery_values[row * dim + d];
    a += pow(query_values[query * dim + d], 2.0);
    b += pow(gallery_values[row * dim + d], 2.0);
  }
  return product / sqrt(a * b);
}

/* How many rows are more similar to the query than this one. */
static int naive_rank(int query, int row) {
  int rank = 0;
  for (int i = 0; i < gallery_count; i++) {
    rank += naive_cosine(query, i) > naive_cosine(query, row) + 1e-6;
  }
  return rank;
}

static ss_neighbours find(int k) {
  ss_error error = {""};
  ss_neighbours found;
  if (ss_retrieve(&gallery, &queries, k, 1, &found, NULL, &error) != SS_OK) {
    fail_msg("%s", error.message);
  }
  return found;
}

static void test_neighbours_are_the_most_similar(void **state) {
  (void)state;
  ss_neighbours found = find(9);
  assert_int_equal(found.k, 9);
  assert_int_equal(found.queries, query_count);
  for (int q = 0; q < query_count; q++) {
    for (int i = 0; i < 9; i++) {
      const int row = found.indices[q * 9 + i];
      assert_in_range(naive_rank(q, row), i - 1 > 0 ? i - 1 : 0, i); /* the pair of equal rows has one rank */
      assert_true(fabs((double)found.cosines[q * 9 + i] - naive_cosine(q, row)) < 1e-6);
      for (int j = 0; j < i; j++) {
        assert_int_not_equal(row, found.indices[q * 9 + j]);
      }
    }
  }
  assert_true((found.indices[0] == 7 && found.indices[1] == 50) || (found.indices[0] == 50 && found.indices[1] == 7));
  ss_neighbours_free(&found);
  assert_null(found.indices);
}

static void test_recall_is_the_naive_one(void **state) {
  (void)state;
  ss_neighbours found = find(20);
  double before = 0.0;
  for (int at = 1; at <= 20; at++) {
    int labelled = 0, hits = 0;
    for (int q = 0; q < query_count; q++) {
      int best = gallery_count;
      for (int i = 0; i < gallery_count; i++) {
        const int rank = naive_rank(q, i);
        best = gallery_labels[i] == query_labels[q] && rank < best ? rank : best;
      }
      labelled += query_labels[q] >= 0;
      hits += query_labels[q] >= 0 && best < at;
    }
    const double recall = ss_recall(&found, gallery_labels, gallery_count, query_labels, at);
    assert_true(fabs(recall - 100.0 * hits / labelled) < 1e-9);
    assert_true(recall >= before);
    before = recall;
  }
  assert_true(before > 50.0);
  ss_neighbours_free(&found);
}

static void test_recall_needs_labels(void **state) {
  (void)state;
  int32_t none[gallery_count];
  for (int i = 0; i < gallery_count; i++) {
    none[i] = -1;
  }
  ss_neighbours found = find(5);
  assert_true(isnan(ss_recall(&found, none, gallery_count, query_labels, 5)));
  assert_true(isnan(ss_recall(&found, gallery_labels, gallery_count, none, 5)));
  ss_neighbours_free(&found);
}

static void test_more_neighbours_than_pictures(void **state) {
  (void)state;
  ss_neighbours found = find(1000);
  assert_int_equal(found.k, gallery_count);
  for (int q = 0; q < query_count; q++) { /* every picture once */
    int sum = 0;
    for (int i = 0; i < gallery_count; i++) {
      sum += found.indices[q * gallery_count + i];
    }
    assert_int_equal(sum, gallery_count * (gallery_count - 1) / 2);
  }
  assert_true(ss_recall(&found, gallery_labels, gallery_count, query_labels, 1000) == 100.0);
  ss_neighbours_free(&found);
}

static void test_features_that_do_not_fit(void **state) {
  (void)state;
  ss_error error = {""};
  ss_neighbours found;
  ss_features other = queries;
  other.dim = dim / 2;
  assert_int_equal(ss_retrieve(&gallery, &other, 5, 1, &found, NULL, &error), SS_FAILED);
  assert_non_null(strstr(error.message, "12 numbers"));
  assert_null(found.indices);
  other = gallery;
  other.count = 0;
  assert_int_equal(ss_retrieve(&other, &queries, 5, 1, &found, NULL, &error), SS_FAILED);
  assert_null(found.indices);
}

/* ---- the sheet ---- */

static int remove_one(const char *path, const struct stat *about, int kind, struct FTW *where) {
  (void)about;
  (void)kind;
  (void)where;
  return remove(path);
}

static bool is_colour(const ss_image *image, int x, int y, const uint8_t *colour) {
  return memcmp(image->pixels + 3 * ((size_t)y * (size_t)image->width + (size_t)x), colour, 3) == 0;
}

/* A row a class; pictures of 16 pixels are enlarged six times to tiles of 96, with gaps of 9 and frames of 3 in them.
 */
static void check_sheet(const ss_image *sheet, const ss_source *source, const ss_subset *test,
                        const ss_neighbours *found, const ss_subset *train) {
  enum { rows = 4, columns = 3, step = 96 + 9 };
  const int world_classes = ss_source_class_count(source), right = (9 + step) + 24;
  ss_decoder *decoder = NULL;
  ss_image picture = {0};
  assert_int_equal(sheet->width, right + 9 + columns * step);
  assert_int_equal(sheet->height, 9 + rows * step);
  assert_int_equal(ss_decoder_create(&decoder, NULL), SS_OK);
  for (int row = 0; row < rows; row++) {
    const int query = row * world_classes / rows; /* there is one of each class */
    const int label = ss_source_label(source, test->samples[query]);
    assert_int_equal(label, query);
    assert_int_equal(ss_source_read(source, test->samples[query], decoder, NULL, &picture, NULL), SS_OK);
    for (int i = 0; i < 16; i++) { /* its diagonal */
      assert_true(is_colour(sheet, 9 + 6 * i, 9 + row * step + 6 * i + 5, picture.pixels + 3 * (16 * i + i)));
    }
    for (int column = 0; column < columns; column++) {
      const int left = right + 9 + column * step, top = 9 + row * step;
      const uint32_t sample = train->samples[found->indices[query * found->k + column]];
      const bool same = ss_source_label(source, sample) == label;
      assert_true(is_colour(sheet, left + 48, top - 2, same ? ss_colour_right : ss_colour_wrong));
      assert_int_equal(ss_source_read(source, sample, decoder, NULL, &picture, NULL), SS_OK);
      assert_true(is_colour(sheet, left + 95, top, picture.pixels + 3 * 15));
    }
  }
  ss_image_free(&picture);
  ss_decoder_free(decoder);
}

static void test_sheet_shows_queries_and_neighbours(void **state) {
  (void)state;
  char folder[256], path[300];
  const char *base = getenv("TMPDIR");
  snprintf(folder, sizeof folder, "%.200s/selfsup-retrieve-XXXXXX", base && *base ? base : P_tmpdir);
  assert_non_null(mkdtemp(folder));
  ss_error error = {""};
  setenv("XDG_CACHE_HOME", folder, 1);
  ss_source *source = NULL;
  ss_subset train, test;
  bool split = false;
  assert_int_equal(ss_source_open("world:images?n=36&size=16&seed=4", &source, &error), SS_OK);
  assert_int_equal(ss_subset_for_probe(source, &train, &test, &split, &error), SS_OK);
  assert_int_equal(test.count, 12);
  int32_t indices[12 * 5];
  float cosines[12 * 5] = {0};
  for (int i = 0; i < 12 * 5; i++) {
    indices[i] = (i * 7 + i / 5) % 36;
  }
  const ss_neighbours found = {indices, cosines, 12, 5};
  ss_image sheet = {0}, back = {0};
  assert_int_equal(
      ss_neighbours_sheet(&found, (ss_gallery){source, &train}, (ss_gallery){source, &test}, 4, 3, &sheet, &error),
      SS_OK);
  check_sheet(&sheet, source, &test, &found, &train);

  /* As a file it is the same picture. */
  snprintf(path, sizeof path, "%s/sheet.png", folder);
  char *bytes = NULL;
  size_t size = 0;
  assert_int_equal(ss_png_write(path, &sheet, &error), SS_OK);
  assert_int_equal(ss_file_read(path, 10000000, &bytes, &size, &error), SS_OK);
  assert_int_equal(ss_decode_image((const uint8_t *)bytes, size, NULL, &back, &error), SS_OK);
  assert_int_equal(back.width, sheet.width);
  assert_int_equal(back.height, sheet.height);
  assert_memory_equal(back.pixels, sheet.pixels, 3 * (size_t)sheet.width * (size_t)sheet.height);

  free(bytes);
  ss_image_free(&sheet);
  ss_image_free(&back);
  ss_subset_free(&train);
  ss_subset_free(&test);
  ss_source_close(source);
  nftw(folder, remove_one, 16, FTW_DEPTH | FTW_PHYS);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(test_neighbours_are_the_most_similar),
      cmocka_unit_test(test_recall_is_the_naive_one),
      cmocka_unit_test(test_recall_needs_labels),
      cmocka_unit_test(test_more_neighbours_than_pictures),
      cmocka_unit_test(test_features_that_do_not_fit),
      cmocka_unit_test(test_sheet_shows_queries_and_neighbours),
  };
  return cmocka_run_group_tests(tests, make_features, NULL);
}
