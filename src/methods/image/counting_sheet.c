/* What counting saw and counted, as one picture. */
#include "augment/normalise.h"
#include "methods/image/counting.h"
#include "methods/sheet.h"

#include <string.h>

enum { bars = 16, chart = 120 };
static const uint8_t white[3] = {255, 255, 255}, of_whole[3] = {0, 114, 178}, of_tiles[3] = {230, 159, 0};

/* The sum of picture n's tiles of feature f. */
static float summed_count(const ss_shown *shown, int64_t features, int n, int64_t f) {
  float sum = 0.0f;
  for (int j = 1; j <= SS_COUNTING_TILES; j++) {
    sum += shown->prediction[((int64_t)j * shown->batch + n) * features + f];
  }
  return sum;
}

/* The features that the batch has most of. */
static void choose_features(const ss_shown *shown, int64_t features, int64_t chosen[bars]) {
  double best[bars] = {0};
  memset(chosen, 0, bars * sizeof *chosen);
  for (int64_t f = 0; f < features; f++) {
    double total = 0.0;
    for (int n = 0; n < shown->batch; n++) {
      total += (double)shown->prediction[n * features + f] + (double)summed_count(shown, features, n, f);
    }
    int at = bars - 1;
    if (total <= best[at]) {
      continue;
    }
    for (; at > 0 && total > best[at - 1]; at--) {
      best[at] = best[at - 1];
      chosen[at] = chosen[at - 1];
    }
    best[at] = total;
    chosen[at] = f;
  }
}

/* What the whole picture counts upwards, what its tiles count together downwards: mirrored where they agree. */
static ss_status draw_counts(const ss_shown *shown, int64_t features, const int64_t chosen[bars], int n, ss_image *out,
                             ss_error *error) {
  SS_TRY(ss_image_resize_buffer(out, chart, chart, 3, error));
  ss_sheet_fill(out, 0, 0, chart, chart, white);
  float most = 1e-9f;
  for (int b = 0; b < bars; b++) {
    const float whole = shown->prediction[n * features + chosen[b]];
    const float summed = summed_count(shown, features, n, chosen[b]);
    most = whole > most ? whole : most;
    most = summed > most ? summed : most;
  }
  for (int b = 0; b < bars; b++) {
    const int up = (int)(shown->prediction[n * features + chosen[b]] / most * (chart / 2 - 4));
    const int down = (int)(summed_count(shown, features, n, chosen[b]) / most * (chart / 2 - 4));
    ss_sheet_fill(out, b * (chart / bars) + 1, chart / 2 - 1 - up, chart / bars - 2, up, of_whole);
    ss_sheet_fill(out, b * (chart / bars) + 1, chart / 2 + 1, chart / bars - 2, down, of_tiles);
  }
  return SS_OK;
}

/* The four tiles with a gap between them. */
static ss_status draw_tiles(const ss_task *task, const ss_shown *shown, int n, ss_image *part, ss_image *out,
                            ss_error *error) {
  const int tile = task->size / 2, step = tile + (tile + 11) / 12;
  SS_TRY(ss_image_resize_buffer(out, step + tile, step + tile, 3, error));
  ss_sheet_fill(out, 0, 0, step + tile, step + tile, white);
  for (int j = 0; j < SS_COUNTING_TILES; j++) {
    const float *view =
        (const float *)shown->inputs[0] + ((int64_t)(1 + j) * shown->batch + n) * 3 * (int64_t)tile * tile;
    SS_TRY(ss_image_from_float(view, tile, tile, 3, ss_imagenet_mean, ss_imagenet_deviation, part, error));
    for (int y = 0; y < tile; y++) {
      memcpy(out->pixels + 3 * ((j / 2 * step + y) * out->width + j % 2 * step), part->pixels + 3 * y * tile,
             3 * (size_t)tile);
    }
  }
  return SS_OK;
}

/* Whether no other picture's counts are nearer to the sum of n's tiles. */
static bool is_found(const ss_shown *shown, int64_t features, int n) {
  int best = 0;
  double least = 0.0;
  for (int i = 0; i < shown->batch; i++) {
    double distance = 0.0;
    for (int64_t f = 0; f < features; f++) {
      const double d = (double)shown->prediction[i * features + f] - summed_count(shown, features, n, f);
      distance += d * d;
    }
    if (i == 0 || distance < least) {
      least = distance;
      best = i;
    }
  }
  return best == n;
}

static ss_status draw_column(const ss_task *task, const ss_shown *shown, const int64_t chosen[bars], int n,
                             ss_image work[2], ss_image *out, ss_error *error) {
  const int tile = task->size / 2;
  const int64_t features = ss_settings_int(task->settings, "features");
  const float *small = (const float *)shown->inputs[0] + (int64_t)n * 3 * tile * tile;
  SS_TRY(ss_image_from_float(small, tile, tile, 3, ss_imagenet_mean, ss_imagenet_deviation, &work[0], error));
  ss_sheet_put(out, chart, n, 0, &work[0]);
  SS_TRY(draw_tiles(task, shown, n, &work[0], &work[1], error));
  ss_sheet_put(out, chart, n, 1, &work[1]);
  if (shown->prediction) {
    SS_TRY(draw_counts(shown, features, chosen, n, &work[0], error));
    ss_sheet_put(out, chart, n, 2, &work[0]);
    ss_sheet_frame(out, chart, n, 2, is_found(shown, features, n) ? ss_colour_right : ss_colour_wrong);
  }
  return SS_OK;
}

ss_status ss_sheet_of_counts(const ss_task *task, const ss_shown *shown, ss_image *out, ss_error *error) {
  const int columns = ss_sheet_columns(shown->batch);
  int64_t chosen[bars] = {0};
  if (shown->prediction) {
    choose_features(shown, ss_settings_int(task->settings, "features"), chosen);
  }
  SS_TRY(ss_sheet_new(out, columns, shown->prediction ? 3 : 2, chart, error));
  ss_image work[2] = {{0}};
  ss_status status = SS_OK;
  for (int n = 0; n < columns && status == SS_OK; n++) {
    status = draw_column(task, shown, chosen, n, work, out, error);
  }
  ss_image_free(&work[0]);
  ss_image_free(&work[1]);
  return status;
}
