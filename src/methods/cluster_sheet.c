#include "methods/cluster_sheet.h"

#include "augment/normalise.h"
#include "base/memory.h"
#include "methods/sheet.h"

#include <stdlib.h>

enum { sheet_rows = 6, sheet_columns = 10 };

/* The class that most of the batch's samples which are not taken yet are predicted to be; -1: none is left. */
static int commonest(const int *predicted, const bool *taken, int batch) {
  int best = -1, most = 0;
  for (int i = 0; i < batch; i++) {
    int same = 0;
    for (int k = 0; k < batch && !taken[i]; k++) {
      same += predicted[k] == predicted[i] && !taken[k];
    }
    if (same > most) {
      most = same;
      best = predicted[i];
    }
  }
  return best;
}

static ss_status draw_rows(const ss_task *task, const float *pictures, const int *predicted, bool *taken, int batch,
                           ss_image *out, ss_error *error) {
  const int tile = ss_sheet_tile(task->size);
  const bool edges = task->backbone.input == SS_INPUT_SOBEL;
  static const float middle[3] = {0.5f, 0.5f, 0.5f};
  ss_image picture = {0};
  SS_TRY(ss_sheet_new(out, sheet_columns, sheet_rows, tile, error));
  ss_status status = SS_OK;
  for (int row = 0; row < sheet_rows; row++) {
    const int cluster = commonest(predicted, taken, batch);
    int column = 0;
    for (int i = 0; i < batch && cluster >= 0 && status == SS_OK; i++) {
      if (predicted[i] != cluster || taken[i]) {
        continue;
      }
      taken[i] = true;
      if (column < sheet_columns) {
        status = ss_image_from_float(pictures + (ptrdiff_t)i * task->size * task->size * 3, task->size, task->size, 3,
                                     edges ? middle : ss_imagenet_mean, edges ? middle : ss_imagenet_deviation,
                                     &picture, error);
        if (status == SS_OK) {
          ss_sheet_put(out, tile, column++, row, &picture);
        }
      }
    }
  }
  ss_image_free(&picture);
  return status;
}

ss_status ss_sheet_of_clusters(const ss_task *task, const float *pictures, const float *logits, int64_t classes,
                               int batch, ss_image *out, ss_error *error) {
  int *predicted = NULL;
  bool *taken = NULL;
  ss_status status = ss_alloc((void **)&predicted, (size_t)batch, sizeof *predicted, "the sheet", error);
  if (status == SS_OK) {
    status = ss_alloc((void **)&taken, (size_t)batch, sizeof *taken, "the sheet", error);
  }
  if (status == SS_OK) {
    for (int i = 0; i < batch; i++) {
      predicted[i] = ss_largest_of(logits + i * classes, (int)classes);
      taken[i] = false;
    }
    status = draw_rows(task, pictures, predicted, taken, batch, out, error);
  }
  free(predicted);
  free(taken);
  return status;
}
