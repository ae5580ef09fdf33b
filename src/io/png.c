#include "io/png.h"

#include "base/file.h"

#include <spng.h>
#include <stdlib.h>

typedef struct layout {
  int width;
  int height;
  uint8_t bit_depth;
  uint8_t colour_type;
  int filters;
  const struct spng_plte *palette; /* NULL: none */
} layout;

/* Encodes `size` bytes of pixels; *png is freed with free(). */
static int encode(spng_ctx *context, const layout *as, const void *pixels, size_t size, void **png, size_t *png_size) {
  struct spng_ihdr header = {.width = (uint32_t)as->width,
                             .height = (uint32_t)as->height,
                             .bit_depth = as->bit_depth,
                             .color_type = as->colour_type};
  struct spng_plte palette;
  int outcome = spng_set_ihdr(context, &header);
  if (!outcome && as->palette) {
    palette = *as->palette;
    outcome = spng_set_plte(context, &palette);
  }
  if (!outcome) {
    outcome = spng_set_option(context, SPNG_ENCODE_TO_BUFFER, 1);
  }
  if (!outcome) {
    outcome = spng_set_option(context, SPNG_IMG_COMPRESSION_LEVEL, 1);
  }
  if (!outcome) {
    outcome = spng_set_option(context, SPNG_FILTER_CHOICE, as->filters);
  }
  if (!outcome) {
    outcome = spng_encode_image(context, pixels, size, SPNG_FMT_PNG, SPNG_ENCODE_FINALIZE);
  }
  if (!outcome) {
    *png = spng_get_png_buffer(context, png_size, &outcome);
  }
  return outcome;
}

/* `name` is the file's for messages. */
static ss_status encode_layout(const char *name, const layout *as, const void *pixels, void **png, size_t *png_size,
                               ss_error *error) {
  *png = NULL;
  *png_size = 0;
  if (as->width < 1 || as->height < 1 || as->width > SS_IMAGE_MAX_SIDE || as->height > SS_IMAGE_MAX_SIDE) {
    return ss_fail(error, SS_FAILED, "cannot write %s: %d x %d pixels are not between 1 and %d a side", name, as->width,
                   as->height, SS_IMAGE_MAX_SIDE);
  }
  const size_t channels = as->colour_type == SPNG_COLOR_TYPE_TRUECOLOR ? 3 : 1;
  const size_t size = (size_t)as->width * (size_t)as->height * channels * (as->bit_depth / 8);
  spng_ctx *context = spng_ctx_new(SPNG_CTX_ENCODER);
  if (!context) {
    return ss_fail_memory(error, size, name);
  }
  const int outcome = encode(context, as, pixels, size, png, png_size);
  spng_ctx_free(context);
  if (outcome == SPNG_EMEM) {
    return ss_fail_memory(error, size, name);
  }
  if (outcome) {
    return ss_fail(error, SS_FAILED, "cannot write %s: %s", name, spng_strerror(outcome));
  }
  return SS_OK;
}

static ss_status write_layout(const char *path, const layout *as, const void *pixels, ss_error *error) {
  void *png;
  size_t size;
  SS_TRY(encode_layout(path, as, pixels, &png, &size, error));
  const ss_status status = ss_file_write(path, png, size, SS_FILE_UNSYNCED, error);
  free(png);
  return status;
}

static ss_status image_layout(const char *name, const ss_image *image, layout *as, ss_error *error) {
  if (!image->pixels || (image->channels != 1 && image->channels != 3)) {
    return ss_fail(error, SS_FAILED, "cannot write %s: a picture has 1 or 3 channels, not %d", name, image->channels);
  }
  *as = (layout){.width = image->width,
                 .height = image->height,
                 .bit_depth = 8,
                 .colour_type = image->channels == 3 ? SPNG_COLOR_TYPE_TRUECOLOR : SPNG_COLOR_TYPE_GRAYSCALE,
                 .filters = SPNG_FILTER_CHOICE_SUB | SPNG_FILTER_CHOICE_UP};
  return SS_OK;
}

ss_status ss_png_write(const char *path, const ss_image *image, ss_error *error) {
  layout as = {0};
  SS_TRY(image_layout(path, image, &as, error));
  return write_layout(path, &as, image->pixels, error);
}

ss_status ss_png_encode(const ss_image *image, uint8_t **data, size_t *size, ss_error *error) {
  layout as = {0};
  void *png = NULL;
  *data = NULL;
  *size = 0;
  SS_TRY(image_layout("a picture", image, &as, error));
  SS_TRY(encode_layout("a picture", &as, image->pixels, &png, size, error));
  *data = png;
  return SS_OK;
}

void ss_png_voc_palette(uint8_t (*palette)[3], int colours) {
  for (int index = 0; index < colours; index++) {
    for (int channel = 0; channel < 3; channel++) {
      int value = 0;
      for (int bit = 0; bit < 3; bit++) {
        value |= ((index >> (3 * bit + channel)) & 1) << (7 - bit);
      }
      palette[index][channel] = (uint8_t)value;
    }
  }
}

ss_status ss_png_write_indexed(const char *path, int width, int height, const uint8_t *indices,
                               const uint8_t (*palette)[3], int colours, ss_error *error) {
  if (colours < 1 || colours > 256) {
    return ss_fail(error, SS_FAILED, "cannot write %s: a palette has 1 to 256 colours, not %d", path, colours);
  }
  struct spng_plte entries = {.n_entries = (uint32_t)colours};
  for (int i = 0; i < colours; i++) {
    entries.entries[i] =
        (struct spng_plte_entry){.red = palette[i][0], .green = palette[i][1], .blue = palette[i][2], .alpha = 255};
  }
  if (width >= 1 && height >= 1) {
    const size_t count = (size_t)width * (size_t)height;
    for (size_t i = 0; i < count; i++) {
      if (indices[i] >= colours) {
        return ss_fail(error, SS_FAILED, "cannot write %s: index %d is beyond its %d colours", path, indices[i],
                       colours);
      }
    }
  }
  const layout as = {.width = width,
                     .height = height,
                     .bit_depth = 8,
                     .colour_type = SPNG_COLOR_TYPE_INDEXED,
                     .filters = SPNG_FILTER_CHOICE_NONE,
                     .palette = &entries};
  return write_layout(path, &as, indices, error);
}

ss_status ss_png_write_gray16(const char *path, int width, int height, const uint16_t *values, ss_error *error) {
  const layout as = {.width = width,
                     .height = height,
                     .bit_depth = 16,
                     .colour_type = SPNG_COLOR_TYPE_GRAYSCALE,
                     .filters = SPNG_FILTER_CHOICE_SUB | SPNG_FILTER_CHOICE_UP};
  return write_layout(path, &as, values, error);
}
