/* TensorBoard's event files: numbers, pictures and histograms over the steps of a run. */
#ifndef SS_IO_EVENTS_H
#define SS_IO_EVENTS_H

#include "base/image.h"

typedef struct ss_events ss_events;

/* Begins FOLDER/events.out.tfevents.TIME.HOST.PROCESS. TensorBoard reads all such files of a folder as one run; what
 * others hold of steps after `step` no longer counts, so that a run that is resumed replaces what was logged after its
 * checkpoint. */
ss_status ss_events_open(const char *folder, int64_t step, ss_events **events, ss_error *error);
/* NULL is fine. What was appended is in the file. */
void ss_events_close(ss_events *events);

/* Each appends one event. Tags with a slash stand together under what comes before it. A number that is not finite is
 * left out. */
ss_status ss_events_scalar(ss_events *events, int64_t step, const char *tag, double value, ss_error *error);
/* `png` (size bytes) is a whole PNG file of a width x height picture. */
ss_status ss_events_png(ss_events *events, int64_t step, const char *tag, int width, int height, const void *png,
                        size_t size, ss_error *error);
/* The distribution of `count` numbers in equal buckets from the least to the greatest; those that are not finite are
 * left out. */
ss_status ss_events_histogram(ss_events *events, int64_t step, const char *tag, const float *values, int64_t count,
                              ss_error *error);

/* CRC-32C (Castagnoli), of which each record bears two. */
uint32_t ss_crc32c(const void *data, size_t size);

#endif
