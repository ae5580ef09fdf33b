#include "methods/board.h"

enum { gap = 4, wanted_side = 176, most_samples = 12, most_columns = 6 };

static const uint8_t empty[3] = {226, 229, 232}, ground[3] = {245, 246, 247};

static int side_of(int cells, int patch) {
  return cells * (patch + gap) + gap;
}

/* The side of a tile that shows a board enlarged by whole pixels. */
static int tile_of(int side) {
  return side * (wanted_side > side ? (wanted_side + side / 2) / side : 1);
}

/* The left or top edge of the cells of a column or row. */
static int start_of(const ss_board *board, int index) {
  return gap + index * (board->patch + gap);
}

static ss_status clear(ss_board *board, int cells, int patch, ss_error *error) {
  const int side = side_of(cells, patch);
  board->cells = cells;
  board->patch = patch;
  SS_TRY(ss_image_resize_buffer(&board->picture, side, side, 3, error));
  ss_sheet_fill(&board->picture, 0, 0, side, side, ground);
  for (int i = 0; i < cells * cells; i++) {
    ss_sheet_fill(&board->picture, start_of(board, i % cells), start_of(board, i / cells), patch, patch, empty);
  }
  return SS_OK;
}

void ss_board_put(ss_board *board, int cell, const float *patch, float contrast) {
  const int left = start_of(board, cell % board->cells), top = start_of(board, cell / board->cells);
  for (int y = 0; y < board->patch; y++) {
    for (int x = 0; x < board->patch; x++) {
      const float *from = patch + 3 * ((ptrdiff_t)y * board->patch + x);
      uint8_t *to = board->picture.pixels + 3 * ((ptrdiff_t)(top + y) * board->picture.width + left + x);
      for (int c = 0; c < 3; c++) {
        const float value = 255.0f * (0.5f + contrast * from[c]);
        to[c] = (uint8_t)(value < 0.0f ? 0.0f : value > 255.0f ? 255.0f : value + 0.5f);
      }
    }
  }
}

void ss_board_frame(ss_board *board, int cell, const uint8_t colour[3]) {
  const int wide = gap / 2, whole = board->patch + 2 * wide;
  const int left = start_of(board, cell % board->cells) - wide, top = start_of(board, cell / board->cells) - wide;
  ss_sheet_fill(&board->picture, left, top, whole, wide, colour);
  ss_sheet_fill(&board->picture, left, top + whole - wide, whole, wide, colour);
  ss_sheet_fill(&board->picture, left, top, wide, whole, colour);
  ss_sheet_fill(&board->picture, left + whole - wide, top, wide, whole, colour);
}

ss_status ss_sheet_of_boards(const ss_task *task, const ss_shown *shown, int cells, int patch, int rows,
                             ss_board_draw draw, ss_image *out, ss_error *error) {
  const int tile = tile_of(side_of(cells, patch));
  const int samples = shown->batch < most_samples ? shown->batch : most_samples;
  const int columns = samples < most_columns ? samples : most_columns;
  SS_TRY(ss_sheet_new(out, columns, (samples + columns - 1) / columns * rows, tile, error));
  ss_board board = {0};
  ss_status status = SS_OK;
  for (int i = 0; i < samples * rows && status == SS_OK; i++) {
    const int sample = i / rows, row = i % rows;
    status = clear(&board, cells, patch, error);
    if (status == SS_OK) {
      draw(task, shown, sample, row, &board);
      ss_sheet_put(out, tile, sample % columns, sample / columns * rows + row, &board.picture);
    }
  }
  ss_image_free(&board.picture);
  return status;
}
