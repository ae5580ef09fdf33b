/* Sheets: what a network saw and predicted, as one picture. */
#ifndef SS_METHODS_SHEET_H
#define SS_METHODS_SHEET_H

#include "methods/method.h"

/* A sheet of tiles on a light ground with gaps between them. */
ss_status ss_sheet_new(ss_image *sheet, int columns, int rows, int tile, ss_error *error);
/* A rectangle of one colour, in pixels of the picture; what lies outside is left out. */
void ss_sheet_fill(ss_image *sheet, int left, int top, int width, int height, const uint8_t colour[3]);
/* Puts a picture, enlarged by whole pixels or averaged down to the tile's size, at (column, row). */
void ss_sheet_put(ss_image *sheet, int tile, int column, int row, const ss_image *picture);
/* Which pixels of a tile such a picture covers. */
void ss_sheet_extent(int tile, const ss_image *picture, int *left, int *top, int *width, int *height);
/* Frames the tile at (column, row) in a colour. */
void ss_sheet_frame(ss_image *sheet, int tile, int column, int row, const uint8_t colour[3]);
/* An arrow on the tile that points to where the picture's top went after `quarters` turns counter-clockwise. */
void ss_sheet_arrow(ss_image *sheet, int tile, int column, int row, int quarters, const uint8_t colour[3]);

/* A line on the tile at (column, row), cut off at its edge; coordinates are shares of the tile's side. */
void ss_sheet_line(ss_image *sheet, int tile, int column, int row, float from_x, float from_y, float to_x, float to_y,
                   const uint8_t colour[3]);
/* The tile that suits pictures of `side` pixels, and how many of a batch's samples a sheet shows, one a column. */
int ss_sheet_tile(int side);
int ss_sheet_columns(int batch);

extern const uint8_t ss_colour_right[3], ss_colour_wrong[3];

/* The index of the largest of `count` numbers, of equals the first: the class that logits predict. */
int ss_largest_of(const float *values, int count);

/* The views of up to twelve samples, one column a sample, one row a view, of the image input `input`. */
ss_status ss_sheet_of_views(const ss_task *task, const ss_shown *shown, int input, ss_image *out, ss_error *error);
/* The same for rotation: the predicted arrow on each view, framed by right and wrong. */
ss_status ss_sheet_of_rotations(const ss_task *task, const ss_shown *shown, ss_image *out, ss_error *error);

/* A row of a sheet of pictures: one float32 picture (height, width, channels) a sample, one after the other; a pixel is
 * value * deviation + mean in 0..1, by channel. */
typedef struct ss_sheet_row {
  const float *pictures;
  int width, height, channels; /* channels 1 or 3 */
  const float *mean, *deviation;
} ss_sheet_row;
/* Rows of pictures under one another (what came in, what came out, what it should be): the first twelve samples of
 * `batch`, one column each. Pictures of a row may be smaller than those of another: they are shown at the same size. */
ss_status ss_sheet_of_pictures(const ss_sheet_row *rows, int row_count, int batch, ss_image *out, ss_error *error);

#endif
