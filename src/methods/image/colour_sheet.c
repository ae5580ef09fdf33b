#include "methods/image/colour_sheet.h"

#include "augment/lab.h"
#include "base/memory.h"
#include "methods/sheet.h"

#include <math.h>
#include <stdlib.h>

enum { GREY, COLOURED, ORIGINAL, ROWS };

/* Where pixel `at` of `size` lies among `side` values: between which two, and how far from the first. */
typedef struct between {
  int low, high;
  float part;
} between;

static between between_of(int at, int size, int side) {
  const float place = fmaxf(((float)at + 0.5f) * (float)side / (float)size - 0.5f, 0.0f);
  const int low = (int)place;
  return (between){low, low + 1 < side ? low + 1 : low, place - (float)low};
}

static void interpolate(const float *map, int side, int size, int x, int y, float ab[2]) {
  const between across = between_of(x, size, side), down = between_of(y, size, side);
  for (int c = 0; c < 2; c++) {
    const float *upper = map + (ptrdiff_t)2 * down.low * side + c, *lower = map + (ptrdiff_t)2 * down.high * side + c;
    const float top = upper[2 * across.low] * (1 - across.part) + upper[2 * across.high] * across.part;
    const float bottom = lower[2 * across.low] * (1 - across.part) + lower[2 * across.high] * across.part;
    ab[c] = top * (1 - down.part) + bottom * down.part;
  }
}

/* A picture's pixels of Lab in its own units, to be shown in that row. */
static void paint(const ss_colour_sheet *sheet, int index, int row, float *out) {
  const int size = sheet->size, side = sheet->side;
  const ptrdiff_t pixels = (ptrdiff_t)size * size, places = (ptrdiff_t)side * side;
  const float *pixel = sheet->lab + 3 * pixels * index;
  for (int i = 0; i < size * size; i++, pixel += 3) {
    const int x = i % size, y = i / size;
    float ab[2] = {pixel[1], pixel[2]};
    if (row == GREY) {
      const ptrdiff_t place = places * index + (ptrdiff_t)(y * side / size) * side + x * side / size;
      ab[0] = sheet->hints ? sheet->hints[3 * place] : 0;
      ab[1] = sheet->hints ? sheet->hints[3 * place + 1] : 0;
    } else if (row == COLOURED) {
      interpolate(sheet->ab + 2 * places * index, side, size, x, y, ab);
    }
    out[3 * i] = pixel[0] * SS_LAB_LIGHTNESS_SCALE + SS_LAB_MIDDLE;
    out[3 * i + 1] = ab[0] * SS_LAB_COLOUR_SCALE;
    out[3 * i + 2] = ab[1] * SS_LAB_COLOUR_SCALE;
  }
}

ss_status ss_sheet_of_colours(const ss_colour_sheet *sheet, ss_image *out, ss_error *error) {
  const int size = sheet->size, tile = ss_sheet_tile(size);
  SS_TRY(ss_sheet_new(out, sheet->pictures, ROWS, tile, error));
  const size_t pixels = (size_t)size * (size_t)size;
  void *lab = NULL;
  SS_TRY(ss_alloc(&lab, 3 * pixels, sizeof(float), "a picture in Lab", error));
  ss_image cell = {0};
  const ss_status status = ss_image_resize_buffer(&cell, size, size, 3, error);
  for (int i = 0; i < ROWS * sheet->pictures && status == SS_OK; i++) {
    paint(sheet, i % sheet->pictures, i / sheet->pictures, lab);
    ss_rgb_from_lab(lab, pixels, cell.pixels);
    ss_sheet_put(out, tile, i % sheet->pictures, i / sheet->pictures, &cell);
  }
  ss_image_free(&cell);
  free(lab);
  return status;
}
