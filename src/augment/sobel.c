#include "augment/sobel.h"

/* The sum of a pixel's channels, of the nearest one inside the picture. */
static float grey(const ss_image *image, int x, int y) {
  const int column = x < 0 ? 0 : x >= image->width ? image->width - 1 : x;
  const int row = y < 0 ? 0 : y >= image->height ? image->height - 1 : y;
  const uint8_t *pixel =
      image->pixels + ((size_t)row * (size_t)image->width + (size_t)column) * (size_t)image->channels;
  int sum = 0;
  for (int c = 0; c < image->channels; c++) {
    sum += pixel[c];
  }
  return (float)sum;
}

void ss_image_to_sobel(const ss_image *image, float *out) {
  const float scale = 1.0f / (4.0f * 255.0f * (float)image->channels);
  for (int y = 0; y < image->height; y++) {
    for (int x = 0; x < image->width; x++, out += 3) {
      float horizontal = 0.0f, vertical = 0.0f;
      for (int k = -1; k <= 1; k++) {
        const float weight = k == 0 ? 2.0f : 1.0f;
        horizontal += weight * (grey(image, x + 1, y + k) - grey(image, x - 1, y + k));
        vertical += weight * (grey(image, x + k, y + 1) - grey(image, x + k, y - 1));
      }
      out[0] = horizontal * scale;
      out[1] = vertical * scale;
      out[2] = 0.0f;
    }
  }
}
