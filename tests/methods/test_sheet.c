/* Sheets: every tile where it belongs, nothing outside, right told from wrong. */
#include "support.h"

#include "augment/normalise.h"
#include "methods/sheet.h"

#include <stdlib.h>
#include <string.h>

/* A task whose input 0 is `views` pictures and input 1 their labels; view v of sample s has the colour of both. */
typedef struct scene {
  ss_task task;
  ss_shown shown;
  float *pixels, *prediction;
  int32_t *labels;
} scene;

static void colour_of(int view, int sample, uint8_t colour[3]) {
  colour[0] = (uint8_t)(10 + 11 * sample);
  colour[1] = (uint8_t)(40 + 50 * view);
  colour[2] = 77;
}

static void make_scene(scene *out, int size, int views, int batch) {
  *out = (scene){.task = {.size = size, .batch = batch, .input_count = 2}, .shown = {.batch = batch}};
  out->task.inputs[0] = (ss_method_input){"views", SS_F32, ss_shape_of(size, size, 3), views};
  out->task.inputs[1] = (ss_method_input){"rotations", SS_I32, {0}, views};
  const size_t count = (size_t)views * (size_t)batch, area = (size_t)size * (size_t)size;
  out->pixels = malloc(count * area * 3 * sizeof *out->pixels);
  out->labels = calloc(count, sizeof *out->labels);
  out->prediction = calloc(4 * count, sizeof *out->prediction);
  assert_true(out->pixels && out->labels && out->prediction);
  for (size_t i = 0; i < count; i++) {
    uint8_t colour[3];
    colour_of((int)i / batch, (int)i % batch, colour);
    for (size_t k = 0; k < 3 * area; k++) {
      const size_t c = k % 3;
      out->pixels[i * 3 * area + k] = ((float)colour[c] / 255.0f - ss_imagenet_mean[c]) / ss_imagenet_deviation[c];
    }
    out->labels[i] = (int32_t)i / batch;
  }
  out->shown.inputs[0] = out->pixels;
  out->shown.inputs[1] = out->labels;
}

static void free_scene(scene *s) {
  free(s->pixels);
  free(s->labels);
  free(s->prediction);
}

static const uint8_t *pixel(const ss_image *sheet, int x, int y) {
  assert_true(x >= 0 && y >= 0 && x < sheet->width && y < sheet->height);
  return sheet->pixels + 3 * ((size_t)y * (size_t)sheet->width + (size_t)x);
}

/* The side of a cell (tile and gap) and of the gap, from the sheet's own size. */
static int cell_of(const ss_image *sheet, int columns, int rows, int *gap) {
  const int difference = columns - rows;
  const int cell = difference ? (sheet->width - sheet->height) / difference : 0;
  *gap = sheet->height - rows * cell;
  return cell;
}

static void every_view_is_in_its_place(void **state) {
  (void)state;
  static const int sizes[] = {8, 32, 96, 224};
  ss_image sheet = {0};
  ss_error error = {{0}};
  for (int i = 0; i < 4; i++) {
    for (int batch = 1; batch <= 20; batch += sizes[i] > 96 ? 19 : 3) {
      scene s;
      make_scene(&s, sizes[i], 2, batch);
      assert_int_equal(ss_sheet_of_views(&s.task, &s.shown, 0, &sheet, &error), SS_OK);
      const int columns = batch < 12 ? batch : 12;
      int gap = 0;
      const int cell = cell_of(&sheet, columns, 2, &gap);
      assert_in_range(gap, 4, 32);
      assert_in_range(cell - gap, 64, 192);
      assert_int_equal(sheet.width, columns * cell + gap);
      for (int k = 0; k < 2 * columns; k++) {
        uint8_t colour[3];
        const int left = gap + k % columns * cell, top = gap + k / columns * cell, last = cell - gap - 1;
        colour_of(k / columns, k % columns, colour);
        assert_memory_equal(pixel(&sheet, left, top), colour, 3);
        assert_memory_equal(pixel(&sheet, left + last, top + last), colour, 3);
        assert_memory_not_equal(pixel(&sheet, left - 1, top), colour, 3);
        assert_memory_not_equal(pixel(&sheet, left + last + 1, top + last), colour, 3);
      }
      free_scene(&s);
    }
  }
  ss_image_free(&sheet);
}

static void small_pictures_are_enlarged_by_whole_pixels(void **state) {
  (void)state;
  ss_image sheet = {0}, picture = support_picture(5, 5, 1);
  ss_error error = {{0}};
  assert_int_equal(ss_sheet_new(&sheet, 1, 1, 60, &error), SS_OK);
  ss_sheet_put(&sheet, 60, 0, 0, &picture);
  const int start = (sheet.width - 60) / 2;
  for (int y = 0; y < 60; y++) {
    for (int x = 0; x < 60; x++) {
      assert_memory_equal(pixel(&sheet, start + x, start + y), picture.pixels + 3 * (y / 12 * 5 + x / 12), 3);
    }
  }
  ss_image_free(&picture);
  ss_image_free(&sheet);
}

/* A board of single black and white pixels becomes even grey, also of a picture that is not square. */
static void large_pictures_are_averaged(void **state) {
  (void)state;
  ss_image sheet = {0}, picture = {0};
  ss_error error = {{0}};
  assert_int_equal(ss_image_resize_buffer(&picture, 128, 64, 1, &error), SS_OK);
  for (int i = 0; i < 128 * 64; i++) {
    picture.pixels[i] = (i % 128 + i / 128) % 2 ? 255 : 0;
  }
  assert_int_equal(ss_sheet_new(&sheet, 1, 1, 64, &error), SS_OK);
  uint8_t ground[3];
  memcpy(ground, pixel(&sheet, 0, 0), 3);
  ss_sheet_put(&sheet, 64, 0, 0, &picture);
  const int start = (sheet.width - 64) / 2;
  for (int x = 0; x < 64; x++) {
    assert_int_equal(pixel(&sheet, start + x, start + 32)[0], 128);
    assert_memory_equal(pixel(&sheet, start + x, start + 15), ground, 3);
    assert_memory_equal(pixel(&sheet, start + x, start + 48), ground, 3);
  }
  ss_image_free(&picture);
  ss_image_free(&sheet);
}

static void predictions_are_framed_right_and_wrong(void **state) {
  (void)state;
  ss_image sheet = {0};
  ss_error error = {{0}};
  for (int size = 8; size <= 224; size += 72) {
    scene s;
    make_scene(&s, size, 4, 7);
    for (int i = 0; i < 28; i++) {
      s.prediction[4 * i + (i % 3 ? s.labels[i] : (s.labels[i] + 1) % 4)] = 1.0f; /* every third is wrong */
    }
    s.shown.prediction = s.prediction;
    assert_int_equal(ss_sheet_of_rotations(&s.task, &s.shown, &sheet, &error), SS_OK);
    int gap = 0;
    const int cell = cell_of(&sheet, 7, 4, &gap);
    for (int i = 0; i < 28; i++) {
      const int left = gap + i % 7 * cell, top = gap + i / 7 * cell, tile = cell - gap;
      const uint8_t *colour = i % 3 ? ss_colour_right : ss_colour_wrong;
      uint8_t inside[3];
      colour_of(i / 7, i % 7, inside);
      assert_memory_equal(pixel(&sheet, left - 1, top - 1), colour, 3);
      assert_memory_equal(pixel(&sheet, left + tile, top + tile), colour, 3);
      assert_memory_equal(pixel(&sheet, left, top), inside, 3);
    }
    free_scene(&s);
  }
  scene s;
  make_scene(&s, 32, 4, 3); /* before anything was predicted: the views alone */
  ss_image views = {0};
  assert_int_equal(ss_sheet_of_rotations(&s.task, &s.shown, &sheet, &error), SS_OK);
  assert_int_equal(ss_sheet_of_views(&s.task, &s.shown, 0, &views, &error), SS_OK);
  assert_int_equal(sheet.width, views.width);
  assert_memory_equal(sheet.pixels, views.pixels, 3 * (size_t)sheet.width * (size_t)sheet.height);
  ss_image_free(&views);
  ss_image_free(&sheet);
  free_scene(&s);
}

/* The head is broader than the shaft: where most of the white is, it points. Counter-clockwise from the top. */
static void arrows_point_where_the_top_went(void **state) {
  (void)state;
  static const int ahead[4][2] = {{0, -1}, {-1, 0}, {0, 1}, {1, 0}};
  ss_error error = {{0}};
  for (int quarters = -4; quarters < 8; quarters++) {
    for (int tile = 8; tile <= 128; tile *= 4) {
      ss_image sheet = {0};
      assert_int_equal(ss_sheet_new(&sheet, 1, 1, tile, &error), SS_OK);
      memset(sheet.pixels, 0, 3 * (size_t)sheet.width * (size_t)sheet.height);
      ss_sheet_arrow(&sheet, tile, 0, 0, quarters, (const uint8_t[3]){100, 100, 100});
      double middle[2] = {0}, disc[2] = {0}, white = 0, dark = 0;
      for (int i = 0; i < sheet.width * sheet.height; i++) {
        const double over = sheet.pixels[3 * i] > 100 ? sheet.pixels[3 * i] - 100 : 0, any = sheet.pixels[3 * i] > 45;
        const double at[2] = {i % sheet.width, (double)(i / sheet.width)};
        for (int k = 0; k < 2; k++) {
          middle[k] += over * at[k];
          disc[k] += any * at[k];
        }
        white += over;
        dark += any;
      }
      assert_true(white > 0 && dark > 0);
      const int *to = ahead[(quarters + 4) % 4];
      const double along = (middle[0] / white - disc[0] / dark) * to[0] + (middle[1] / white - disc[1] / dark) * to[1];
      assert_true(along > 0.1);
      ss_image_free(&sheet);
    }
  }
}

static void what_is_no_picture_is_refused(void **state) {
  (void)state;
  scene s;
  make_scene(&s, 8, 1, 2);
  ss_image sheet = {0};
  ss_error error = {{0}};
  assert_int_equal(ss_sheet_of_views(&s.task, &s.shown, 1, &sheet, &error), SS_FAILED);
  assert_non_null(strstr(error.message, "rotations"));
  ss_image_free(&sheet);
  free_scene(&s);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(every_view_is_in_its_place),      cmocka_unit_test(small_pictures_are_enlarged_by_whole_pixels),
      cmocka_unit_test(large_pictures_are_averaged),     cmocka_unit_test(predictions_are_framed_right_and_wrong),
      cmocka_unit_test(arrows_point_where_the_top_went), cmocka_unit_test(what_is_no_picture_is_refused)};
  return cmocka_run_group_tests(tests, NULL, NULL);
}
