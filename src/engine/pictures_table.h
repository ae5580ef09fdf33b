/* Inside the engine: what a device with memory of its own does for pictures.c. */
#ifndef SS_ENGINE_PICTURES_TABLE_H
#define SS_ENGINE_PICTURES_TABLE_H

#include "engine/pictures.h"

#include <stddef.h>

/* A view, with what is to be known of its picture. */
typedef struct ss_view_task {
  const uint8_t *pixels; /* in the device's memory, rows without a gap */
  int32_t width;         /* of a row, in pixels */
  int32_t channels;
  ss_device_view view; /* in its ranges */
} ss_view_task;

typedef struct ss_view_batch {
  const ss_view_task *tasks; /* in the device's memory */
  int64_t count;
  int32_t size;             /* the views' side */
  int32_t width, height;    /* no crop is wider or higher */
  float scale[3], shift[3]; /* by channel: a byte b becomes b * scale + shift, rounded after each */
} ss_view_batch;

struct ss_device_pictures_table {
  /* Of working memory on the device for such a batch; does not look at the tasks. */
  size_t (*scratch_bytes)(const ss_view_batch *batch);
  /* Queues the making of the batch into out: (count, size, size, 3) float32. */
  ss_status (*make_views)(const ss_view_batch *batch, void *scratch, float *out, ss_error *error);
};

#endif
