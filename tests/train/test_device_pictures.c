/* Views made on a GPU are those of the processors, every float of them. Where the build has no GPU there is nothing to
 * compare. */
#include "support.h"

#include "augment/view.h"
#include "engine/kernel.h"
#include "engine/operations.h"
#include "engine/pictures.h"
#include "engine/plan.h"
#include "train/device_views.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

enum { MOST_PICTURES = 32, SEED = 7 };

/* Pictures here, and there. */
typedef struct collection {
  ss_image images[MOST_PICTURES];
  int count;
  ss_device_pictures *pictures;
} collection;

static void must(ss_status status, const ss_error *error) {
  if (status != SS_OK) {
    fail_msg("%s", error->message);
  }
}

/* Stripes of some colours with noise of another strength in each: what changes of colour treat apart. */
static void paint(ss_image *image, int width, int height, int channels, int number) {
  ss_error error = {""};
  must(ss_image_resize_buffer(image, width, height, channels, &error), &error);
  ss_random random = ss_random_stream(SEED, SS_RANDOM_WORLD, 0, (uint64_t)number, 0);
  uint8_t base[3] = {0};
  for (int i = 0; i < width * height; i++) {
    if (i % 37 == 0) {
      for (int c = 0; c < 3; c++) {
        base[c] = (uint8_t)ss_random_below(&random, 256);
      }
    }
    const uint32_t noise = 1 + (uint32_t)(i % 37 * 4);
    for (int c = 0; c < channels; c++) {
      image->pixels[i * channels + c] = (uint8_t)(base[c] / 2 + ss_random_below(&random, noise));
    }
  }
}

static void open_collection(collection *all, const ss_device *device) {
  ss_error error = {""};
  int64_t bytes = 0;
  for (int i = 0; i < all->count; i++) {
    bytes += (int64_t)all->images[i].width * all->images[i].height * all->images[i].channels;
  }
  must(ss_device_pictures_open(device, all->count, bytes, &all->pictures, &error), &error);
  for (int i = 0; i < all->count; i++) {
    const ss_image *image = &all->images[i];
    must(ss_device_pictures_add(all->pictures, image->pixels, image->width, image->height, image->channels, &error),
         &error);
  }
}

/* Pictures of the sizes, each in colour and in grey. */
static void make_collection(collection *all, const ss_device *device, const int (*sizes)[2], int count) {
  *all = (collection){.count = 2 * count};
  for (int i = 0; i < all->count; i++) {
    paint(&all->images[i], sizes[i / 2][0], sizes[i / 2][1], i % 2 ? 1 : 3, i);
  }
  open_collection(all, device);
}

static void close_collection(collection *all) {
  ss_device_pictures_close(all->pictures);
  for (int i = 0; i < all->count; i++) {
    ss_image_free(&all->images[i]);
  }
}

/* Views of 64 pixels of the first two are made in shared memory, those of the last in global memory. */
static const int small_sizes[][2] = {{1, 1}, {32, 32}, {3, 40}, {40, 2}, {17, 32}, {48, 31}};
static const int middle_sizes[][2] = {{64, 64}, {96, 96}, {20, 128}, {100, 7}};
static const int large_sizes[][2] = {{700, 500}, {500, 700}, {224, 224}, {12, 600}, {650, 30}, {1, 5}};

static ss_view_options all_options(int size) {
  ss_view_options options = ss_view_options_simclr(size);
  options.blur = 0.5f;
  options.max_sigma = 5.0f;
  options.solarize = 0.3f;
  options.gray = 0.2f;
  return options;
}

static ss_view_draw *new_draws(int count) {
  ss_view_draw *draws = calloc((size_t)count, sizeof *draws);
  assert_non_null(draws);
  return draws;
}

static size_t floats_of(int size, int count) {
  return (size_t)count * (size_t)size * (size_t)size * 3;
}

static void *reserve(const ss_device *device, size_t floats) {
  ss_error error = {""};
  void *there = NULL;
  must(device->memory->reserve(floats * sizeof(float), "a test", &there, &error), &error);
  return there;
}

static float *bring(const ss_device *device, const void *there, size_t floats) {
  ss_error error = {""};
  float *here = malloc(floats * sizeof *here);
  assert_non_null(here);
  must(device->memory->download(here, there, floats * sizeof *here, &error), &error);
  return here;
}

static float *made_there(const ss_device *device, const collection *all, const ss_view_options *options,
                         const ss_device_view *views, int count) {
  ss_error error = {""};
  const size_t floats = floats_of(options->size, count);
  void *there = reserve(device, floats);
  must(ss_device_pictures_views(all->pictures, views, count, options->size, options->mean, options->deviation, there,
                                &error),
       &error);
  float *here = bring(device, there, floats);
  device->memory->release(there);
  return here;
}

static void expect_view(const collection *all, const ss_view_options *options, int picture, const ss_view_draw *draw,
                        const float *made) {
  ss_error error = {""};
  ss_view_scratch scratch = {0};
  ss_image view = {0};
  const size_t floats = floats_of(options->size, 1);
  float *expected = malloc(floats * sizeof *expected);
  assert_non_null(expected);
  must(ss_view_make(&all->images[picture], options, draw, &scratch, &view, &error), &error);
  ss_image_to_float(&view, 3, options->mean, options->deviation, false, expected);
  for (size_t i = 0; i < floats; i++) {
    if (!(made[i] == expected[i])) { /* a NaN is a difference too */
      fail_msg("float %zu of a view of %d pixels of picture %d (%d x %d x %d), crop %d x %d at (%d, %d): %g, not %g", i,
               options->size, picture, all->images[picture].width, all->images[picture].height,
               all->images[picture].channels, draw->crop.width, draw->crop.height, draw->crop.left, draw->crop.top,
               (double)made[i], (double)expected[i]);
    }
  }
  free(expected);
  ss_image_free(&view);
  ss_scratch_free(&scratch);
}

/* A view for each draw, of pictures 0, 1, ... in turn. */
static void expect_views(const ss_device *device, const collection *all, const ss_view_options *options,
                         const ss_view_draw *draws, int count) {
  ss_device_view *views = calloc((size_t)count, sizeof *views);
  assert_non_null(views);
  for (int i = 0; i < count; i++) {
    views[i] = ss_device_view_of(options, &draws[i], i % all->count);
  }
  float *made = made_there(device, all, options, views, count);
  for (int i = 0; i < count; i++) {
    expect_view(all, options, i % all->count, &draws[i], made + floats_of(options->size, i));
  }
  free(made);
  free(views);
}

static void expect_random_views(const ss_device *device, const collection *all, int size, int count) {
  const ss_view_options options = all_options(size);
  ss_view_draw *draws = new_draws(count);
  for (int i = 0; i < count; i++) {
    const ss_image *image = &all->images[i % all->count];
    ss_random random = ss_random_stream(SEED, SS_RANDOM_VIEWS, (uint32_t)size, (uint64_t)i, 0);
    draws[i] = ss_view_draw_random(&options, image->width, image->height, &random);
  }
  expect_views(device, all, &options, draws, count);
  free(draws);
}

static void small_pictures(void **state) {
  (void)state;
  const ss_device *device = support_gpu();
  collection all;
  make_collection(&all, device, small_sizes, sizeof small_sizes / sizeof *small_sizes);
  expect_random_views(device, &all, 1, 24);
  expect_random_views(device, &all, 17, 36); /* more views: more memory */
  expect_random_views(device, &all, 32, 120);
  close_collection(&all);
}

static void middle_pictures(void **state) {
  (void)state;
  const ss_device *device = support_gpu();
  collection all;
  make_collection(&all, device, middle_sizes, sizeof middle_sizes / sizeof *middle_sizes);
  expect_random_views(device, &all, 32, 24);
  expect_random_views(device, &all, 64, 48);
  close_collection(&all);
}

static void large_pictures(void **state) {
  (void)state;
  const ss_device *device = support_gpu();
  collection all;
  make_collection(&all, device, large_sizes, sizeof large_sizes / sizeof *large_sizes);
  expect_random_views(device, &all, 1, 12);
  expect_random_views(device, &all, 17, 24);
  expect_random_views(device, &all, 64, 24);
  expect_random_views(device, &all, 96, 36);
  expect_random_views(device, &all, 224, 24);
  close_collection(&all);
}

/* Both sides stay as they are, or one of them, or they lose so much that the other pass comes first. */
static void crops_of_any_shape(void **state) {
  (void)state;
  const ss_device *device = support_gpu();
  static const int shapes[][2] = {{32, 32}, {32, 50}, {32, 9}, {50, 32}, {9, 32}, {40, 90}, {90, 40}, {8, 90}};
  enum { COUNT = sizeof shapes / sizeof *shapes };
  const int size[][2] = {{96, 96}};
  collection all;
  make_collection(&all, device, size, 1);
  for (int flip = 0; flip < 2; flip++) {
    ss_view_options options = ss_view_options_crop(32, 0.08f);
    ss_view_draw *draws = new_draws(2 * COUNT);
    for (int i = 0; i < 2 * COUNT; i++) {
      draws[i] = (ss_view_draw){.crop = {i % 5, i % 3, shapes[i / 2][0], shapes[i / 2][1]}, .flip = flip};
    }
    expect_views(device, &all, &options, draws, 2 * COUNT);
    free(draws);
  }
  close_collection(&all);
}

static void blurs_of_any_strength(void **state) {
  (void)state;
  const ss_device *device = support_gpu();
  static const float sigmas[] = {0.1f, 0.4f, 0.7f, 1.0f, 1.5f, 1.99f, 2.0f, 2.7f, 3.3f, 4.1f, 5.0f, 30.0f, 100.0f};
  enum { COUNT = sizeof sigmas / sizeof *sigmas };
  static const int sides[] = {1, 2, 17, 33, 96};
  collection all;
  make_collection(&all, device, middle_sizes, sizeof middle_sizes / sizeof *middle_sizes);
  for (size_t k = 0; k < sizeof sides / sizeof *sides; k++) {
    const ss_view_options options = all_options(sides[k]);
    ss_view_draw *draws = new_draws(COUNT);
    for (int i = 0; i < COUNT; i++) {
      const ss_image *image = &all.images[i % all.count];
      draws[i] = (ss_view_draw){.crop = {0, 0, image->width, image->height}, .blur = true, .sigma = sigmas[i]};
    }
    expect_views(device, &all, &options, draws, COUNT);
    free(draws);
  }
  close_collection(&all);
}

/* Of a quarter of a million colours each, so that a number rounded elsewhere shows. */
static void colours(void **state) {
  (void)state;
  const ss_device *device = support_gpu();
  enum { SIDE = 512, COUNT = 8 };
  ss_error error = {""};
  collection all = {.count = 1};
  must(ss_image_resize_buffer(&all.images[0], SIDE, SIDE, 3, &error), &error);
  ss_random random = ss_random_stream(SEED, SS_RANDOM_WORLD, 1, 0, 0);
  for (int i = 0; i < SIDE * SIDE * 3; i++) {
    all.images[0].pixels[i] = (uint8_t)ss_random_below(&random, 256);
  }
  open_collection(&all, device);
  const ss_view_options options = all_options(SIDE);
  ss_view_draw *draws = new_draws(COUNT);
  for (int i = 0; i < COUNT; i++) {
    draws[i] = (ss_view_draw){.crop = {0, 0, SIDE, SIDE}, .jitter = true, .order = {3, 2, 1, 0}};
    draws[i].factor[SS_VIEW_HUE] = (float)i / (COUNT - 1) - 0.5f;
    for (int change = SS_VIEW_BRIGHTNESS; change < SS_VIEW_HUE; change++) {
      draws[i].factor[change] = i < 3 ? 1.0f : ss_random_between(&random, 0.2f, 1.8f);
    }
  }
  expect_views(device, &all, &options, draws, COUNT);
  free(draws);
  close_collection(&all);
}

/* Batches queued one after the other, the second of which needs more memory than the first. */
static void queued_batches(void **state) {
  (void)state;
  const ss_device *device = support_gpu();
  enum { SIZE = 32, MOST = 40 };
  collection all;
  make_collection(&all, device, small_sizes, sizeof small_sizes / sizeof *small_sizes);
  const ss_view_options options = all_options(SIZE);
  static const int counts[] = {8, MOST, 3};
  void *there[3];
  ss_device_view views[MOST];
  ss_view_draw *draws[3];
  ss_error error = {""};
  for (int k = 0; k < 3; k++) {
    draws[k] = new_draws(counts[k]);
    for (int i = 0; i < counts[k]; i++) {
      const ss_image *image = &all.images[i % all.count];
      ss_random random = ss_random_stream(SEED, SS_RANDOM_VIEWS, 1000 + (uint32_t)k, (uint64_t)i, 0);
      draws[k][i] = ss_view_draw_random(&options, image->width, image->height, &random);
      views[i] = ss_device_view_of(&options, &draws[k][i], i % all.count);
    }
    there[k] = reserve(device, floats_of(SIZE, counts[k]));
    must(ss_device_pictures_views(all.pictures, views, counts[k], SIZE, options.mean, options.deviation, there[k],
                                  &error),
         &error);
    memset(views, 0xFF, sizeof views);
  }
  for (int k = 0; k < 3; k++) {
    float *made = bring(device, there[k], floats_of(SIZE, counts[k]));
    for (int i = 0; i < counts[k]; i++) {
      expect_view(&all, &options, i % all.count, &draws[k][i], made + floats_of(SIZE, i));
    }
    free(made);
    free(draws[k]);
    device->memory->release(there[k]);
  }
  close_collection(&all);
}

static void expect_refusal(ss_status status, const ss_error *error, const char *text) {
  assert_int_equal(status, SS_USAGE);
  if (!strstr(error->message, text)) {
    fail_msg("\"%s\" does not say \"%s\"", error->message, text);
  }
}

static void stores_that_are_too_small(void **state) {
  (void)state;
  const ss_device *device = support_gpu();
  ss_device_pictures *pictures = NULL;
  ss_error error = {""};
  const uint8_t pixels[8 * 8 * 3] = {0};
  must(ss_device_pictures_open(device, 2, 8 * 8 * 3 + 8 * 8, &pictures, &error), &error);
  must(ss_device_pictures_add(pictures, pixels, 8, 8, 3, &error), &error);
  expect_refusal(ss_device_pictures_add(pictures, pixels, 8, 8, 3, &error), &error, "no room");
  expect_refusal(ss_device_pictures_add(pictures, pixels, 8, 8, 2, &error), &error, "channels");
  expect_refusal(ss_device_pictures_add(pictures, pixels, 0, 8, 1, &error), &error, "sides");
  must(ss_device_pictures_add(pictures, pixels, 8, 7, 1, &error), &error);
  expect_refusal(ss_device_pictures_add(pictures, pixels, 8, 1, 1, &error), &error, "no room");
  ss_device_pictures_close(pictures);
  assert_int_equal(ss_device_pictures_open(device, 1, (int64_t)1 << 60, &pictures, &error), SS_NO_MEMORY);
  assert_null(pictures);
}

static void views_out_of_range(void **state) {
  (void)state;
  const ss_device *device = support_gpu();
  const int size[][2] = {{20, 10}};
  collection all;
  make_collection(&all, device, size, 1);
  const ss_view_options options = all_options(8);
  const ss_device_view fine = {.width = 20, .height = 10, .solarize_from = SS_VIEW_NEVER_SOLARIZE};
  ss_device_view views[9];
  for (int i = 0; i < 9; i++) {
    views[i] = fine;
  }
  views[0].picture = 2;
  views[1].picture = -1;
  views[2].left = 1;
  views[3].top = -1;
  views[4].width = 0;
  views[5].sigma = NAN;
  views[6].changes = 5;
  views[7].changes = 1, views[7].change[0] = 4;
  views[8].changes = 1, views[8].factor[0] = -1.0f;
  void *there = reserve(device, floats_of(8, 1));
  ss_error error = {""};
  for (int i = 0; i < 9; i++) {
    expect_refusal(
        ss_device_pictures_views(all.pictures, &views[i], 1, 8, options.mean, options.deviation, there, &error), &error,
        "a");
  }
  expect_refusal(ss_device_pictures_views(all.pictures, &fine, 1, 0, options.mean, options.deviation, there, &error),
                 &error, "size");
  must(ss_device_pictures_views(all.pictures, &fine, 0, 8, options.mean, options.deviation, there, &error), &error);
  device->memory->release(there);
  close_collection(&all);
}

static void not_on_the_processors(void **state) {
  (void)state;
  ss_device_pictures *pictures = NULL;
  ss_error error = {""};
  const ss_device *device = NULL;
  assert_int_equal(ss_device_pictures_open(NULL, 1, 1, &pictures, &error), SS_FAILED);
  must(ss_device_open("cpu", &device, &error), &error);
  assert_int_equal(ss_device_pictures_open(device, 1, 1, &pictures, &error), SS_FAILED);
  assert_null(pictures);
}

/* ---- a plan's input ---- */

enum { BATCH = 3, SIZE = 8 };

typedef struct small_plan {
  ss_graph *graph;
  ss_tensor *input, *other, *output;
  ss_plan *plan;
} small_plan;

/* output = input + other. */
static small_plan make_plan(const ss_device *device) {
  ss_error error = {""};
  const ss_shape shape = ss_shape_of(BATCH, SIZE, SIZE, 3);
  small_plan made = {.graph = ss_graph_new(NULL, &(ss_graph_options){.compute = SS_F32})};
  assert_non_null(made.graph);
  made.input = ss_graph_input(made.graph, "input", SS_F32, shape);
  made.other = ss_graph_input(made.graph, "other", SS_F32, shape);
  made.output = ss_add(made.graph, made.input, made.other);
  ss_graph_keep(made.graph, made.output);
  must(ss_plan_new(made.graph, &(ss_plan_options){.device = device, .threads = 1}, &made.plan, &error), &error);
  return made;
}

static void close_plan(small_plan *made) {
  ss_plan_free(made->plan);
  ss_graph_free(made->graph);
}

static void inputs_of_plans(void **state) {
  (void)state;
  const ss_device *device = support_gpu();
  collection all;
  make_collection(&all, device, small_sizes, sizeof small_sizes / sizeof *small_sizes);
  const ss_view_options options = all_options(SIZE);
  small_plan made = make_plan(device);
  ss_error error = {""};
  void *place = ss_plan_input_place(made.plan, made.input);
  assert_non_null(place);
  assert_ptr_equal(ss_plan_input_place(made.plan, made.input), place);
  assert_null(ss_plan_input_place(made.plan, made.output));
  const size_t floats = floats_of(SIZE, BATCH);
  for (uint64_t run = 0; run < 4; run++) { /* asked for, recorded, replayed */
    ss_device_view views[BATCH];
    ss_view_draw draws[BATCH];
    for (int i = 0; i < BATCH; i++) {
      ss_random random = ss_random_stream(SEED, SS_RANDOM_VIEWS, 2000, run, (uint32_t)i);
      draws[i] = ss_view_draw_random(&options, all.images[i].width, all.images[i].height, &random);
      views[i] = ss_device_view_of(&options, &draws[i], i);
    }
    must(ss_device_pictures_views(all.pictures, views, BATCH, SIZE, options.mean, options.deviation, place, &error),
         &error);
    float *other = ss_plan_data(made.plan, made.other);
    for (size_t i = 0; i < floats; i++) {
      other[i] = (float)run;
    }
    must(ss_plan_run(made.plan, run, &error), &error);
    const float *input = ss_plan_data(made.plan, made.input), *output = ss_plan_data(made.plan, made.output);
    for (int i = 0; i < BATCH; i++) {
      expect_view(&all, &options, i, &draws[i], input + floats_of(SIZE, i));
    }
    for (size_t i = 0; i < floats; i++) {
      assert_true(output[i] == input[i] + (float)run);
    }
  }
  close_plan(&made);
  close_collection(&all);
}

static void inputs_of_plans_on_the_processors(void **state) {
  (void)state;
  const ss_device *device = NULL;
  ss_error error = {""};
  must(ss_device_open("cpu", &device, &error), &error);
  small_plan made = make_plan(device);
  assert_null(ss_plan_input_place(made.plan, made.input));
  assert_non_null(ss_plan_data(made.plan, made.input));
  close_plan(&made);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(small_pictures),        cmocka_unit_test(middle_pictures),
      cmocka_unit_test(large_pictures),        cmocka_unit_test(crops_of_any_shape),
      cmocka_unit_test(blurs_of_any_strength), cmocka_unit_test(colours),
      cmocka_unit_test(queued_batches),        cmocka_unit_test(stores_that_are_too_small),
      cmocka_unit_test(views_out_of_range),    cmocka_unit_test(not_on_the_processors),
      cmocka_unit_test(inputs_of_plans),       cmocka_unit_test(inputs_of_plans_on_the_processors),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
