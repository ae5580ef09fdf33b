#include "methods/board.h"
#include "methods/image/cpc.h"

/* Above, the patches; below, the rows that were seen and in each place that was predicted the patch of the batch that
 * was chosen for it. */
static void draw(const ss_task *task, const ss_shown *shown, int sample, int row, ss_board *board) {
  const ss_coding *self = task->state;
  const int cells = self->cells, first = cells - 1 - self->farthest; /* the row predictions are made from */
  const int64_t numbers = ss_shape_count(task->inputs[0].shape);
  const float *patches = shown->inputs[0];
  const int candidates = cells * cells * shown->batch, rows = self->farthest - self->nearest + 1;
  for (int cell = 0; cell < cells * cells; cell++) {
    const int k = cell / cells - first, own = cell * shown->batch + sample;
    int chosen = own;
    if (row == 1 && k > 0 && shown->prediction) {
      if (k < self->nearest) {
        continue;
      }
      const int64_t at = ((int64_t)sample * rows + k - self->nearest) * cells + cell % cells;
      chosen = ss_largest_of(shown->prediction + at * candidates, candidates);
      ss_board_frame(board, cell, chosen == own ? ss_colour_right : ss_colour_wrong);
    }
    ss_board_put(board, cell, patches + chosen * numbers, SS_PATCH_DEVIATION);
  }
}

ss_status ss_coding_picture(const ss_task *task, const ss_shown *shown, ss_image *out, ss_error *error) {
  const ss_coding *self = task->state;
  return ss_sheet_of_boards(task, shown, self->cells, self->side, 2, draw, out, error);
}
