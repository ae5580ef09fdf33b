/* Features as files: killed anywhere and gone on with, they are the same bytes. */
#include "support.h"

#include "base/file.h"
#include "eval/embedding.h"
#include "io/npy.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

enum { PICTURES = 30, BATCH = 4, KILLED = 9 };

typedef struct pictures {
  char folder[256];
  ss_source *source;
  ss_subset all;
  ss_model *model;
  ss_ways *ways; /* kernels chosen by the first run; who goes on has only what is recorded */
} pictures;

static void open_pictures(pictures *own) {
  support_make_folder(own->folder);
  support_pictures(own->folder, "pictures/cat", PICTURES / 2, 20, 18);
  support_pictures(own->folder, "pictures/d\nog", PICTURES / 2, 18, 20);
  char data[300];
  snprintf(data, sizeof data, "%s/pictures", own->folder);
  own->source = support_open(data);
  ss_error error = {""};
  support_ok(ss_subset_everything(own->source, &own->all, &error), &error);
  own->model = support_model("random:resnet18?width=4&size=16");
  own->ways = ss_ways_new();
  assert_non_null(own->ways);
}

static void close_pictures(pictures *own) {
  ss_model_free(own->model);
  ss_ways_free(own->ways);
  ss_subset_free(&own->all);
  ss_source_close(own->source);
  support_remove_folder(own->folder);
}

static const char *at(const pictures *own, const char *name) { /* folder/name; the last eight stay */
  static char paths[8][400];
  static int next;
  char *path = paths[next++ % 8];
  snprintf(path, 400, "%s/%s", own->folder, name);
  return path;
}

static char *read_file(const char *path, size_t *size) {
  char *bytes = NULL;
  ss_error error = {""};
  support_ok(ss_file_read(path, 1 << 20, &bytes, size, &error), &error);
  return bytes;
}

static void expect_same(const char *a, const char *b) {
  size_t a_size = 0, b_size = 0;
  char *x = read_file(a, &a_size), *y = read_file(b, &b_size);
  assert_int_equal(a_size, b_size);
  assert_memory_equal(x, y, a_size);
  free(x);
  free(y);
}

static ss_embedding_options options_for(bool resume, ss_ways *ways) {
  return (ss_embedding_options){.features = {.batch = BATCH, .threads = 1, .layer = SS_LAST_LAYER, .ways = ways},
                                .resume = resume,
                                .piece_bytes = 1};
}

static void run(const pictures *own, const char *name, const ss_embedding_options *options, int64_t kept) {
  ss_embedding_result result;
  ss_error error = {""};
  support_ok(ss_embed(own->model, own->source, &own->all, at(own, name), options, &result, &error), &error);
  assert_true(result.count == PICTURES && result.dim == 32 && result.kept == kept);
}

static void embed_whole(const pictures *own, const char *name) {
  const ss_embedding_options options = options_for(false, own->ways);
  run(own, name, &options, 0);
}

/* Goes on with `kept` rows. */
static void go_on(const pictures *own, const char *name, int64_t kept) {
  ss_ways *ways = ss_ways_new();
  assert_non_null(ways);
  const ss_embedding_options options = options_for(true, ways);
  run(own, name, &options, kept);
  ss_ways_free(ways);
}

static void die(void *context, int64_t rows, int64_t count) {
  assert_int_equal(count, PICTURES);
  if (rows >= *(const int64_t *)context) {
    _exit(KILLED);
  }
}

/* Embeds in a process of its own that dies as soon as `rows` rows are safe. */
static void embed_and_die(const pictures *own, const char *name, bool resume, int64_t rows) {
  const pid_t child = fork();
  assert_true(child >= 0);
  if (child == 0) {
    ss_embedding_options options = options_for(resume, own->ways);
    ss_embedding_result result;
    ss_error error = {""};
    options.tell = die;
    options.context = &rows;
    ss_embed(own->model, own->source, &own->all, at(own, name), &options, &result, &error);
    _exit(0);
  }
  int status = 0;
  assert_int_equal(waitpid(child, &status, 0), child);
  assert_true(WIFEXITED(status) && WEXITSTATUS(status) == KILLED);
}

static void killed_anywhere_it_ends_with_the_same_bytes(void **unused) {
  (void)unused;
  pictures own = {0};
  open_pictures(&own);
  embed_whole(&own, "whole.npy");
  embed_and_die(&own, "a.npy", false, 1); /* after a batch */
  assert_false(ss_file_exists(at(&own, "a.npy")));
  embed_and_die(&own, "a.npy", true, 12); /* and again */
  embed_and_die(&own, "b.npy", true, 28); /* all but the incomplete last batch; nothing to go on with at first */
  embed_and_die(&own, "c.npy", false, 20);
  embed_and_die(&own, "c.npy", false, 8); /* begun anew over what was left */
  go_on(&own, "a.npy", 12);
  go_on(&own, "b.npy", 28);
  go_on(&own, "c.npy", 8);
  static const char *const names[] = {"a", "b", "c"};
  for (int i = 0; i < 3; i++) {
    char npy[16], txt[16], left[16];
    snprintf(npy, sizeof npy, "%s.npy", names[i]);
    snprintf(txt, sizeof txt, "%s.txt", names[i]);
    snprintf(left, sizeof left, "%s.npy.resume", names[i]);
    expect_same(at(&own, npy), at(&own, "whole.npy"));
    expect_same(at(&own, txt), at(&own, "whole.txt"));
    assert_false(ss_file_exists(at(&own, left)));
    snprintf(left, sizeof left, "%s.npy.tmp", names[i]);
    assert_false(ss_file_exists(at(&own, left)));
  }
  const ss_embedding_options resume = options_for(true, own.ways);
  run(&own, "a.npy", &resume, 0); /* nothing is left to go on with: made again */
  expect_same(at(&own, "a.npy"), at(&own, "whole.npy"));
  close_pictures(&own);
}

/* What is killed leaves the last piece half written, or lost: only what is recorded as safe counts. */
static void what_is_not_safe_does_not_count(void **unused) {
  (void)unused;
  pictures own = {0};
  open_pictures(&own);
  const ss_embedding_options resume = options_for(true, own.ways);
  embed_whole(&own, "whole.npy");
  embed_and_die(&own, "a.npy", false, 8);
  FILE *file = fopen(at(&own, "a.npy.tmp"), "ab"), *names = fopen(at(&own, "a.txt.tmp"), "ab");
  assert_true(file && names);
  assert_true(fputs("garbage", file) >= 0 && fputs("a half na", names) >= 0);
  assert_true(fclose(file) == 0 && fclose(names) == 0);
  go_on(&own, "a.npy", 8);
  expect_same(at(&own, "a.npy"), at(&own, "whole.npy"));
  expect_same(at(&own, "a.txt"), at(&own, "whole.txt"));
  embed_and_die(&own, "a.npy", false, 8);
  assert_int_equal(truncate(at(&own, "a.npy.tmp"), 200), 0);
  ss_embedding_result result;
  ss_error error = {""};
  assert_int_equal(ss_embed(own.model, own.source, &own.all, at(&own, "a.npy"), &resume, &result, &error), SS_FAILED);
  assert_non_null(strstr(error.message, "start anew"));
  expect_same(at(&own, "a.npy"), at(&own, "whole.npy")); /* the finished one is still there */
  close_pictures(&own);
}

static void expect_refused(const pictures *own, const ss_model *model, const ss_subset *subset,
                           const ss_embedding_options *options, const char *words) {
  ss_embedding_result result;
  ss_error error = {""};
  assert_int_equal(ss_embed(model, own->source, subset, at(own, "a.npy"), options, &result, &error), SS_USAGE);
  if (!strstr(error.message, words)) {
    fail_msg("no \"%s\" in: %s", words, error.message);
  }
}

static void goes_on_with_the_same_only(void **unused) {
  (void)unused;
  pictures own = {0};
  open_pictures(&own);
  embed_and_die(&own, "a.npy", false, 8);
  ss_embedding_options resume = options_for(true, own.ways);
  ss_model *other = NULL;
  ss_error error = {""};
  support_ok(ss_model_open("random:resnet18?width=4&size=16", 0, 1, &other, &error), &error);
  expect_refused(&own, other, &own.all, &resume, "the network of another RUN");
  ss_subset fewer = {.samples = own.all.samples + 1, .count = own.all.count - 1};
  expect_refused(&own, own.model, &fewer, &resume, "other pictures");
  resume.features.batch = 8;
  expect_refused(&own, own.model, &own.all, &resume, "another --batch (4, now 8)");
  resume = options_for(true, own.ways);
  resume.features.size = 24;
  expect_refused(&own, own.model, &own.all, &resume, "--size");
  resume = options_for(true, own.ways);
  resume.features.threads = 2;
  expect_refused(&own, own.model, &own.all, &resume, "--threads");
  resume = options_for(true, own.ways);
  run(&own, "a.npy", &resume, 8); /* after all that it still goes on */
  ss_model_free(other);
  close_pictures(&own);
}

/* Rows are the features of ss_features_extract, names the source's, a line each. */
static void rows_are_the_features(void **unused) {
  (void)unused;
  pictures own = {0};
  open_pictures(&own);
  const ss_embedding_options whole = options_for(false, own.ways);
  embed_whole(&own, "a.npy");
  float *rows = NULL;
  int64_t count = 0, dim = 0;
  ss_features features = {0};
  ss_error error = {""};
  support_ok(ss_npy_read(at(&own, "a.npy"), &rows, &count, &dim, &error), &error);
  support_ok(ss_features_extract(own.model, own.source, &own.all, &whole.features, &features, &error), &error);
  assert_true(count == features.count && dim == features.dim);
  assert_memory_equal(rows, features.values, (size_t)(count * dim) * sizeof *rows);
  size_t size = 0;
  char *names = read_file(at(&own, "a.txt"), &size);
  assert_memory_equal(names, "cat/00.ppm\ncat/01.ppm\n", 22);
  assert_non_null(strstr(names, "\nd\\nog/00.ppm\n"));
  free(names);
  free(rows);
  ss_features_free(&features);
  close_pictures(&own);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(killed_anywhere_it_ends_with_the_same_bytes), cmocka_unit_test(what_is_not_safe_does_not_count),
      cmocka_unit_test(goes_on_with_the_same_only), cmocka_unit_test(rows_are_the_features)};
  return cmocka_run_group_tests(tests, NULL, NULL);
}
