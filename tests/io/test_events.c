/* Event files: records and their checksums, and what TensorFlow's messages in them say. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "base/file.h"
#include "io/events.h"

#include <dirent.h>
#include <ftw.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <tensorboard.pb-c.h>
#include <unistd.h>

static char folder[256];

static int set_up(void **state) {
  (void)state;
  const char *base = getenv("TMPDIR");
  snprintf(folder, sizeof folder, "%.200s/selfsup-events-XXXXXX", base && *base ? base : P_tmpdir);
  return mkdtemp(folder) ? 0 : -1;
}

static int remove_one(const char *path, const struct stat *about, int kind, struct FTW *where) {
  (void)about;
  (void)kind;
  (void)where;
  return remove(path);
}

static int tear_down(void **state) {
  (void)state;
  return nftw(folder, remove_one, 16, FTW_DEPTH | FTW_PHYS);
}

/* The folder's only file, which is then removed; owned by the caller. */
static char *take_file(size_t *size) {
  char path[600] = "", *bytes = NULL;
  DIR *listing = opendir(folder);
  assert_non_null(listing);
  for (struct dirent *entry = readdir(listing); entry; entry = readdir(listing)) {
    if (strncmp(entry->d_name, "events.out.tfevents.", 20) == 0) {
      assert_int_equal(path[0], 0);
      snprintf(path, sizeof path, "%s/%s", folder, entry->d_name);
    }
  }
  closedir(listing);
  ss_error error = {""};
  assert_int_equal(ss_file_read(path, 1 << 24, &bytes, size, &error), SS_OK);
  assert_int_equal(remove(path), 0);
  return bytes;
}

static uint64_t number_at(const uint8_t *bytes, int count) {
  uint64_t number = 0;
  for (int i = 0; i < count; i++) {
    number |= (uint64_t)bytes[i] << (8 * i);
  }
  return number;
}

/* TFRecord's checksum, undone. */
static uint32_t unmask(uint32_t masked) {
  const uint32_t turned = masked - UINT32_C(0xA282EAD8);
  return turned >> 17 | turned << 15;
}

/* The next event of the file; NULL at its end. Freed by the caller. */
static Tensorboard__Event *next_event(const char *bytes, size_t size, size_t *at) {
  if (*at == size) {
    return NULL;
  }
  const uint8_t *record = (const uint8_t *)bytes + *at;
  assert_true(size - *at > 16);
  const uint64_t length = number_at(record, 8);
  assert_true(length <= size - *at - 16);
  assert_int_equal(ss_crc32c(record, 8), unmask((uint32_t)number_at(record + 8, 4)));
  assert_int_equal(ss_crc32c(record + 12, length), unmask((uint32_t)number_at(record + 12 + length, 4)));
  *at += length + 16;
  Tensorboard__Event *event = tensorboard__event__unpack(NULL, length, record + 12);
  assert_non_null(event);
  return event;
}

static Tensorboard__Event *expect_tag(const char *bytes, size_t size, size_t *at, int64_t step, const char *tag) {
  Tensorboard__Event *event = next_event(bytes, size, at);
  assert_non_null(event);
  assert_int_equal(event->step, step);
  assert_true(event->wall_time > 1.6e9);
  assert_int_equal(event->what_case, TENSORBOARD__EVENT__WHAT_SUMMARY);
  assert_int_equal(event->summary->n_value, 1);
  assert_string_equal(event->summary->value[0]->tag, tag);
  return event;
}

static void the_checksum_is_castagnolis(void **state) {
  (void)state;
  assert_int_equal(ss_crc32c("123456789", 9), 0xE3069283); /* RFC 3720's check value's polynomial */
  uint8_t zeros[32] = {0};
  assert_int_equal(ss_crc32c(zeros, 32), 0x8A9136AA); /* RFC 3720, B.4 */
  assert_int_equal(ss_crc32c("", 0), 0);
}

static void a_file_says_where_it_goes_on(void **state) {
  (void)state;
  ss_error error = {""};
  ss_events *events = NULL;
  assert_int_equal(ss_events_open(folder, 40, &events, &error), SS_OK);
  ss_events_close(events);
  size_t size = 0, at = 0;
  char *bytes = take_file(&size);
  Tensorboard__Event *version = next_event(bytes, size, &at), *start = next_event(bytes, size, &at);
  assert_true(version && start && at == size);
  assert_string_equal(version->file_version, "brain.Event:2");
  assert_int_equal(start->what_case, TENSORBOARD__EVENT__WHAT_SESSION_LOG);
  assert_int_equal(start->session_log->status, TENSORBOARD__SESSION_LOG__STATUS__START);
  assert_int_equal(start->step, 41);
  tensorboard__event__free_unpacked(version, NULL);
  tensorboard__event__free_unpacked(start, NULL);
  free(bytes);
}

static void what_is_logged_is_read_again(void **state) {
  (void)state;
  ss_error error = {""};
  ss_events *events = NULL;
  const float values[7] = {0.0f, 0.25f, 0.5f, NAN, 1.0f, 1.0f, INFINITY};
  assert_int_equal(ss_events_open(folder, 0, &events, &error), SS_OK);
  assert_int_equal(ss_events_scalar(events, 7, "loss", 2.5, &error), SS_OK);
  assert_int_equal(ss_events_scalar(events, 8, "loss", NAN, &error), SS_OK); /* left out */
  assert_int_equal(ss_events_png(events, 9, "samples", 30, 20, "not really", 10, &error), SS_OK);
  assert_int_equal(ss_events_histogram(events, 10, "weights/a", values, 7, &error), SS_OK);
  assert_int_equal(ss_events_histogram(events, 10, "weights/b", values + 3, 1, &error), SS_OK); /* nothing finite */
  ss_events_close(events);
  size_t size = 0, at = 0;
  char *bytes = take_file(&size);
  tensorboard__event__free_unpacked(next_event(bytes, size, &at), NULL);
  tensorboard__event__free_unpacked(next_event(bytes, size, &at), NULL);
  Tensorboard__Event *event = expect_tag(bytes, size, &at, 7, "loss");
  assert_true(fabsf(event->summary->value[0]->simple_value - 2.5f) < 1e-6f);
  tensorboard__event__free_unpacked(event, NULL);
  event = expect_tag(bytes, size, &at, 9, "samples");
  const Tensorboard__Image *image = event->summary->value[0]->image;
  assert_true(image->width == 30 && image->height == 20 && image->colorspace == 3);
  assert_int_equal(image->encoded_image_string.len, 10);
  assert_memory_equal(image->encoded_image_string.data, "not really", 10);
  tensorboard__event__free_unpacked(event, NULL);
  event = expect_tag(bytes, size, &at, 10, "weights/a");
  const Tensorboard__Histogram *histogram = event->summary->value[0]->histo;
  assert_true(fabs(histogram->min) < 1e-9 && fabs(histogram->max - 1.0) < 1e-9 && fabs(histogram->num - 5.0) < 1e-9);
  assert_true(fabs(histogram->sum - 2.75) < 1e-9 && fabs(histogram->sum_squares - 2.3125) < 1e-9);
  double below_half = 0.0, all = 0.0;
  for (size_t i = 0; i < histogram->n_bucket; i++) {
    all += histogram->bucket[i];
    below_half += histogram->bucket_limit[i] <= 0.5 ? histogram->bucket[i] : 0.0;
  }
  assert_true(fabs(all - 5.0) < 1e-9 && fabs(below_half - 2.0) < 1e-9); /* 0.5 begins the next bucket */
  tensorboard__event__free_unpacked(event, NULL);
  assert_int_equal(at, size);
  free(bytes);
}

static void equal_numbers_are_one_bucket(void **state) {
  (void)state;
  ss_error error = {""};
  ss_events *events = NULL;
  const float values[3] = {2.0f, 2.0f, 2.0f};
  assert_int_equal(ss_events_open(folder, 0, &events, &error), SS_OK);
  assert_int_equal(ss_events_histogram(events, 1, "same", values, 3, &error), SS_OK);
  ss_events_close(events);
  size_t size = 0, at = 0;
  char *bytes = take_file(&size);
  tensorboard__event__free_unpacked(next_event(bytes, size, &at), NULL);
  tensorboard__event__free_unpacked(next_event(bytes, size, &at), NULL);
  Tensorboard__Event *event = expect_tag(bytes, size, &at, 1, "same");
  assert_true(fabs(event->summary->value[0]->histo->bucket[0] - 3.0) < 1e-9);
  tensorboard__event__free_unpacked(event, NULL);
  free(bytes);
}

static void a_folder_that_is_not_there_is_told(void **state) {
  (void)state;
  ss_error error = {""};
  ss_events *events = NULL;
  assert_int_equal(ss_events_open("/no/such/folder", 0, &events, &error), SS_FAILED);
  assert_null(events);
  assert_non_null(strstr(error.message, "/no/such/folder"));
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(the_checksum_is_castagnolis), cmocka_unit_test(a_file_says_where_it_goes_on),
      cmocka_unit_test(what_is_logged_is_read_again), cmocka_unit_test(equal_numbers_are_one_bucket),
      cmocka_unit_test(a_folder_that_is_not_there_is_told)};
  return cmocka_run_group_tests(tests, set_up, tear_down);
}
