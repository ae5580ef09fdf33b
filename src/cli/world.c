/* selfsup world images OUT */
#include "world/world.h"
#include "base/clock.h"
#include "cli/json_output.h"
#include "io/png.h"
#include "methods/sheet.h"

#include <stdio.h>
#include <string.h>

static const ss_flag flags[] = {
    {"count", 'n', "N",
     "pictures of the training part; the test part has a fifth as many "
     "(default 20000)"},
    {"size", 0, "PX", "pixels a side, or WIDTHxHEIGHT (default 32)"},
    {"format", 0, "png|jpeg", "of the pictures; masks and depths are always PNG (default png)"},
    {"quality", 0, "N", "of JPEG, 1 to 100 (default 90)"},
    {"seed", 0, "N", "another seed is another world; the test part has the next one (default 1)"},
    {"threads", 0, "N", "threads (default: the processors there are)"},
    {"sheet", 0, "FILE.png", "draw the first pictures on one sheet as well"},
    SS_JSON_FLAGS};

static ss_status read_options(const ss_arguments *arguments, ss_world_options *options, ss_error *error) {
  const char *kind = arguments->operands[0];
  if (strcmp(kind, "images") != 0) {
    return ss_fail(error, SS_USAGE, "unknown world: %s; there is selfsup world images OUT", kind);
  }
  int64_t count = 0, quality = 0, seed = 0, threads = 0;
  const int classes = ss_world_class_count();
  SS_TRY(ss_arguments_int(arguments, "count", classes, SS_WORLD_MAX_COUNT, 20000, &count, error));
  SS_TRY(ss_arguments_int(arguments, "quality", 1, 100, 90, &quality, error));
  SS_TRY(ss_arguments_int(arguments, "seed", 0, SS_JSON_MAX_INT, 1, &seed, error));
  SS_TRY(ss_arguments_int(arguments, "threads", 1, 1024, 0, &threads, error));
  const char *format = ss_arguments_value(arguments, "format", "png");
  const bool jpeg = strcmp(format, "jpeg") == 0;
  if (!jpeg && strcmp(format, "png") != 0) {
    return ss_fail(error, SS_USAGE, "--format must be png or jpeg, not %s", format);
  }
  if (!jpeg && ss_arguments_has(arguments, "quality")) {
    return ss_fail(error, SS_USAGE, "--quality is of JPEG: add --format jpeg");
  }
  *options = (ss_world_options){.count = (int)count,
                                .format = jpeg ? SS_WORLD_JPEG : SS_WORLD_PNG,
                                .quality = (int)quality,
                                .seed = (uint64_t)seed,
                                .threads = (int)threads};
  return ss_world_read_size(ss_arguments_value(arguments, "size", "32"), "--size", &options->width, &options->height,
                            error);
}

/* What was rendered, and where. */
typedef struct rendered {
  const char *out;
  ss_world_options options;
  double seconds;
} rendered;

static ss_status fill_json(const void *context, cJSON *json, ss_error *error) {
  const rendered *of = context;
  const ss_world_options *options = &of->options;
  SS_TRY(ss_json_add_string(json, "out", of->out, error));
  SS_TRY(ss_json_add_int(json, "classes", ss_world_class_count(), error));
  SS_TRY(ss_json_add_int(json, "train", options->count, error));
  SS_TRY(ss_json_add_int(json, "test", ss_world_test_count(options->count), error));
  SS_TRY(ss_json_add_int(json, "width", options->width, error));
  SS_TRY(ss_json_add_int(json, "height", options->height, error));
  SS_TRY(ss_json_add_int(json, "seed", (int64_t)options->seed, error));
  return ss_json_add_float(json, "seconds", of->seconds, error);
}

/* The first pictures of the training part, whose classes come in turn. */
static ss_status draw(const char *path, const ss_world_options *options, ss_error *error) {
  enum { columns = 8, most_rows = 3, tile = 96 };
  const int classes = ss_world_class_count(), needed = (options->count + columns - 1) / columns;
  const int rows = needed < most_rows ? needed : most_rows;
  ss_world_picture picture = {0};
  ss_image sheet = {0};
  ss_status status = ss_sheet_new(&sheet, columns, rows, tile, error);
  for (int i = 0; i < columns * rows && i < options->count && status == SS_OK; i++) {
    status = ss_world_render(options->seed, (uint32_t)i, i % classes, options->width, options->height, &picture, error);
    if (status == SS_OK) {
      ss_sheet_put(&sheet, tile, i % columns, i / columns, &picture.colour);
    }
  }
  status = status ? status : ss_png_write(path, &sheet, error);
  ss_image_free(&sheet);
  ss_world_picture_free(&picture);
  return status;
}

static ss_status render(const ss_arguments *arguments, ss_error *error) {
  rendered of = {.out = arguments->operands[1]};
  ss_world_options *options = &of.options;
  SS_TRY(read_options(arguments, options, error));
  fprintf(stderr, "rendering %d training and %d test pictures of %d x %d pixels, with boxes, masks and depth\n",
          options->count, ss_world_test_count(options->count), options->width, options->height);
  const double start = ss_clock_seconds();
  SS_TRY(ss_world_write_images(of.out, options, error));
  of.seconds = ss_clock_seconds() - start;
  const char *sheet = ss_arguments_value(arguments, "sheet", NULL);
  if (sheet) {
    SS_TRY(draw(sheet, options, error));
  }
  fprintf(stderr, "done: %s (%d classes, %.1f s)\n", of.out, ss_world_class_count(), of.seconds);
  return ss_json_output(arguments, fill_json, &of, error);
}

static int run(const ss_arguments *arguments) {
  ss_error error = {""};
  return ss_complain(render(arguments, &error), &error);
}

const ss_command ss_command_world = {
    .name = "world",
    .operands = "images OUT",
    .summary = "renders pictures of the procedural world into a folder, with their ground truth",
    .more =
        "One solid a picture, of one of twelve shapes, lit, textured and shadowed. OUT/train/CLASS and OUT/test/CLASS\n"
        "hold the pictures, OUT/*-truth their boxes, masks and depth as in Pascal VOC. The same options give the\n"
        "same files. Commands that read DATA take world:images?n=20000&size=32&seed=1 as well, and render by\n"
        "themselves.",
    .least = 2,
    .most = 2,
    .flags = flags,
    .run = run};
