#include "support_places.h"

#include "augment/normalise.h"
#include "methods/patches.h"

#include <math.h>

ss_image support_place_picture(int size) {
  ss_image picture = {0};
  assert_int_equal(ss_image_resize_buffer(&picture, size, size, 3, NULL), SS_OK);
  for (int i = 0; i < size * size; i++) {
    const int x = i % size, y = i / size;
    picture.pixels[3 * i] = (uint8_t)x;
    picture.pixels[3 * i + 1] = (uint8_t)y;
    picture.pixels[3 * i + 2] = (uint8_t)((x + 2 * y) / 3);
  }
  return picture;
}

int support_level(float value, int channel) {
  return (int)lroundf(255.0f * (value * SS_PATCH_DEVIATION + ss_imagenet_mean[channel]));
}

void support_place_of(const float *patch, int side, int size, int *left, int *top, bool *mirrored) {
  const int first = support_level(patch[0], 0), second = support_level(patch[3], 0);
  *mirrored = second < first;
  *left = *mirrored ? size - 1 - first : first;
  *top = support_level(patch[1], 1);
  for (int i = 0; i < side * side; i++) {
    const int x = *left + i % side, y = *top + i / side;
    assert_int_equal(support_level(patch[3 * i], 0), *mirrored ? size - 1 - x : x);
    assert_int_equal(support_level(patch[3 * i + 1], 1), y);
  }
}
