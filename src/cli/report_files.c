/* The pictures that a run has left: its first layer's filters, and what the method saw and predicted. */
#include "augment/resize.h"
#include "base/file.h"
#include "base/memory.h"
#include "cli/report_pictures.h"
#include "cli/report_run.h"
#include "io/png.h"
#include "io/safetensors.h"
#include "train/run.h"

#include <dirent.h>
#include <errno.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

/* ---- filters ---- */

enum { gap = 4, least_tile = 28, most_filters = 512 };

/* Draws one filter, weights (channels, height, width), each `scale` pixels a side; grey but for three channels. */
static void draw_filter(const float *weights, const int64_t dims[4], int scale, int left, int top, ss_image *image) {
  const int64_t channels = dims[1], area = dims[2] * dims[3];
  const bool colour = channels == 3;
  float low = INFINITY, high = -INFINITY;
  for (int64_t i = 0; i < channels * area; i++) {
    low = fminf(low, weights[i]);
    high = fmaxf(high, weights[i]);
  }
  const float span = high > low ? high - low : 1.0f;
  for (int64_t y = 0; y < dims[2] * scale; y++) {
    for (int64_t x = 0; x < dims[3] * scale; x++) {
      const int64_t at = y / scale * dims[3] + x / scale;
      uint8_t *pixel = image->pixels + 3 * ((top + y) * image->width + left + x);
      for (int64_t c = 0; c < 3; c++) {
        float value = 0.0f;
        for (int64_t k = 0; k < channels && !colour; k++) { /* the mean of all, brightness as it were */
          value += weights[k * area + at] / (float)channels;
        }
        value = colour ? weights[c * area + at] : value;
        pixel[c] = (uint8_t)lroundf(255.0f * fminf(fmaxf((value - low) / span, 0.0f), 1.0f));
      }
    }
  }
}

static ss_status draw_filters(const float *weights, const int64_t dims[4], ss_image *image, ss_error *error) {
  const int count = dims[0] < most_filters ? (int)dims[0] : most_filters;
  const int columns = count <= 32 ? 8 : 16, rows = (count + columns - 1) / columns;
  const int scale = (int)((least_tile + dims[3] - 1) / dims[3]);
  const int across = (int)dims[3] * scale + gap, down = (int)dims[2] * scale + gap;
  SS_TRY(ss_image_resize_buffer(image, columns * across - gap, rows * down - gap, 3, error));
  memset(image->pixels, 128, 3 * (size_t)image->width * (size_t)image->height);
  for (int i = 0; i < count; i++) {
    draw_filter(weights + i * dims[1] * dims[2] * dims[3], dims, scale, i % columns * across, i / columns * down,
                image);
  }
  return SS_OK;
}

static ss_status draw_first_layer(ss_pool *pool, const ss_safetensors *file, const ss_safetensors_tensor *tensor,
                                  ss_html_picture *picture, ss_error *error) {
  float *weights = NULL;
  uint8_t *bytes = NULL;
  ss_image image = {0};
  SS_TRY(ss_alloc((void **)&weights, (size_t)tensor->count, sizeof *weights, "the filters", error));
  ss_status status = ss_safetensors_read_float(file, tensor, weights, error);
  status = status ? status : draw_filters(weights, tensor->dims, &image, error);
  status = status ? status : ss_png_encode(&image, &bytes, &picture->size, error);
  if (status == SS_OK) {
    picture->type = "image/png";
    picture->width = image.width;
    picture->height = image.height;
    status = ss_pool_take(pool, bytes, error);
    picture->bytes = status == SS_OK ? bytes : NULL;
  }
  status = status ? status
                  : ss_pool_text(pool, &picture->text, error, "%lld filters of %lld x %lld weights",
                                 (long long)tensor->dims[0], (long long)tensor->dims[3], (long long)tensor->dims[2]);
  ss_image_free(&image);
  free(weights);
  return status;
}

/* The first convolution, by torchvision's names; of a split backbone that of the lightness. */
static const ss_safetensors_tensor *find_first_layer(const ss_safetensors *file) {
  static const char *const names[] = {"conv1.weight", "features.0.weight", "lightness.conv1.weight",
                                      "lightness.features.0.weight"};
  for (size_t i = 0; i < sizeof names / sizeof *names; i++) {
    const ss_safetensors_tensor *tensor = ss_safetensors_find(file, names[i]);
    if (tensor && tensor->rank == 4 && tensor->count > 0 && tensor->dims[2] <= 64 && tensor->dims[3] <= 64) {
      return tensor;
    }
  }
  return NULL;
}

ss_status ss_report_read_filters(ss_pool *pool, ss_report_run *run, ss_error *error) {
  char *path = NULL;
  ss_safetensors *file = NULL;
  ss_error reason = {""};
  SS_TRY(ss_run_path(run->path, "backbone.safetensors", &path, error));
  ss_status status = SS_OK;
  if (ss_safetensors_open(&file, path, &reason) != SS_OK) {
    status = ss_pool_text(pool, &run->filters_missing, error, "Not shown: %s.", reason.message);
  } else {
    const ss_safetensors_tensor *tensor = find_first_layer(file);
    const char *why = tensor ? reason.message : "the backbone’s first layer is no convolution that is known";
    if (!tensor || draw_first_layer(pool, file, tensor, &run->filters, &reason) != SS_OK) {
      run->filters.bytes = NULL;
      status = ss_pool_text(pool, &run->filters_missing, error, "Not shown: %s.", why);
    }
  }
  ss_safetensors_close(file);
  free(path);
  return status;
}

/* ---- samples ---- */

enum { large_width = 1280, small_width = 440, most_earlier = 6, large_quality = 88, small_quality = 78 };

static int is_sheet(const struct dirent *entry) {
  const size_t length = strlen(entry->d_name);
  return length > 4 && strcmp(entry->d_name + length - 4, ".png") == 0;
}

/* "step-0001200.png" as "step 1200". */
static ss_status name_sample(ss_pool *pool, const char *file, const char **name, ss_error *error) {
  char *end = NULL;
  const long long step = strncmp(file, "step-", 5) == 0 ? strtoll(file + 5, &end, 10) : 0;
  if (end && end > file + 5 && strcmp(end, ".png") == 0) {
    return ss_pool_text(pool, name, error, "step %lld", step);
  }
  return ss_pool_text(pool, name, error, "%.*s", (int)strlen(file) - 4, file);
}

static ss_status encode_sheet(ss_pool *pool, const ss_image *sheet, int width, int quality, ss_html_picture *picture,
                              ss_error *error) {
  if (sheet->width <= width) {
    return ss_report_encode(pool, sheet, quality, picture, error);
  }
  ss_view_scratch scratch = {0};
  ss_image small = {0};
  const int height = (int)lround((double)sheet->height * width / sheet->width);
  ss_status status = ss_resize(sheet, width, height > 0 ? height : 1, SS_RESAMPLE_LANCZOS, &scratch, &small, error);
  status = status ? status : ss_report_encode(pool, &small, quality, picture, error);
  ss_image_free(&small);
  ss_scratch_free(&scratch);
  return status;
}

static ss_status read_sample(ss_pool *pool, const char *folder, const char *file, bool last, ss_report_sample *sample,
                             ss_error *error) {
  char *path = NULL, *bytes = NULL;
  size_t size = 0;
  ss_image sheet = {0};
  SS_TRY(ss_path_join(&path, folder, file, error));
  ss_status status = ss_file_read(path, (size_t)1 << 28, &bytes, &size, error);
  status = status ? status : ss_decode_image((const uint8_t *)bytes, size, NULL, &sheet, error);
  status = status ? status
                  : encode_sheet(pool, &sheet, last ? large_width : small_width, last ? large_quality : small_quality,
                                 &sample->picture, error);
  status = status ? status : name_sample(pool, file, &sample->name, error);
  status = status ? status
                  : ss_pool_text(pool, &sample->picture.text, error, "What the method saw and predicted at %s",
                                 sample->name);
  ss_image_free(&sheet);
  free(bytes);
  free(path);
  return status;
}

/* The last sheet, and before it some that are evenly spread. One that cannot be read is left out. */
static ss_status read_sheets(ss_pool *pool, ss_report_run *run, const char *folder, struct dirent **entries, int count,
                             ss_error *error) {
  const int shown = count <= most_earlier + 1 ? count : most_earlier + 1;
  SS_TRY(ss_pool_alloc(pool, (void **)&run->samples, (size_t)shown, sizeof *run->samples, error));
  for (int i = 0; i < shown; i++) {
    const int at = shown > 1 ? i * (count - 1) / (shown - 1) : 0;
    const ss_status status =
        read_sample(pool, folder, entries[at]->d_name, i == shown - 1, &run->samples[run->sample_count], error);
    if (status == SS_NO_MEMORY) {
      return status;
    }
    run->sample_count += status == SS_OK;
  }
  return SS_OK;
}

ss_status ss_report_read_samples(ss_pool *pool, ss_report_run *run, ss_error *error) {
  char *folder = NULL;
  struct dirent **entries = NULL;
  SS_TRY(ss_run_path(run->path, "samples", &folder, error));
  const int count = scandir(folder, &entries, is_sheet, alphasort);
  ss_status status = count > 0 ? read_sheets(pool, run, folder, entries, count, error) : SS_OK;
  if (status == SS_OK && run->sample_count == 0) {
    status = ss_pool_text(pool, &run->samples_missing, error, "%s has no pictures.", folder);
  }
  for (int i = 0; i < count; i++) {
    free(entries[i]);
  }
  free(entries);
  free(folder);
  return status;
}
