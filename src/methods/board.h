/* Boards: patches in the cells of a square grid, as one picture. */
#ifndef SS_METHODS_BOARD_H
#define SS_METHODS_BOARD_H

#include "methods/sheet.h"

typedef struct ss_board {
  int cells; /* a side */
  int patch; /* pixels a side */
  ss_image picture;
} ss_board;

/* Puts a patch, float32 (side, side, 3), in cell number `cell`, counted row by row: `contrast` x value around middle
 * grey. */
void ss_board_put(ss_board *board, int cell, const float *patch, float contrast);
/* Frames a cell. */
void ss_board_frame(ss_board *board, int cell, const uint8_t colour[3]);

/* Draws a sample on its board number `row`, which is empty. */
typedef void (*ss_board_draw)(const ss_task *task, const ss_shown *shown, int sample, int row, ss_board *board);
/* A sheet of up to twelve samples, each with `rows` boards of cells x cells patches under one another. */
ss_status ss_sheet_of_boards(const ss_task *task, const ss_shown *shown, int cells, int patch, int rows,
                             ss_board_draw draw, ss_image *out, ss_error *error);

#endif
