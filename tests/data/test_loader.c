/* The loader: the same batches for any number of threads and from any step on; bad pictures; the cache. */
#include "data/loader.h"

#include "support.h"

#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define PICTURES 53
#define BATCH 8
#define SLOT_BYTES 64

static char folder[256];
static ss_source *source;
static ss_subset all;

static void reopen(void) {
  ss_subset_free(&all);
  ss_source_close(source);
  source = open_source(folder);
  assert_int_equal(ss_subset_everything(source, &all, NULL), SS_OK);
}

static int set_up(void **state) {
  (void)state;
  make_temporary(folder);
  for (int i = 0; i < PICTURES; i++) {
    char name[64];
    snprintf(name, sizeof name, "class%d/%02d.ppm", i % 3, i / 3);
    put_picture(folder, name, (uint8_t)(i + 1));
  }
  reopen();
  return 0;
}

static int tear_down(void **state) {
  (void)state;
  ss_subset_free(&all);
  ss_source_close(source);
  source = NULL;
  remove_temporary(folder);
  return 0;
}

typedef struct watch {
  int workers;
  _Atomic int bad;
  _Atomic uint32_t last_bad;
  ss_status answer; /* what `make` returns at position 20 */
} watch;

/* All that `make` is told, written to the slot. */
static ss_status make(void *context, int worker, uint32_t epoch, uint32_t position, uint32_t sample,
                      const ss_image *image, void *slot, ss_error *error) {
  watch *seen = context;
  assert_true(worker >= 0 && worker < (seen->workers ? seen->workers : 1));
  assert_int_equal((uintptr_t)slot % 64, 0);
  assert_int_equal(image->width, 8);
  assert_int_equal(image->height, 6);
  const uint32_t told[4] = {epoch, position, sample, image->pixels[0]};
  memset(slot, 0, SLOT_BYTES);
  memcpy(slot, told, sizeof told);
  return position == 20 && seen->answer ? ss_fail(error, seen->answer, "position 20") : SS_OK;
}

static void bad(void *context, uint32_t sample, const char *message) {
  watch *seen = context;
  seen->bad++;
  seen->last_bad = sample;
  assert_non_null(strstr(message, "not a picture"));
}

static ss_loader_options options_for(watch *seen, int threads) {
  ss_loader_options options = SS_LOADER_DEFAULTS;
  seen->workers = threads;
  options.source = source;
  options.samples = all.samples;
  options.count = all.count;
  options.batch = BATCH;
  options.slot_bytes = SLOT_BYTES;
  options.make = make;
  options.bad = bad;
  options.context = seen;
  options.threads = threads;
  options.shuffle = true;
  options.seed = 17;
  options.end_epoch = 3;
  return options;
}

#define MOST_STEPS 64
typedef struct recording {
  int steps;
  uint32_t count[MOST_STEPS], epoch[MOST_STEPS], step[MOST_STEPS];
  uint32_t samples[MOST_STEPS][BATCH];
  uint8_t slots[MOST_STEPS][BATCH * SLOT_BYTES];
} recording;

static void record(const ss_loader_options *options, recording *out) {
  memset(out, 0, sizeof *out);
  ss_loader *loader = NULL;
  ss_batch batch;
  ss_error error = {0};
  if (ss_loader_create(options, &loader, &error) != SS_OK) {
    fail_msg("%s", error.message);
  }
  for (;;) {
    if (ss_loader_next(loader, &batch, &error) != SS_OK) {
      fail_msg("%s", error.message);
    }
    if (batch.count == 0) {
      break;
    }
    const int i = out->steps++;
    assert_true(i < MOST_STEPS);
    out->count[i] = batch.count;
    out->epoch[i] = batch.epoch;
    out->step[i] = batch.step;
    memcpy(out->samples[i], batch.samples, batch.count * sizeof *batch.samples);
    memcpy(out->slots[i], batch.slots, batch.count * SLOT_BYTES);
  }
  assert_int_equal(ss_loader_next(loader, &batch, &error), SS_OK);
  assert_int_equal(batch.count, 0);
  assert_true(ss_loader_wait_seconds(loader) >= 0);
  ss_loader_free(loader);
}

static recording first, second;

static void any_number_of_threads_gives_the_same(void **state) {
  (void)state;
  watch seen = {0};
  ss_loader_options options = options_for(&seen, 0);
  record(&options, &first);
  assert_int_equal(first.steps, 3 * 7);
  bool drawn[PICTURES] = {false};
  for (int i = 0; i < first.steps; i++) {
    assert_int_equal(first.epoch[i], i / 7);
    assert_int_equal(first.step[i], i % 7);
    assert_int_equal(first.count[i], i % 7 == 6 ? PICTURES % BATCH : BATCH);
    for (uint32_t k = 0; k < first.count[i]; k++) {
      uint32_t told[4];
      memcpy(told, first.slots[i] + k * SLOT_BYTES, sizeof told);
      assert_int_equal(told[0], first.epoch[i]);
      assert_int_equal(told[1], first.step[i] * BATCH + k);
      assert_int_equal(told[2], first.samples[i][k]);
      int class_number = 0, file_number = 0;
      assert_int_equal(sscanf(ss_source_name(source, told[2]), "class%d/%d", &class_number, &file_number), 2);
      assert_int_equal(told[3], file_number * 3 + class_number + 1);
      if (i < 7) {
        assert_false(drawn[told[2]]);
        drawn[told[2]] = true;
      }
    }
  }
  assert_memory_not_equal(first.samples[0], first.samples[7], sizeof first.samples[0]); /* another order each epoch */
  const int threads[] = {1, 3, 7};
  for (int i = 0; i < 3; i++) {
    options = options_for(&seen, threads[i]);
    options.prefetch = 1 + i;
    options.cache_bytes = i == 1 ? 0 : 1 << 20;
    record(&options, &second);
    assert_memory_equal(&first, &second, sizeof first);
  }
}

static void resumes_anywhere(void **state) {
  (void)state;
  watch seen = {0};
  ss_loader_options options = options_for(&seen, 2);
  options.drop_last = true;
  record(&options, &first);
  assert_int_equal(first.steps, 3 * 6);
  for (int start = 0; start < first.steps; start++) {
    options.start_epoch = (uint32_t)start / 6;
    options.start_step = (uint32_t)start % 6;
    record(&options, &second);
    assert_int_equal(second.steps, first.steps - start);
    assert_memory_equal(second.slots, first.slots[start], sizeof first.slots[0] * (size_t)second.steps);
  }
  options.start_epoch = 0;
  options.start_step = 6; /* behind the last one is the next epoch's first */
  record(&options, &second);
  assert_memory_equal(second.slots, first.slots[6], sizeof first.slots[0] * 12);
}

static void unshuffled_is_in_order(void **state) {
  (void)state;
  watch seen = {0};
  ss_loader_options options = options_for(&seen, 3);
  options.shuffle = false;
  options.end_epoch = 1;
  record(&options, &first);
  for (int i = 0; i < first.steps; i++) {
    for (uint32_t k = 0; k < first.count[i]; k++) {
      assert_int_equal(first.samples[i][k], all.samples[(uint32_t)i * BATCH + k]);
    }
  }
}

static void bad_pictures_are_replaced_and_named_once(void **state) {
  (void)state;
  put_file(folder, "class1/05.ppm", "no", 2);
  reopen();
  uint32_t broken = 0;
  while (strcmp(ss_source_name(source, broken), "class1/05.ppm") != 0) {
    broken++;
  }
  watch seen = {0};
  ss_loader_options options = options_for(&seen, 0);
  options.max_bad = 0.02;
  record(&options, &first);
  assert_int_equal(seen.bad, 1);
  assert_int_equal(seen.last_bad, broken);
  int drawn = 0, replaced = 0;
  for (int i = 0; i < first.steps; i++) {
    for (uint32_t k = 0; k < first.count[i]; k++) {
      assert_int_not_equal(first.samples[i][k], broken);
      replaced += first.samples[i][k] == broken + 1;
      drawn++;
    }
  }
  assert_int_equal(drawn, 3 * PICTURES);
  assert_int_equal(replaced, 2 * 3); /* itself and in place of the broken one, each epoch */
  options = options_for(&seen, 3);
  options.max_bad = 0.02;
  record(&options, &second);
  assert_memory_equal(&first, &second, sizeof first);
}

static void too_many_bad_pictures_end_the_run(void **state) {
  (void)state;
  put_file(folder, "class1/05.ppm", "no", 2);
  put_file(folder, "class2/03.ppm", "no", 2);
  reopen();
  for (int threads = 0; threads < 3; threads++) {
    watch seen = {0};
    ss_loader_options options = options_for(&seen, threads);
    options.max_bad = 0.02; /* of 53: one */
    ss_loader *loader = NULL;
    ss_batch batch;
    ss_error error = {0};
    assert_int_equal(ss_loader_create(&options, &loader, &error), SS_OK);
    ss_status status = SS_OK;
    while ((status = ss_loader_next(loader, &batch, &error)) == SS_OK && batch.count > 0) {
    }
    assert_int_equal(status, SS_FAILED);
    assert_non_null(strstr(error.message, "2 of 53 pictures cannot be read, more than 2 %"));
    assert_non_null(strstr(error.message, "class1/05.ppm"));
    assert_non_null(strstr(error.message, "class2/03.ppm"));
    assert_int_equal(ss_loader_next(loader, &batch, &error), SS_FAILED);
    assert_int_equal(ss_loader_bad_count(loader), 2);
    ss_loader_free(loader);
  }
}

static void a_failing_view_ends_the_run(void **state) {
  (void)state;
  for (int threads = 0; threads < 3; threads++) {
    watch seen = {.answer = SS_USAGE};
    ss_loader_options options = options_for(&seen, threads);
    ss_loader *loader = NULL;
    ss_batch batch;
    ss_error error = {0};
    assert_int_equal(ss_loader_create(&options, &loader, &error), SS_OK);
    ss_status status = SS_OK;
    while ((status = ss_loader_next(loader, &batch, &error)) == SS_OK && batch.count > 0) {
    }
    assert_int_equal(status, SS_USAGE);
    assert_string_equal(error.message, "position 20");
    ss_loader_free(loader);
  }
}

static void caches_only_what_fits(void **state) {
  (void)state;
  const size_t whole = (size_t)PICTURES * 8 * 6 * 3;
  const struct {
    size_t bytes;
    size_t least, most;
  } cases[] = {{0, 0, 0}, {whole, whole, whole}, {whole / 2, 1, whole / 2}};
  for (int i = 0; i < 3; i++) {
    watch seen = {0};
    ss_loader_options options = options_for(&seen, 2);
    options.cache_bytes = cases[i].bytes;
    ss_loader *loader = NULL;
    ss_batch batch;
    assert_int_equal(ss_loader_create(&options, &loader, NULL), SS_OK);
    while (ss_loader_next(loader, &batch, NULL) == SS_OK && batch.count > 0) {
    }
    assert_true(ss_loader_cached_bytes(loader) >= cases[i].least);
    assert_true(ss_loader_cached_bytes(loader) <= cases[i].most);
    ss_loader_free(loader);
  }
}

static void stops_when_freed_early(void **state) {
  (void)state;
  for (int i = 0; i < 20; i++) {
    watch seen = {0};
    ss_loader_options options = options_for(&seen, 3);
    options.end_epoch = 0; /* without end */
    ss_loader *loader = NULL;
    ss_batch batch;
    assert_int_equal(ss_loader_create(&options, &loader, NULL), SS_OK);
    for (int k = 0; k < i; k++) {
      assert_int_equal(ss_loader_next(loader, &batch, NULL), SS_OK);
      assert_true(batch.count > 0);
    }
    ss_loader_free(loader);
  }
}

static void refuses_impossible_options(void **state) {
  (void)state;
  watch seen = {0};
  ss_loader *loader = NULL;
  ss_error error = {0};
  ss_loader_options options = options_for(&seen, 0);
  options.batch = PICTURES + 1;
  options.drop_last = true;
  assert_int_equal(ss_loader_create(&options, &loader, &error), SS_USAGE);
  assert_non_null(strstr(error.message, "use --batch 53 or less"));
  assert_null(loader);
  options = options_for(&seen, 0);
  options.start_step = 8;
  assert_int_equal(ss_loader_create(&options, &loader, &error), SS_USAGE);
  options = options_for(&seen, 0);
  options.slot_bytes = SIZE_MAX / 4;
  assert_int_equal(ss_loader_create(&options, &loader, &error), SS_NO_MEMORY);
  options = options_for(&seen, 0);
  options.count = 0;
  assert_int_equal(ss_loader_create(&options, &loader, &error), SS_USAGE);
}

#define IN_FOLDER(test) cmocka_unit_test_setup_teardown(test, set_up, tear_down)

int main(void) {
  const struct CMUnitTest tests[] = {
      IN_FOLDER(any_number_of_threads_gives_the_same),
      IN_FOLDER(resumes_anywhere),
      IN_FOLDER(unshuffled_is_in_order),
      IN_FOLDER(bad_pictures_are_replaced_and_named_once),
      IN_FOLDER(too_many_bad_pictures_end_the_run),
      IN_FOLDER(a_failing_view_ends_the_run),
      IN_FOLDER(caches_only_what_fits),
      IN_FOLDER(stops_when_freed_early),
      IN_FOLDER(refuses_impossible_options),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
