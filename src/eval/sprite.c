#include "eval/sprite.h"

#include "augment/crop.h"

#include <math.h>
#include <string.h>

int ss_sprite_columns(uint32_t count) {
  return (int)ceil(sqrt((double)count));
}

static void put(ss_image *sprite, int tile, int column, int row, const ss_image *small) {
  for (int y = 0; y < tile; y++) {
    const size_t to = ((size_t)row * (size_t)tile + (size_t)y) * (size_t)sprite->width + (size_t)column * (size_t)tile;
    memcpy(sprite->pixels + 3 * to, small->pixels + 3 * (size_t)y * (size_t)tile, 3 * (size_t)tile);
  }
}

static ss_status draw(const ss_source *source, const uint32_t *samples, uint32_t count, int tile, ss_decoder *decoder,
                      ss_image *sprite, ss_error *error) {
  const ss_decode_options options = {.smallest_side = tile};
  const int columns = ss_sprite_columns(count);
  ss_image picture = {0}, small = {0};
  ss_view_scratch scratch = {0};
  ss_status status = SS_OK;
  for (uint32_t i = 0; i < count && status == SS_OK; i++) {
    if (ss_source_read(source, samples[i], decoder, &options, &picture, NULL) != SS_OK) {
      continue;
    }
    const int shorter = picture.width < picture.height ? picture.width : picture.height;
    const ss_box box = ss_crop_centre(picture.width, picture.height, shorter, shorter);
    status = ss_resize_box(&picture, box, tile, tile, SS_RESAMPLE_BICUBIC, &scratch, &small, error);
    if (status == SS_OK) {
      put(sprite, tile, (int)(i % (uint32_t)columns), (int)(i / (uint32_t)columns), &small);
    }
  }
  ss_scratch_free(&scratch);
  ss_image_free(&small);
  ss_image_free(&picture);
  return status;
}

ss_status ss_sprite_draw(const ss_source *source, const uint32_t *samples, uint32_t count, int tile, ss_image *sprite,
                         ss_error *error) {
  const int columns = ss_sprite_columns(count), rows = (int)((count + (uint32_t)columns - 1) / (uint32_t)columns);
  ss_decoder *decoder = NULL;
  SS_TRY(ss_image_resize_buffer(sprite, columns * tile, rows * tile, 3, error));
  memset(sprite->pixels, 128, 3 * (size_t)sprite->width * (size_t)sprite->height);
  SS_TRY(ss_decoder_create(&decoder, error));
  const ss_status status = draw(source, samples, count, tile, decoder, sprite, error);
  ss_decoder_free(decoder);
  return status;
}
