#include "methods/image/colours.h"

#include "augment/lab.h"
#include "augment/view.h"
#include "base/memory.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

void ss_colours_shrink(const float *lab, int size, int side, float *ab) {
  for (int y = 0; y < side; y++) {
    const int top = y * size / side, bottom = (y + 1) * size / side;
    for (int x = 0; x < side; x++, ab += 2) {
      const int left = x * size / side, right = (x + 1) * size / side;
      float sum[2] = {0, 0};
      for (int v = top; v < bottom; v++) {
        for (int u = left; u < right; u++) {
          const float *pixel = lab + 3 * ((size_t)v * (size_t)size + (size_t)u);
          sum[0] += pixel[1];
          sum[1] += pixel[2];
        }
      }
      const float count = (float)((bottom - top) * (right - left));
      ab[0] = sum[0] / count;
      ab[1] = sum[1] / count;
    }
  }
}

void ss_colour_hints(const float *lab, int size, int side, int count, ss_random *random, float *hints) {
  memset(hints, 0, 3 * (size_t)side * (size_t)side * sizeof *hints);
  const int largest = 9 * size / 256 > 1 ? 9 * size / 256 : 1;
  for (int hint = 0; hint < count; hint++) {
    const int patch = 1 + (int)ss_random_below(random, (uint32_t)largest);
    int corner[2]; /* y, x */
    for (int axis = 0; axis < 2; axis++) {
      const float place = (float)size * (0.5f + 0.25f * ss_random_normal(random)) - (float)patch / 2.0f;
      corner[axis] = (int)fminf(fmaxf(place, 0.0f), (float)(size - patch));
    }
    float sum[2] = {0, 0};
    for (int i = 0; i < patch * patch; i++) {
      const int y = corner[0] + i / patch, x = corner[1] + i % patch;
      sum[0] += lab[3 * (y * size + x) + 1];
      sum[1] += lab[3 * (y * size + x) + 2];
    }
    for (int i = 0; i < patch * patch; i++) {
      const int y = (corner[0] + i / patch) * side / size, x = (corner[1] + i % patch) * side / size;
      float *place = hints + 3 * (size_t)(y * side + x);
      place[0] = sum[0] / (float)(patch * patch);
      place[1] = sum[1] / (float)(patch * patch);
      place[2] = 1;
    }
  }
}

void ss_colour_survey_add(ss_colour_survey *survey, const float *ab, size_t count) {
  for (size_t i = 0; i < count; i++) {
    const float colour[2] = {ab[2 * i] * SS_LAB_COLOUR_SCALE, ab[2 * i + 1] * SS_LAB_COLOUR_SCALE};
    int32_t bins[SS_COLOUR_NEIGHBOURS];
    float shares[SS_COLOUR_NEIGHBOURS];
    ss_colour_encode(colour, 1, bins, shares);
    survey->counts[bins[0]]++;
    survey->sums[bins[0]][0] += (double)ab[2 * i];
    survey->sums[bins[0]][1] += (double)ab[2 * i + 1];
    survey->chroma = fmaxf(survey->chroma, hypotf(colour[0], colour[1]));
  }
}

ss_status ss_colour_survey_picture(ss_colour_survey *survey, const ss_image *picture, int size, int side,
                                   ss_error *error) {
  const size_t pixels = (size_t)size * (size_t)size, places = (size_t)side * (size_t)side;
  void *memory = NULL;
  SS_TRY(ss_alloc(&memory, 3 * pixels + 2 * places, sizeof(float), "a picture in Lab", error));
  float *lab = memory, *ab = lab + 3 * pixels;
  ss_view_scratch scratch = {0};
  ss_image view = {0};
  const ss_status status = ss_view_test(picture, size, size, &scratch, &view, error);
  if (status == SS_OK) {
    ss_image_to_lab(&view, lab);
    ss_colours_shrink(lab, size, side, ab);
    ss_colour_survey_add(survey, ab, places);
  }
  free(memory);
  ss_image_free(&view);
  ss_scratch_free(&scratch);
  return status;
}

void ss_colour_survey_constant(const ss_colour_survey *survey, const float weights[SS_COLOUR_BINS], float ab[2]) {
  enum { ITERATIONS = 100 };
  double at[2] = {0, 0};
  for (int i = 0; i < ITERATIONS; i++) {
    double sum[2] = {0, 0}, total = 0;
    for (int bin = 0; bin < SS_COLOUR_BINS; bin++) {
      if (survey->counts[bin] > 0) {
        const double a = survey->sums[bin][0] / survey->counts[bin], b = survey->sums[bin][1] / survey->counts[bin];
        const double pull = survey->counts[bin] * (double)weights[bin] / (hypot(a - at[0], b - at[1]) + 1e-4);
        sum[0] += pull * a;
        sum[1] += pull * b;
        total += pull;
      }
    }
    at[0] = total > 0 ? sum[0] / total : 0;
    at[1] = total > 0 ? sum[1] / total : 0;
  }
  ab[0] = (float)at[0];
  ab[1] = (float)at[1];
}
