#include "methods/image/mask.h"

#include "augment/crop.h"

#include <math.h>
#include <string.h>

enum { coarse = 5, fine = 9, levels = 2048 };

void ss_mask_centre(int size, int hole, uint8_t *mask) {
  const int start = (size - hole) / 2;
  memset(mask, 0, (size_t)size * (size_t)size);
  for (int y = start; y < start + hole; y++) {
    memset(mask + (ptrdiff_t)y * size + start, 1, (size_t)hole);
  }
}

/* How many pixels of the box are not missing yet. */
static int uncovered(const uint8_t *mask, int size, ss_box box) {
  int count = 0;
  for (int y = box.top; y < box.top + box.height; y++) {
    for (int x = box.left; x < box.left + box.width; x++) {
      count += !mask[y * size + x];
    }
  }
  return count;
}

void ss_mask_blocks(int size, ss_random *random, uint8_t *mask) {
  memset(mask, 0, (size_t)size * (size_t)size);
  const int least = size / 8, most = size / 4;
  for (int covered = 0;;) {
    const int side = least + (int)ss_random_below(random, (uint32_t)(most - least + 1));
    const ss_box box = ss_crop_place(size, size, side, side, random);
    covered += uncovered(mask, size, box);
    if (4 * covered > size * size) {
      return;
    }
    for (int y = box.top; y < box.top + side; y++) {
      memset(mask + (ptrdiff_t)y * size + box.left, 1, (size_t)side);
    }
  }
}

/* Adds smooth noise: a grid of normal numbers, interpolated without kinks (value noise). */
static void add_noise(int size, int grid, float strength, ss_random *random, float *field) {
  float corners[fine * fine];
  for (int i = 0; i < grid * grid; i++) {
    corners[i] = strength * ss_random_normal(random);
  }
  const float scale = (float)(grid - 1) / (float)size;
  for (int y = 0; y < size; y++) {
    const float v = ((float)y + 0.5f) * scale;
    const float dv = v - floorf(v), b = dv * dv * (3.0f - 2.0f * dv);
    const float *row = corners + (ptrdiff_t)((int)v * grid);
    for (int x = 0; x < size; x++) {
      const float u = ((float)x + 0.5f) * scale;
      const int i = (int)u;
      const float du = u - (float)i, a = du * du * (3.0f - 2.0f * du);
      const float above = row[i] + a * (row[i + 1] - row[i]);
      const float below = row[grid + i] + a * (row[grid + i + 1] - row[grid + i]);
      field[y * size + x] += above + b * (below - above);
    }
  }
}

static int level_of(float value, float low, float high) {
  const int level = (int)((value - low) / (high - low) * (float)levels);
  return level < levels ? level : levels - 1;
}

/* The highest `wanted` values or a few fewer, by counting how many there are at each level; never none. */
static void take_highest(const float *field, int count, int wanted, uint8_t *mask) {
  float low = field[0], high = field[0];
  for (int i = 1; i < count; i++) {
    low = field[i] < low ? field[i] : low;
    high = field[i] > high ? field[i] : high;
  }
  high = high > low ? high : low + 1.0f;
  int at_level[levels] = {0};
  for (int i = 0; i < count; i++) {
    at_level[level_of(field[i], low, high)]++;
  }
  int level = levels - 1, taken = at_level[level];
  while (level > 0 && taken + at_level[level - 1] <= wanted) {
    taken += at_level[--level];
  }
  for (int i = 0; i < count; i++) {
    mask[i] = level_of(field[i], low, high) >= level;
  }
}

ss_status ss_mask_region(int size, ss_random *random, ss_view_scratch *scratch, uint8_t *mask, ss_error *error) {
  const size_t count = (size_t)size * (size_t)size;
  void *memory = NULL;
  SS_TRY(ss_scratch_get(scratch, SS_SCRATCH_ROWS, count * sizeof(float), &memory, error));
  memset(memory, 0, count * sizeof(float));
  add_noise(size, coarse, 1.0f, random, memory);
  add_noise(size, fine, 0.5f, random, memory);
  const float share = ss_random_between(random, 0.125f, 0.25f);
  take_highest(memory, (int)count, (int)(share * (float)count), mask);
  return SS_OK;
}
