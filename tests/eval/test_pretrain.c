/* The public pretraining: from a caller's own pictures as from a folder, stopped and resumed, and its mistakes. */
#include "support.h"

#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { pictures = 40, side = 20, classes = 2 };

/* The caller's data, and what is seen of how it is asked for. */
typedef struct album {
  atomic_int reading, overlaps, labels_asked;
  int bad;     /* this picture cannot be read; -1: all can */
  int stop_at; /* the update after which to stop; 0: never */
  int steps;   /* updates that progress was told of */
  int notes, skipped;
  char last_skipped[200];
} album;

/* Stripes along or across, in noise. */
static void draw(size_t index, uint8_t *pixels) {
  unsigned seed = (unsigned)index * 2654435761u + 1u;
  for (int y = 0; y < side; y++) {
    for (int x = 0; x < side; x++) {
      seed = seed * 1664525u + 1013904223u;
      const int stripe = (index % classes ? x : y) / 4 % 2 * 120;
      for (int c = 0; c < 3; c++) {
        pixels[(y * side + x) * 3 + c] = (uint8_t)(stripe + 30 * c + (int)(seed >> 27));
      }
    }
  }
}

static ss_status read_picture(void *context, size_t index, ss_canvas *canvas, ss_error *error) {
  album *own = context;
  if (atomic_fetch_add(&own->reading, 1) > 0) {
    atomic_store(&own->overlaps, 1);
  }
  ss_status status = SS_OK;
  if ((int)index == own->bad) {
    snprintf(error->message, sizeof error->message, "the film is torn");
    status = SS_FAILED;
  } else {
    uint8_t *pixels = ss_canvas_resize(canvas, side, side);
    status = pixels ? SS_OK : SS_NO_MEMORY;
    if (pixels) {
      draw(index, pixels);
    }
  }
  atomic_fetch_sub(&own->reading, 1);
  return status;
}

static int label_of(void *context, size_t index) {
  album *own = context;
  atomic_fetch_add(&own->labels_asked, 1);
  return (int)index % classes;
}

static int look(void *context, const ss_progress *progress) {
  album *own = context;
  own->steps = (int)progress->step;
  return own->stop_at > 0 && progress->step >= own->stop_at;
}

static void hear(void *context, const char *line) {
  album *own = context;
  own->notes++;
  if (strncmp(line, "skipped: ", 9) == 0) {
    own->skipped++;
    snprintf(own->last_skipped, sizeof own->last_skipped, "%s", line);
  }
}

static const char *const small[] = {"width=4",     "size=16",     "batch=8", "precision=f32", "steps=8", "threads=2",
                                    "log_every=1", "knn-every=1", "seed=3",  "max-bad=0.05",  NULL};

static ss_picture_source source_of(album *own) {
  return (ss_picture_source){
      .count = pictures, .read = read_picture, .label = label_of, .context = own, .one_at_a_time = 1};
}

static ss_pretrain_options options_of(album *own, const ss_picture_source *source, const char *out) {
  return (ss_pretrain_options){.method = "rotation",
                               .pictures = source,
                               .settings = small,
                               .out = out,
                               .context = own,
                               .progress = look,
                               .note = hear};
}

static char *text_of(const char *folder, const char *name, size_t *size) {
  char path[600];
  snprintf(path, sizeof path, "%s/%s", folder, name);
  FILE *file = fopen(path, "rb");
  if (!file) {
    fail_msg("no %s", path);
    return NULL;
  }
  char *bytes = calloc(1, 1 << 22);
  assert_non_null(bytes);
  *size = fread(bytes, 1, (1 << 22) - 1, file);
  fclose(file);
  return bytes;
}

static void expect_same_file(const char *a, const char *b, const char *name) {
  size_t one = 0, other = 0;
  char *first = text_of(a, name, &one), *second = text_of(b, name, &other);
  assert_int_equal(one, other);
  assert_memory_equal(first, second, one);
  free(first);
  free(second);
}

/* Stopped by its progress and resumed, a run ends with the bits of one that was not stopped; an encoder opens it. */
static void test_own_pictures(void **state) {
  (void)state;
  char folder[256], whole[300], halves[300];
  support_make_folder(folder);
  snprintf(whole, sizeof whole, "%s/whole", folder);
  snprintf(halves, sizeof halves, "%s/halves", folder);
  album own = {.bad = -1};
  const ss_picture_source source = source_of(&own);
  ss_pretrain_options options = options_of(&own, &source, whole);
  ss_train_result result;
  ss_error error = {""};
  support_ok(ss_pretrain(&options, &result, &error), &error);
  assert_int_equal(result.steps, 8);
  assert_int_equal(own.steps, 8);
  assert_int_equal(own.labels_asked, pictures);
  assert_int_equal(own.overlaps, 0);
  assert_true(own.notes > 0 && own.skipped == 0); /* the score, k-NN */
  size_t size = 0;
  char *metrics = text_of(whole, "metrics.jsonl", &size);
  assert_non_null(strstr(metrics, "\"knn\"")); /* the labels were seen */
  free(metrics);

  options.out = halves;
  own.stop_at = 3;
  assert_int_equal(ss_pretrain(&options, &result, &error), SS_INTERRUPTED);
  assert_true(result.steps >= 3 && result.steps < 8);
  own.stop_at = 0;
  options.resume = 1;
  support_ok(ss_pretrain(&options, &result, &error), &error);
  assert_int_equal(result.steps, 8);
  assert_int_equal(result.finished_before, 0);
  expect_same_file(whole, halves, "checkpoint.safetensors");
  expect_same_file(whole, halves, "backbone.safetensors");
  support_ok(ss_pretrain(&options, NULL, &error), &error); /* nothing left to do */

  ss_encoder *encoder = NULL;
  support_ok(ss_encoder_open(whole, NULL, &encoder, &error), &error);
  assert_int_equal(ss_encoder_dim(encoder), 32);
  ss_encoder_free(encoder);
  support_remove_folder(folder);
}

/* Pictures in files, for the caller's functions. */
typedef struct files {
  char folder[300];
  int seen; /* in which way the next is put on the canvas */
} files;

static ss_status read_file(void *context, size_t index, ss_canvas *canvas, ss_error *error) {
  files *own = context;
  char name[32], path[400];
  snprintf(name, sizeof name, "cat/%02zu.ppm", index);
  snprintf(path, sizeof path, "%s/%s", own->folder, name);
  if (own->seen++ % 2 == 0) {
    return ss_canvas_read_file(canvas, path, error);
  }
  size_t size = 0;
  char *bytes = text_of(own->folder, name, &size);
  const ss_status status = ss_canvas_decode(canvas, bytes, size, error);
  free(bytes);
  return status;
}

static int one_class(void *context, size_t index) {
  (void)context;
  (void)index;
  return 0;
}

/* The same pictures from a folder and from the caller give the same weights: none is held out, all are seen. */
static void test_files_on_a_canvas(void **state) {
  (void)state;
  char folder[256], one[300], other[300];
  files own = {.seen = 0};
  support_make_folder(folder);
  snprintf(own.folder, sizeof own.folder, "%s/data", folder);
  snprintf(one, sizeof one, "%s/one", folder);
  snprintf(other, sizeof other, "%s/other", folder);
  support_pictures(folder, "data/cat", 12, 24, 20);
  static const char *const settings[] = {"width=4", "size=16",   "batch=8",  "precision=f32",
                                         "steps=4", "threads=1", "limit=11", NULL};
  ss_pretrain_options options = {.method = "rotation", .data = own.folder, .settings = settings, .out = one};
  ss_error error = {""};
  support_ok(ss_pretrain(&options, NULL, &error), &error);
  const ss_picture_source source = {
      .count = 12, .read = read_file, .label = one_class, .context = &own, .one_at_a_time = 1};
  options.data = NULL;
  options.pictures = &source;
  options.out = other;
  support_ok(ss_pretrain(&options, NULL, &error), &error);
  expect_same_file(one, other, "backbone.safetensors");
  support_remove_folder(folder);
}

static void test_bad_pictures(void **state) {
  (void)state;
  char folder[256], out[300];
  support_make_folder(folder);
  snprintf(out, sizeof out, "%s/run", folder);
  album own = {.bad = 7};
  const ss_picture_source source = source_of(&own);
  ss_pretrain_options options = options_of(&own, &source, out);
  ss_error error = {""};
  support_ok(ss_pretrain(&options, NULL, &error), &error); /* one of forty may be bad */
  assert_true(own.skipped >= 1);
  assert_string_equal(own.last_skipped, "skipped: the caller's pictures/7: the film is torn");
  support_remove_folder(folder);
}

static void test_mistakes_are_told(void **state) {
  (void)state;
  char folder[256], out[300];
  support_make_folder(folder);
  snprintf(out, sizeof out, "%s/run", folder);
  album own = {.bad = -1};
  ss_picture_source source = source_of(&own);
  ss_pretrain_options options = options_of(&own, &source, out);
  ss_error error = {""};
  options.method = "rotatoin";
  assert_int_equal(ss_pretrain(&options, NULL, &error), SS_USAGE);
  assert_non_null(strstr(error.message, "rotation"));
  options.method = "rotation";
  options.data = folder;
  assert_int_equal(ss_pretrain(&options, NULL, &error), SS_USAGE);
  options.data = NULL;
  options.settings = (const char *const[]){"epohcs=3", NULL};
  assert_int_equal(ss_pretrain(&options, NULL, &error), SS_USAGE);
  assert_non_null(strstr(error.message, "epochs"));
  options.settings = small;
  source.count = 0;
  assert_int_equal(ss_pretrain(&options, NULL, &error), SS_USAGE);
  source.count = 1;
  assert_int_equal(ss_pretrain(&options, NULL, &error), SS_FAILED);
  source.count = pictures;
  options.pictures = NULL;
  assert_int_equal(ss_pretrain(&options, NULL, &error), SS_USAGE);
  options.out = NULL;
  assert_int_equal(ss_pretrain(&options, NULL, &error), SS_USAGE);
  support_remove_folder(folder);
}

static void test_lists(void **state) {
  (void)state;
  ss_method_info method;
  ss_option_info option;
  size_t methods = 0, temperature = 0;
  while (ss_method_describe(methods, &method)) {
    assert_true(*method.name && *method.summary);
    size_t options = 0;
    while (ss_method_option(methods, options, &option)) {
      assert_true(*option.name && *option.help);
      temperature += strcmp(method.name, "simclr") == 0 && strcmp(option.name, "temperature") == 0;
      options++;
    }
    assert_int_equal(options, method.options);
    methods++;
  }
  assert_true(methods > 20);
  assert_int_equal(temperature, 1);
  assert_int_equal(ss_method_option(methods, 0, &option), 0);
  assert_int_equal(ss_training_option(0, &option), 1);
  assert_string_equal(option.name, "arch");
}

static void test_export(void **state) {
  (void)state;
  char folder[256], path[300];
  support_make_folder(folder);
  ss_error error = {""};
  snprintf(path, sizeof path, "%s/a.safetensors", folder);
  support_ok(ss_export("random:resnet18?width=4&size=16", path, &error), &error);
  ss_encoder *encoder = NULL;
  support_ok(ss_encoder_open(path, &(ss_encoder_options){.threads = 1}, &encoder, &error), &error);
  ss_encoder_free(encoder);
  snprintf(path, sizeof path, "%s/a.onnx", folder);
  support_ok(ss_export("random:resnet18?width=4&size=16", path, &error), &error);
  snprintf(path, sizeof path, "%s/a.pth", folder);
  assert_int_equal(ss_export("random:resnet18?width=4&size=16", path, &error), SS_USAGE);
  support_remove_folder(folder);
}

int main(void) {
  const struct CMUnitTest tests[] = {cmocka_unit_test(test_own_pictures), cmocka_unit_test(test_files_on_a_canvas),
                                     cmocka_unit_test(test_bad_pictures), cmocka_unit_test(test_mistakes_are_told),
                                     cmocka_unit_test(test_lists),        cmocka_unit_test(test_export)};
  return cmocka_run_group_tests(tests, support_own_cache, support_drop_cache);
}
