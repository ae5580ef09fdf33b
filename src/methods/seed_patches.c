#include "methods/seed_patches.h"

#include "base/compiler.h"

#include <stdlib.h>
#include <string.h>

/* ---- places ---- */

/* Luma times 16, so that its differences are whole numbers. */
static inline int luma(const ss_image *picture, int x, int y) {
  const uint8_t *pixel = picture->pixels + ((ptrdiff_t)y * picture->width + x) * picture->channels;
  return picture->channels == 3 ? 5 * pixel[0] + 9 * pixel[1] + 2 * pixel[2] : 16 * pixel[0];
}

/* above[(y, x)] = the sum of squared gradient magnitudes over all pixels above and left of (x, y); (height + 1) rows of
 * (width + 1). Central differences; at the edge the pixel stands for its missing neighbour. */
static void sum_gradients(const ss_image *picture, uint64_t *above) {
  const int width = picture->width, height = picture->height;
  const ptrdiff_t pitch = width + 1;
  memset(above, 0, (size_t)pitch * sizeof *above);
  for (int y = 0; y < height; y++) {
    uint64_t row = 0;
    above[(y + 1) * pitch] = 0;
    for (int x = 0; x < width; x++) {
      const int64_t across = luma(picture, x + 1 < width ? x + 1 : x, y) - luma(picture, x > 0 ? x - 1 : x, y);
      const int64_t down = luma(picture, x, y + 1 < height ? y + 1 : y) - luma(picture, x, y > 0 ? y - 1 : y);
      row += (uint64_t)(across * across + down * down);
      above[(y + 1) * pitch + x + 1] = above[y * pitch + x + 1] + row;
    }
  }
}

static bool overlaps(int left, int top, const ss_box *places, int count) {
  for (int i = 0; i < count; i++) {
    if (abs(left - places[i].left) < places[i].width && abs(top - places[i].top) < places[i].height) {
      return true;
    }
  }
  return false;
}

/* weights[place] = the sum over the square there plus one, so that every free place can be drawn; 0 where it overlaps.
 * Returns their total. */
static double weigh(const uint64_t *above, int width, int columns, int rows, int side, const ss_box *taken, int count,
                    double *weights) {
  const ptrdiff_t pitch = width + 1;
  double total = 0.0;
  for (int y = 0; y < rows; y++) {
    for (int x = 0; x < columns; x++) {
      const uint64_t *corner = above + y * pitch + x;
      const uint64_t inside = corner[side * pitch + side] - corner[side * pitch] - corner[side] + corner[0];
      const double weight = overlaps(x, y, taken, count) ? 0.0 : (double)inside + 1.0;
      weights[(ptrdiff_t)y * columns + x] = weight;
      total += weight;
    }
  }
  return total;
}

/* The first place at which the running sum exceeds `target`. */
static int find(const double *weights, int places, double target) {
  int last = 0;
  for (int i = 0; i < places; i++) {
    if (weights[i] > 0.0) {
      last = i;
      target -= weights[i];
      if (target < 0.0) {
        break;
      }
    }
  }
  return last;
}

ss_status ss_seed_places(const ss_image *picture, int side, int count, ss_random *random, ss_view_scratch *scratch,
                         ss_box *places, ss_error *error) {
  if (side < 1 || picture->width < side || picture->height < side) {
    return ss_fail(error, SS_FAILED, "a picture of %d x %d pixels has no place for a patch of %d", picture->width,
                   picture->height, side);
  }
  const int columns = picture->width - side + 1, rows = picture->height - side + 1;
  const size_t pixels = ((size_t)picture->width + 1) * ((size_t)picture->height + 1);
  void *above = NULL, *weights = NULL;
  SS_TRY(ss_scratch_get(scratch, SS_SCRATCH_ROWS, pixels * sizeof(uint64_t), &above, error));
  SS_TRY(ss_scratch_get(scratch, SS_SCRATCH_STRIP, pixels * sizeof(double), &weights, error));
  sum_gradients(picture, above);
  for (int i = 0; i < count; i++) {
    double total = weigh(above, picture->width, columns, rows, side, places, i, weights);
    if (total == 0.0) { /* no place is free */
      total = weigh(above, picture->width, columns, rows, side, places, 0, weights);
    }
    const int place = find(weights, columns * rows, total * (double)ss_random_uniform(random));
    places[i] = (ss_box){.left = place % columns, .top = place / columns, .width = side, .height = side};
  }
  return SS_OK;
}

/* ---- transformations ---- */

ss_seed_draw ss_seed_draw_random(ss_random *random) {
  const float most_rotation = 20.0f * 3.14159265f / 180.0f;
  ss_seed_draw draw = {.scale = ss_random_between_logarithms(random, 0.7f, 1.4f)};
  for (int i = 0; i < 2; i++) {
    draw.translation[i] = ss_random_between(random, -0.2f, 0.2f);
  }
  draw.rotation = ss_random_between(random, -most_rotation, most_rotation);
  for (int i = 0; i < 3; i++) {
    draw.contrast[i] = ss_random_between_logarithms(random, 0.5f, 2.0f);
  }
  draw.colour = ss_hsv_draw(random);
  return draw;
}

/* From the patch, `side` pixels square, to the picture: about the patch's centre, which comes to the place's. */
static ss_homography to_picture(ss_box place, const ss_seed_draw *draw, int side) {
  const double zoom = (double)place.width / side, half = 0.5 * side;
  const double centre_x = place.left + 0.5 * place.width + (double)draw->translation[0] * place.width;
  const double centre_y = place.top + 0.5 * place.height + (double)draw->translation[1] * place.height;
  return ss_homography_affine(&(ss_affine_parameters){.rotation = (double)draw->rotation,
                                                      .scale = (double)draw->scale * zoom,
                                                      .translation = {centre_x - half, centre_y - half}},
                              half, half);
}

ss_status ss_seed_make(const ss_image *picture, ss_box place, const ss_seed_draw *draw,
                       const ss_colour_components *components, int side, ss_image *out, ss_error *error) {
  const ss_homography from = to_picture(place, draw, side);
  SS_TRY(ss_warp(picture, &from, side, side, SS_BORDER_REFLECT, NULL, out, error));
  ss_scale_components(out, components, draw->contrast);
  ss_hsv_apply(out, &draw->colour);
  return SS_OK;
}
