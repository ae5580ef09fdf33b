#include "augment/solarize.h"

#include "base/compiler.h"

#include <stddef.h>

SS_MULTIVERSION static void invert_from(uint8_t *pixels, size_t n, int threshold) {
  for (size_t i = 0; i < n; i++) {
    pixels[i] = (uint8_t)(pixels[i] >= threshold ? 255 - pixels[i] : pixels[i]);
  }
}

void ss_solarize(ss_image *image, int threshold) {
  invert_from(image->pixels, (size_t)image->width * (size_t)image->height * (size_t)image->channels, threshold);
}
