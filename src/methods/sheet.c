#include "methods/sheet.h"

#include "augment/normalise.h"

#include <math.h>

/* Told apart by eyes that do not tell red from green (Okabe and Ito's bluish green and vermilion). */
const uint8_t ss_colour_right[3] = {0, 158, 115}, ss_colour_wrong[3] = {213, 94, 0};

static const uint8_t ground[3] = {245, 246, 247}, white[3] = {255, 255, 255};

enum { most_columns = 12, small_tile = 96, large_tile = 128, samples = 4 /* a pixel's side, for smooth edges */ };

/* ---- where things are ---- */

static int gap_of(int tile) {
  return tile / 10 > 9 ? tile / 10 : 9;
}

static int start_of(int tile, int index) {
  return gap_of(tile) + index * (tile + gap_of(tile));
}

/* A view's tile: small ones enlarged, large ones reduced, by a whole factor. */
static int tile_of(int size) {
  if (size <= small_tile) {
    return size * (small_tile / size);
  }
  return size / ((size + large_tile - 1) / large_tile);
}

/* Mixes `colour` into a pixel; outside the sheet there is none. */
static void mix(ss_image *sheet, int x, int y, const uint8_t colour[3], float share) {
  if (x < 0 || y < 0 || x >= sheet->width || y >= sheet->height) {
    return;
  }
  uint8_t *pixel = sheet->pixels + 3 * ((size_t)y * (size_t)sheet->width + (size_t)x);
  for (int c = 0; c < 3; c++) {
    pixel[c] = (uint8_t)lroundf((float)pixel[c] + share * ((float)colour[c] - (float)pixel[c]));
  }
}

void ss_sheet_fill(ss_image *sheet, int left, int top, int width, int height, const uint8_t colour[3]) {
  for (int y = top; y < top + height; y++) {
    for (int x = left; x < left + width; x++) {
      mix(sheet, x, y, colour, 1.0f);
    }
  }
}

/* ---- drawing ---- */

ss_status ss_sheet_new(ss_image *sheet, int columns, int rows, int tile, ss_error *error) {
  SS_TRY(ss_image_resize_buffer(sheet, start_of(tile, columns), start_of(tile, rows), 3, error));
  ss_sheet_fill(sheet, 0, 0, sheet->width, sheet->height, ground);
  return SS_OK;
}

/* The mean of the picture's pixels from (left, top) up to (right, bottom). */
static void mean_colour(const ss_image *picture, int left, int top, int right, int bottom, uint8_t colour[3]) {
  const int pixels = (right - left) * (bottom - top);
  for (int c = 0; c < 3; c++) {
    int sum = 0;
    for (int y = top; y < bottom; y++) {
      for (int x = left; x < right; x++) {
        sum += picture->pixels[(size_t)(y * picture->width + x) * (size_t)picture->channels +
                               (size_t)(picture->channels == 3 ? c : 0)];
      }
    }
    colour[c] = (uint8_t)((sum + pixels / 2) / pixels);
  }
}

void ss_sheet_extent(int tile, const ss_image *picture, int *left, int *top, int *width, int *height) {
  const int longer = picture->width > picture->height ? picture->width : picture->height;
  const int factor = tile / longer; /* 0: it must be reduced */
  *width = factor > 0 ? factor * picture->width : (int)((int64_t)picture->width * tile / longer);
  *height = factor > 0 ? factor * picture->height : (int)((int64_t)picture->height * tile / longer);
  *left = (tile - *width) / 2;
  *top = (tile - *height) / 2;
}

void ss_sheet_put(ss_image *sheet, int tile, int column, int row, const ss_image *picture) {
  int left = 0, top = 0, width = 0, height = 0;
  ss_sheet_extent(tile, picture, &left, &top, &width, &height);
  left += start_of(tile, column);
  top += start_of(tile, row);
  for (int y = 0; y < height; y++) {
    const int from_y = (int)((int64_t)y * picture->height / height);
    const int to_y = (int)((int64_t)(y + 1) * picture->height / height);
    for (int x = 0; x < width; x++) {
      const int from_x = (int)((int64_t)x * picture->width / width);
      const int to_x = (int)((int64_t)(x + 1) * picture->width / width);
      uint8_t colour[3];
      mean_colour(picture, from_x, from_y, to_x > from_x ? to_x : from_x + 1, to_y > from_y ? to_y : from_y + 1,
                  colour);
      mix(sheet, left + x, top + y, colour, 1.0f);
    }
  }
}

/* In the gap, so that nothing of the picture is hidden. */
void ss_sheet_frame(ss_image *sheet, int tile, int column, int row, const uint8_t colour[3]) {
  const int wide = gap_of(tile) / 3, whole = tile + 2 * wide;
  const int left = start_of(tile, column) - wide, top = start_of(tile, row) - wide;
  ss_sheet_fill(sheet, left, top, whole, wide, colour);
  ss_sheet_fill(sheet, left, top + whole - wide, whole, wide, colour);
  ss_sheet_fill(sheet, left, top, wide, whole, colour);
  ss_sheet_fill(sheet, left + whole - wide, top, wide, whole, colour);
}

/* Whether (u, v), u to the right and v ahead, in radii of the disc, is part of the arrow. */
static bool in_arrow(float u, float v) {
  const float tip = 0.68f, shoulder = 0.02f, half_head = 0.50f, half_shaft = 0.15f, tail = -0.62f;
  if (v >= shoulder) {
    return v <= tip && fabsf(u) <= half_head * (tip - v) / (tip - shoulder);
  }
  return v >= tail && fabsf(u) <= half_shaft;
}

/* A white arrow on a disc of the colour, in the tile's lower right corner. */
void ss_sheet_arrow(ss_image *sheet, int tile, int column, int row, int quarters, const uint8_t colour[3]) {
  static const int ahead[4][2] = {{0, -1}, {-1, 0}, {0, 1}, {1, 0}}; /* x to the right, y down */
  const int side = tile * 3 / 10 > 12 ? tile * 3 / 10 : 12;
  const int left = start_of(tile, column) + tile - side, top = start_of(tile, row) + tile - side;
  const int *to = ahead[((quarters % 4) + 4) % 4];
  const float radius = 0.5f * (float)side, rim = radius - 1.0f;
  for (int y = 0; y < side; y++) {
    for (int x = 0; x < side; x++) {
      int disc = 0, arrow = 0;
      for (int k = 0; k < samples * samples; k++) {
        const float dx = (float)x + ((float)(k % samples) + 0.5f) / samples - radius;
        const float dy = (float)y + ((float)(k / samples) + 0.5f) / samples - radius;
        const float v = (dx * (float)to[0] + dy * (float)to[1]) / rim;
        const float u = (dx * (float)to[1] - dy * (float)to[0]) / rim;
        disc += dx * dx + dy * dy <= rim * rim;
        arrow += in_arrow(u, v);
      }
      mix(sheet, left + x, top + y, colour, 0.9f * (float)disc / (samples * samples));
      mix(sheet, left + x, top + y, white, (float)arrow / (samples * samples));
    }
  }
}

/* Each pixel takes the colour by its distance from the line; a white edge sets it off from any picture. */
void ss_sheet_line(ss_image *sheet, int tile, int column, int row, float from_x, float from_y, float to_x, float to_y,
                   const uint8_t colour[3]) {
  const float half_width = fmaxf(1.0f, 0.012f * (float)tile), scale = (float)tile;
  const float x0 = from_x * scale, y0 = from_y * scale, dx = to_x * scale - x0, dy = to_y * scale - y0;
  const float square = fmaxf(dx * dx + dy * dy, 1e-6f);
  for (int y = 0; y < tile; y++) {
    for (int x = 0; x < tile; x++) {
      const float px = (float)x + 0.5f - x0, py = (float)y + 0.5f - y0;
      const float along = fminf(fmaxf((px * dx + py * dy) / square, 0.0f), 1.0f);
      const float away = hypotf(px - along * dx, py - along * dy) - half_width - 0.5f;
      if (away < 1.0f) {
        mix(sheet, start_of(tile, column) + x, start_of(tile, row) + y, white, 0.7f * fminf(1.0f - away, 1.0f));
        mix(sheet, start_of(tile, column) + x, start_of(tile, row) + y, colour, fminf(fmaxf(-away, 0.0f), 1.0f));
      }
    }
  }
}

int ss_sheet_tile(int side) {
  return tile_of(side);
}

int ss_sheet_columns(int batch) {
  return batch < most_columns ? batch : most_columns;
}

/* ---- sheets of views ---- */

/* A new sheet of an input's views; *tile becomes its tile. */
static ss_status views(const ss_task *task, const ss_shown *shown, int input, ss_image *out, int *columns, int *tile,
                       ss_error *error) {
  const ss_method_input *views_input = &task->inputs[input];
  const ss_shape shape = views_input->shape;
  if (views_input->dtype != SS_F32 || shape.rank != 3 || (shape.dims[2] != 1 && shape.dims[2] != 3)) {
    return ss_fail(error, SS_FAILED, "the input %s is not a picture", views_input->name);
  }
  const int height = (int)shape.dims[0], width = (int)shape.dims[1], channels = (int)shape.dims[2];
  *columns = shown->batch < most_columns ? shown->batch : most_columns;
  *tile = tile_of(width > height ? width : height);
  SS_TRY(ss_sheet_new(out, *columns, views_input->views, *tile, error));
  ss_image picture = {0};
  ss_status status = SS_OK;
  for (int i = 0; i < views_input->views * *columns && status == SS_OK; i++) {
    const int column = i % *columns, row = i / *columns;
    const float *view = (const float *)shown->inputs[input] +
                        ((int64_t)row * shown->batch + column) * ss_shape_count(shape); /* view by view */
    status =
        ss_image_from_float(view, width, height, channels, ss_imagenet_mean, ss_imagenet_deviation, &picture, error);
    if (status == SS_OK) {
      ss_sheet_put(out, *tile, column, row, &picture);
    }
  }
  ss_image_free(&picture);
  return status;
}

ss_status ss_sheet_of_views(const ss_task *task, const ss_shown *shown, int input, ss_image *out, ss_error *error) {
  int columns = 0, tile = 0;
  return views(task, shown, input, out, &columns, &tile, error);
}

ss_status ss_sheet_of_pictures(const ss_sheet_row *rows, int row_count, int batch, ss_image *out, ss_error *error) {
  const int columns = batch < most_columns ? batch : most_columns;
  int largest = 1;
  for (int row = 0; row < row_count; row++) {
    const int side = rows[row].width > rows[row].height ? rows[row].width : rows[row].height;
    largest = side > largest ? side : largest;
  }
  const int tile = tile_of(largest);
  SS_TRY(ss_sheet_new(out, columns, row_count, tile, error));
  ss_image picture = {0};
  ss_status status = SS_OK;
  for (int i = 0; i < row_count * columns && status == SS_OK; i++) {
    const ss_sheet_row *row = &rows[i / columns];
    const size_t numbers = (size_t)row->width * (size_t)row->height * (size_t)row->channels;
    status = ss_image_from_float(row->pictures + (size_t)(i % columns) * numbers, row->width, row->height,
                                 row->channels, row->mean, row->deviation, &picture, error);
    if (status == SS_OK) {
      ss_sheet_put(out, tile, i % columns, i / columns, &picture);
    }
  }
  ss_image_free(&picture);
  return status;
}

int ss_largest_of(const float *values, int count) {
  int best = 0;
  for (int i = 1; i < count; i++) {
    best = values[i] > values[best] ? i : best;
  }
  return best;
}

ss_status ss_sheet_of_rotations(const ss_task *task, const ss_shown *shown, ss_image *out, ss_error *error) {
  int columns = 0, tile = 0;
  SS_TRY(views(task, shown, 0, out, &columns, &tile, error));
  const int32_t *labels = shown->inputs[1];
  for (int row = 0; shown->prediction && row < task->inputs[0].views; row++) {
    for (int column = 0; column < columns; column++) {
      const int index = row * shown->batch + column;
      const int predicted = ss_largest_of(shown->prediction + 4 * (ptrdiff_t)index, 4);
      const uint8_t *colour = predicted == labels[index] ? ss_colour_right : ss_colour_wrong;
      ss_sheet_frame(out, tile, column, row, colour);
      ss_sheet_arrow(out, tile, column, row, predicted, colour);
    }
  }
  return SS_OK;
}
