/* The picture of a retrieval: queries and what was found for them. */
#include "eval/retrieve.h"
#include "methods/sheet.h"

#include <string.h>

enum { tile = 96 };

/* What drawing a sheet needs at hand. */
typedef struct drawing {
  ss_decoder *decoder;
  ss_image picture;
  ss_image left, right; /* the queries; their neighbours */
} drawing;

static int label_at(ss_gallery from, int64_t row) {
  return ss_source_label(from.source, from.subset->samples[row]);
}

/* Puts the picture of a row of features; a file that does not decode leaves the tile empty. */
static void put(drawing *draw, ss_image *sheet, int column, int row, ss_gallery from, int64_t feature) {
  const ss_decode_options options = {.smallest_side = tile};
  if (ss_source_read(from.source, from.subset->samples[feature], draw->decoder, &options, &draw->picture, NULL) ==
      SS_OK) {
    ss_sheet_put(sheet, tile, column, row, &draw->picture);
  }
}

/* The `nth` query of a class, -1: there are fewer. */
static int64_t find_query(ss_gallery queries, int label, int nth) {
  for (int64_t i = 0; i < queries.subset->count; i++) {
    if (label_at(queries, i) == label && nth-- == 0) {
      return i;
    }
  }
  return -1;
}

int64_t ss_gallery_choose_query(ss_gallery queries, int row, int rows) {
  const int classes = ss_source_class_count(queries.source);
  int64_t query = -1;
  if (classes >= rows) {
    query = find_query(queries, (int)((int64_t)row * classes / rows), 0);
  } else if (classes > 0) {
    query = find_query(queries, row % classes, row / classes);
  }
  return query >= 0 ? query : (int64_t)row * queries.subset->count / rows;
}

static void draw_row(drawing *draw, const ss_neighbours *neighbours, ss_gallery gallery, ss_gallery queries, int row,
                     int64_t query, int columns) {
  put(draw, &draw->left, 0, row, queries, query);
  const int label = label_at(queries, query);
  for (int i = 0; i < columns; i++) {
    const int64_t found = neighbours->indices[query * neighbours->k + i];
    const int found_label = label_at(gallery, found);
    put(draw, &draw->right, i, row, gallery, found);
    if (label >= 0 && found_label >= 0) {
      ss_sheet_frame(&draw->right, tile, i, row, label == found_label ? ss_colour_right : ss_colour_wrong);
    }
  }
}

/* Two sheets of one height side by side, with a gap of the ground's colour between them. */
static ss_status join(const ss_image *left, const ss_image *right, int gap, ss_image *out, ss_error *error) {
  SS_TRY(ss_image_resize_buffer(out, left->width + gap + right->width, left->height, 3, error));
  const size_t left_bytes = 3 * (size_t)left->width, right_bytes = 3 * (size_t)right->width;
  uint8_t *to = out->pixels;
  for (int y = 0; y < out->height; y++) {
    memcpy(to, left->pixels + (size_t)y * left_bytes, left_bytes);
    to += left_bytes;
    for (int x = 0; x < gap; x++, to += 3) {
      memcpy(to, left->pixels, 3);
    }
    memcpy(to, right->pixels + (size_t)y * right_bytes, right_bytes);
    to += right_bytes;
  }
  return SS_OK;
}

ss_status ss_neighbours_sheet(const ss_neighbours *neighbours, ss_gallery gallery, ss_gallery queries, int rows,
                              int columns, ss_image *out, ss_error *error) {
  drawing draw = {0};
  rows = rows < neighbours->queries ? rows : (int)neighbours->queries;
  columns = columns < neighbours->k ? columns : neighbours->k;
  ss_status status = ss_decoder_create(&draw.decoder, error);
  status = status ? status : ss_sheet_new(&draw.left, 1, rows, tile, error);
  status = status ? status : ss_sheet_new(&draw.right, columns, rows, tile, error);
  for (int row = 0; row < rows && status == SS_OK; row++) {
    draw_row(&draw, neighbours, gallery, queries, row, ss_gallery_choose_query(queries, row, rows), columns);
  }
  status = status ? status : join(&draw.left, &draw.right, tile / 4, out, error);
  ss_decoder_free(draw.decoder);
  ss_image_free(&draw.picture);
  ss_image_free(&draw.left);
  ss_image_free(&draw.right);
  return status;
}
