#include "methods/patches.h"

#include "augment/normalise.h"

#include <math.h>

/* ---- where patches lie ---- */

int ss_patch_grid_span(const ss_patch_grid *grid) {
  return (grid->cells - 1) * grid->pitch + grid->patch + grid->wander;
}

/* The smallest size the backbone takes with its stem; 0: none. */
static int smallest_of(ss_backbone_options backbone) {
  for (backbone.size = 1; backbone.size <= SS_IMAGE_MAX_SIDE; backbone.size++) {
    if (ss_backbone_check(&backbone, NULL) == SS_OK) {
      return backbone.size;
    }
  }
  return 0;
}

ss_status ss_patch_grid_check(const ss_patch_grid *grid, const ss_task *task, ss_error *error) {
  const char *name = task->method->name;
  if (task->size < task->method->smallest_size) {
    return ss_fail(error, SS_USAGE,
                   "%s needs pictures of at least %d px for its %d x %d patches, not %d; use --size %d", name,
                   task->method->smallest_size, grid->cells, grid->cells, task->size, task->method->smallest_size);
  }
  SS_TRY(ss_backbone_check(&task->backbone, error));
  const int smallest = smallest_of(task->backbone);
  if (grid->patch < smallest) {
    return ss_fail(error, SS_USAGE, "%s takes patches of at least %d px, not the %d px that %s cuts at --size %d; %s",
                   task->backbone.arch, smallest, grid->patch, name, task->size,
                   smallest > 8 ? "use --arch resnet18 or a larger --size" : "use a larger --size or fewer patches");
  }
  const int span = ss_patch_grid_span(grid);
  if (span > task->size) {
    return ss_fail(
        error, SS_USAGE,
        "%d x %d patches of %d px with their gaps need %d px, and --size is %d; make patches or gaps smaller",
        grid->cells, grid->cells, grid->patch, span, task->size);
  }
  return SS_OK;
}

static int upto(ss_random *random, int most) {
  return (int)ss_random_below(random, (uint32_t)most + 1);
}

void ss_patch_grid_draw(const ss_patch_grid *grid, int size, ss_random *random, ss_box *boxes) {
  const int room = size - ss_patch_grid_span(grid);
  const int left = upto(random, room), top = upto(random, room);
  for (int i = 0; i < grid->cells * grid->cells; i++) {
    boxes[i].left = left + i % grid->cells * grid->pitch + upto(random, grid->wander);
    boxes[i].top = top + i / grid->cells * grid->pitch + upto(random, grid->wander);
    boxes[i].width = boxes[i].height = grid->patch;
  }
}

static int within(int value, int count) {
  return value < 0 ? 0 : value >= count ? count - 1 : value;
}

void ss_patch_cut(const ss_image *picture, ss_box box, const int shift[3][2], float *patch) {
  const int channels = picture->channels;
  for (int c = 0; c < 3; c++) {
    const int left = box.left + (shift ? shift[c][0] : 0), top = box.top + (shift ? shift[c][1] : 0);
    const uint8_t *from = picture->pixels + (channels == 3 ? c : 0);
    for (int y = 0; y < box.height; y++) {
      const uint8_t *row = from + (size_t)channels * (size_t)picture->width * (size_t)within(top + y, picture->height);
      for (int x = 0; x < box.width; x++) {
        const float value = (float)row[channels * within(left + x, picture->width)] / 255.0f;
        patch[3 * (y * box.width + x) + c] = (value - ss_imagenet_mean[c]) / SS_PATCH_DEVIATION;
      }
    }
  }
}

/* ---- what a patch keeps of its colours ---- */

static double mean_of(const float *channel, int pixels) {
  double sum = 0.0;
  for (int i = 0; i < pixels; i++) {
    sum += channel[3 * i];
  }
  return sum / pixels;
}

static double deviation_of(const float *channel, int pixels, double mean) {
  double sum = 0.0;
  for (int i = 0; i < pixels; i++) {
    sum += (channel[3 * i] - mean) * (channel[3 * i] - mean);
  }
  return sqrt(sum / pixels);
}

/* Each channel less its mean, divided by its deviation but no less than `floor`; a floor of 0 divides by nothing. */
static void standardise(float *patch, int pixels, double floor) {
  for (int c = 0; c < 3; c++) {
    const double mean = mean_of(patch + c, pixels);
    const double divisor = floor > 0.0 ? fmax(deviation_of(patch + c, pixels, mean), floor) : 1.0;
    for (int i = 0; i < pixels; i++) {
      patch[3 * i + c] = (float)((patch[3 * i + c] - mean) / divisor);
    }
  }
}

void ss_patch_subtract_mean(float *patch, int pixels) {
  standardise(patch, pixels, 0.0);
}

void ss_patch_normalise(float *patch, int pixels) {
  standardise(patch, pixels, 1.0 / (255.0 * SS_PATCH_DEVIATION));
}

void ss_patch_drop_colours(float *patch, int pixels, ss_random *random) {
  const int kept = (int)ss_random_below(random, 3);
  const float noise = 0.01f * (float)deviation_of(patch + kept, pixels, mean_of(patch + kept, pixels));
  for (int i = 0; i < pixels; i++) {
    for (int c = 0; c < 3; c++) {
      if (c != kept) {
        patch[3 * i + c] = noise * ss_random_normal(random);
      }
    }
  }
}

void ss_patch_project_colours(float *patch, int pixels) {
  static const float a[3] = {-1.0f, 2.0f, -1.0f}; /* a a' = 6 */
  for (int i = 0; i < pixels; i++) {
    float *pixel = patch + 3 * (ptrdiff_t)i;
    const float along = (a[0] * pixel[0] + a[1] * pixel[1] + a[2] * pixel[2]) / 6.0f;
    for (int c = 0; c < 3; c++) {
      pixel[c] -= along * a[c];
    }
  }
}
