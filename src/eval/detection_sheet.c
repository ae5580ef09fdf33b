#include "eval/detection_sheet.h"

#include "methods/sheet.h"

enum { tile = 128, most_rows = 8 };
static const float least_score = 0.3f;
static const double least_iou = 0.5;

/* A tile with a picture on it. */
typedef struct frame {
  ss_image *sheet;
  const ss_image *picture;
  int column, row;
} frame;

static void draw_box(const frame *on, const ss_bounding_box *box, const uint8_t colour[3]) {
  int left = 0, top = 0, width = 0, height = 0;
  ss_sheet_extent(tile, on->picture, &left, &top, &width, &height);
  const float x[2] = {((float)left + box->left * (float)width) / tile,
                      ((float)left + box->right * (float)width) / tile};
  const float y[2] = {((float)top + box->top * (float)height) / tile,
                      ((float)top + box->bottom * (float)height) / tile};
  for (int i = 0; i < 2; i++) {
    ss_sheet_line(on->sheet, tile, on->column, on->row, x[0], y[i], x[1], y[i], colour);
    ss_sheet_line(on->sheet, tile, on->column, on->row, x[i], y[0], x[i], y[1], colour);
  }
}

static bool is_right(const ss_found_box *found, const ss_labelled_box *boxes, size_t count) {
  for (size_t i = 0; i < count; i++) {
    if (boxes[i].label == found->label && ss_bounding_box_iou(&boxes[i].box, &found->box) >= least_iou) {
      return true;
    }
  }
  return false;
}

/* Draws what a network found in a picture, the surest first; nothing over what is drawn already. */
static void draw_found(const frame *on, const ss_detections *found, int32_t position, const ss_labelled_box *boxes,
                       size_t there) {
  for (size_t i = 0; i < found->count; i++) {
    const ss_found_box *box = &found->boxes[i];
    bool hidden = box->picture != position || box->score < least_score;
    for (size_t k = i; k-- > 0 && !hidden && found->boxes[k].picture == position;) {
      hidden = ss_bounding_box_iou(&found->boxes[k].box, &box->box) > least_iou;
    }
    if (!hidden) {
      draw_box(on, &box->box, is_right(box, boxes, there) ? ss_colour_right : ss_colour_wrong);
    }
  }
}

/* The row of test picture `position`: true boxes, then each network's. */
static void draw_row(const ss_box_set *set, uint32_t sample, int32_t position, const ss_detections *networks, int count,
                     frame *on) {
  size_t there = 0;
  const ss_labelled_box *boxes = ss_box_set_boxes(set, sample, &there);
  on->column = 0;
  ss_sheet_put(on->sheet, tile, on->column, on->row, on->picture);
  for (size_t i = 0; i < there; i++) {
    draw_box(on, &boxes[i].box, ss_colour_right);
  }
  for (int n = 0; n < count; n++) {
    on->column = n + 1;
    ss_sheet_put(on->sheet, tile, on->column, on->row, on->picture);
    draw_found(on, &networks[n], position, boxes, there);
  }
}

ss_status ss_detection_sheet(const ss_box_set *set, const ss_subset *test, const ss_detections *networks, int count,
                             ss_image *out, ss_error *error) {
  const int rows = test->count < most_rows ? (int)test->count : most_rows;
  ss_decoder *decoder = NULL;
  ss_image picture = {0};
  SS_TRY(ss_decoder_create(&decoder, error));
  ss_status status = ss_sheet_new(out, count + 1, rows, tile, error);
  for (int row = 0; row < rows && status == SS_OK; row++) {
    const uint32_t position = (uint32_t)((uint64_t)row * test->count / (uint64_t)rows);
    const uint32_t sample = test->samples[position];
    status = ss_source_read(ss_box_set_source(set), sample, decoder, NULL, &picture, error);
    if (status == SS_OK) {
      frame on = {.sheet = out, .picture = &picture, .row = row};
      draw_row(set, sample, (int32_t)position, networks, count, &on);
    }
  }
  ss_decoder_free(decoder);
  ss_image_free(&picture);
  return status;
}
