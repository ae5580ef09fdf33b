#include "io/events.h"

#include "base/file.h"
#include "base/memory.h"

#include <errno.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/time.h>
#include <tensorboard.pb-c.h>
#include <unistd.h>

enum { bucket_count = 64 };

struct ss_events {
  FILE *file;
  char *path;
};

/* ---- records: length, its checksum, the message, its checksum ---- */

uint32_t ss_crc32c(const void *data, size_t size) {
  const uint8_t *bytes = data;
  uint32_t crc = ~UINT32_C(0);
  for (size_t i = 0; i < size; i++) {
    crc ^= bytes[i];
    for (int bit = 0; bit < 8; bit++) {
      crc = crc >> 1 ^ (UINT32_C(0x82F63B78) & (0U - (crc & 1U)));
    }
  }
  return ~crc;
}

/* A checksum as TFRecord files bear it: turned and offset, so that a checksum of checksums is none. */
static uint32_t masked(const void *data, size_t size) {
  const uint32_t crc = ss_crc32c(data, size);
  return (crc >> 15 | crc << 17) + UINT32_C(0xA282EAD8);
}

/* Least significant byte first. */
static void put(uint8_t *to, uint64_t number, int bytes) {
  for (int i = 0; i < bytes; i++) {
    to[i] = (uint8_t)(number >> (8 * i));
  }
}

static ss_status append(ss_events *events, const Tensorboard__Event *event, ss_error *error) {
  const size_t size = tensorboard__event__get_packed_size(event);
  uint8_t *record = NULL;
  SS_TRY(ss_alloc((void **)&record, size + 16, 1, "an event", error));
  put(record, size, 8);
  put(record + 8, masked(record, 8), 4);
  tensorboard__event__pack(event, record + 12);
  put(record + 12 + size, masked(record + 12, size), 4);
  const bool written = fwrite(record, 1, size + 16, events->file) == size + 16 && fflush(events->file) == 0;
  const int reason = errno;
  free(record);
  return written ? SS_OK : ss_fail_file(error, "write", events->path, reason);
}

static Tensorboard__Event event_at(int64_t step) {
  Tensorboard__Event event = TENSORBOARD__EVENT__INIT;
  struct timeval now = {0};
  gettimeofday(&now, NULL);
  event.wall_time = (double)now.tv_sec + 1e-6 * (double)now.tv_usec;
  event.step = step;
  return event;
}

/* ---- the file ---- */

static ss_status begin(ss_events *events, int64_t step, ss_error *error) {
  char version[] = "brain.Event:2";
  Tensorboard__Event event = event_at(0);
  event.what_case = TENSORBOARD__EVENT__WHAT_FILE_VERSION;
  event.file_version = version;
  SS_TRY(append(events, &event, error));
  Tensorboard__SessionLog start = TENSORBOARD__SESSION_LOG__INIT;
  start.status = TENSORBOARD__SESSION_LOG__STATUS__START;
  event = event_at(step + 1);
  event.what_case = TENSORBOARD__EVENT__WHAT_SESSION_LOG;
  event.session_log = &start;
  return append(events, &event, error);
}

ss_status ss_events_open(const char *folder, int64_t step, ss_events **events, ss_error *error) {
  ss_events *opened = NULL;
  char host[128] = "host", name[256];
  *events = NULL;
  gethostname(host, sizeof host - 1);
  SS_TRY(ss_alloc((void **)&opened, 1, sizeof *opened, "the events", error));
  snprintf(name, sizeof name, "events.out.tfevents.%010lld.%.100s.%ld", (long long)event_at(0).wall_time, host,
           (long)getpid());
  ss_status status = ss_path_join(&opened->path, folder, name, error);
  if (status == SS_OK) {
    opened->file = fopen(opened->path, "ab");
    status = opened->file ? begin(opened, step, error) : ss_fail_file(error, "write", opened->path, errno);
  }
  if (status != SS_OK) {
    ss_events_close(opened);
    return status;
  }
  *events = opened;
  return SS_OK;
}

void ss_events_close(ss_events *events) {
  if (events) {
    if (events->file) {
      fclose(events->file);
    }
    free(events->path);
    free(events);
  }
}

/* ---- what is logged ---- */

static ss_status append_value(ss_events *events, int64_t step, const char *tag, Tensorboard__Value *value,
                              ss_error *error) {
  Tensorboard__Summary summary = TENSORBOARD__SUMMARY__INIT;
  Tensorboard__Event event = event_at(step);
  value->tag = (char *)(uintptr_t)tag; /* packing changes nothing */
  summary.n_value = 1;
  summary.value = &value;
  event.what_case = TENSORBOARD__EVENT__WHAT_SUMMARY;
  event.summary = &summary;
  return append(events, &event, error);
}

ss_status ss_events_scalar(ss_events *events, int64_t step, const char *tag, double value, ss_error *error) {
  if (!isfinite(value)) {
    return SS_OK;
  }
  Tensorboard__Value entry = TENSORBOARD__VALUE__INIT;
  entry.value_case = TENSORBOARD__VALUE__VALUE_SIMPLE_VALUE;
  entry.simple_value = (float)value;
  return append_value(events, step, tag, &entry, error);
}

ss_status ss_events_png(ss_events *events, int64_t step, const char *tag, int width, int height, const void *png,
                        size_t size, ss_error *error) {
  Tensorboard__Image image = TENSORBOARD__IMAGE__INIT;
  Tensorboard__Value entry = TENSORBOARD__VALUE__INIT;
  image.width = width;
  image.height = height;
  image.colorspace = 3; /* RGB */
  image.encoded_image_string = (ProtobufCBinaryData){size, (uint8_t *)(uintptr_t)png};
  entry.value_case = TENSORBOARD__VALUE__VALUE_IMAGE;
  entry.image = &image;
  return append_value(events, step, tag, &entry, error);
}

/* Fills limits and, from zeroes, buckets; false where no number is finite. */
static bool count_values(const float *values, int64_t count, Tensorboard__Histogram *histogram) {
  histogram->min = INFINITY;
  histogram->max = -INFINITY;
  for (int64_t i = 0; i < count; i++) {
    const double value = (double)values[i];
    if (isfinite(value)) {
      histogram->min = fmin(histogram->min, value);
      histogram->max = fmax(histogram->max, value);
      histogram->num += 1.0;
      histogram->sum += value;
      histogram->sum_squares += value * value;
    }
  }
  const double range = histogram->max - histogram->min;
  for (int b = 0; b < bucket_count && histogram->num > 0.0; b++) {
    histogram->bucket_limit[b] = histogram->min + range * (b + 1) / bucket_count;
  }
  for (int64_t i = 0; i < count && histogram->num > 0.0; i++) {
    if (isfinite(values[i])) {
      const double place = range > 0.0 ? bucket_count * ((double)values[i] - histogram->min) / range : 0.0;
      const int bucket = (int)place;
      histogram->bucket[bucket < bucket_count ? bucket : bucket_count - 1] += 1.0;
    }
  }
  return histogram->num > 0.0;
}

ss_status ss_events_histogram(ss_events *events, int64_t step, const char *tag, const float *values, int64_t count,
                              ss_error *error) {
  double limits[bucket_count] = {0.0}, buckets[bucket_count] = {0.0};
  Tensorboard__Histogram histogram = TENSORBOARD__HISTOGRAM__INIT;
  histogram.n_bucket_limit = histogram.n_bucket = bucket_count;
  histogram.bucket_limit = limits;
  histogram.bucket = buckets;
  if (!count_values(values, count, &histogram)) {
    return SS_OK;
  }
  Tensorboard__Value entry = TENSORBOARD__VALUE__INIT;
  entry.value_case = TENSORBOARD__VALUE__VALUE_HISTO;
  entry.histo = &histogram;
  return append_value(events, step, tag, &entry, error);
}
