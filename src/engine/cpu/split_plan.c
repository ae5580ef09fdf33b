/* Forward and backward data as sweeps, and how they are cut. Backward data with stride 2 is four convolutions with
 * stride 1, one for each parity of row and column. */
#include "engine/cpu/split_convolution.h"
#include "engine/cpu/split_sweep.h"

enum { CACHE = 640 * 1024, CACHE_LARGE = 1200 * 1024 }; /* of packed input a thread: more, to reuse many weights */

/* The rows (or columns) of the map that the output's [first, last) of all sweeps need: [low, high). */
static void needed(const ss_split_job *j, bool columns, int first, int last, int *low, int *high) {
  const int size = columns ? j->map_width : j->map_height;
  *low = size;
  *high = 0;
  for (int s = 0; s < j->sweeps; ++s) {
    const ss_split_sweep *w = &j->sweep[s];
    const int taps = columns ? w->taps_x : w->taps_y;
    const int start = columns ? w->in_x : w->in_y;
    if (w->taps_x > 0 && w->taps_y > 0) {
      *low = ss_amx_min(*low, first * w->in_step + start);
      *high = ss_amx_max(*high, (last - 1) * w->in_step + start + taps);
    }
  }
  *low = ss_amx_max(0, *low);
  *high = ss_amx_max(*low, ss_amx_min(size, *high));
}

void ss_split_needed_rows(const ss_split_job *j, int first, int last, int *low, int *high) {
  needed(j, false, first, last, low, high);
}

void ss_split_needed_columns(const ss_split_job *j, int first, int last, int *low, int *high) {
  needed(j, true, first, last, low, high);
}

/* How many more rows (columns) of the map than in_step * (n - 1) the n rows of a turn need. */
static int reach(const ss_split_job *j, bool columns) {
  int low = 0;
  int high = 0;
  bool any = false;
  for (int s = 0; s < j->sweeps; ++s) {
    const ss_split_sweep *w = &j->sweep[s];
    if (w->taps_x > 0 && w->taps_y > 0) {
      const int start = columns ? w->in_x : w->in_y;
      const int end = start + (columns ? w->taps_x : w->taps_y);
      low = any ? ss_amx_min(low, start) : start;
      high = any ? ss_amx_max(high, end) : end;
      any = true;
    }
  }
  return high - low;
}

static void set_turn(ss_split_job *j, int rows, int columns) {
  const int step = j->sweep[0].in_step;
  j->turn_rows = rows;
  j->turn_columns = columns;
  j->slots = ss_amx_min(j->map_height, step * (rows - 1) + reach(j, false));
  j->slot_columns = ss_amx_min(j->map_width, step * (columns - 1) + reach(j, true));
  j->slot_bytes = (size_t)j->slot_columns * (size_t)j->steps * SS_SPLIT_PIXEL_BYTES;
}

static size_t packed_input_bytes(const ss_split_job *j) {
  return (size_t)j->slots * j->slot_bytes;
}

/* Depends on the shape and the number of threads; sums do not depend on it. */
static void cut(ss_split_job *j, int threads) {
  const int rows = j->sweep[0].rows;
  const int columns = j->sweep[0].columns;
  const size_t budget = j->weights_bytes > 1024 * 1024 ? CACHE_LARGE : CACHE;
  const bool even = j->blocks % threads == 0 || j->blocks >= 8 * threads;
  j->row_items = even ? 1 : ss_amx_max(1, ss_amx_min(rows, threads));
  j->item_rows = ss_amx_max(1, (rows + j->row_items - 1) / j->row_items);
  j->row_items = (rows + j->item_rows - 1) / j->item_rows;
  j->items = j->blocks * j->row_items;
  set_turn(j, 1, columns);
  if (packed_input_bytes(j) > budget) {
    int some = columns;
    while (some > 2 && packed_input_bytes(j) > budget) {
      some = ss_amx_max(2, (some / 2 + 1) / 2 * 2);
      set_turn(j, 1, some);
    }
    return;
  }
  for (int more = 2; more <= j->item_rows; ++more) {
    ss_split_job wider = *j;
    set_turn(&wider, more, columns);
    if (packed_input_bytes(&wider) > budget) {
      break;
    }
    *j = wider;
  }
}

/* Gives the sweeps their places in the packed weights. */
static void place_weights(ss_split_job *j) {
  const size_t pairs = (size_t)(j->out_channels / SS_AMX_BLOCK + 1) / 2;
  j->weights_bytes = 0;
  for (int s = 0; s < j->sweeps; ++s) {
    ss_split_sweep *w = &j->sweep[s];
    w->weights = j->weights_bytes;
    j->weights_bytes += pairs * (size_t)(w->taps_y * w->taps_x * j->steps) * 2 * SS_SPLIT_PIXEL_BYTES;
  }
}

ss_split_job ss_split_forward_job(const ss_amx_convolution *shape, int threads) {
  ss_split_job j = {.shape = shape, .forward = true, .patches = ss_amx_is_patches(shape)};
  const int stride = j.patches ? 1 : shape->stride;
  const int padding = j.patches ? 0 : shape->padding;
  j.kernel = j.patches ? 1 : shape->kernel;
  j.blocks = shape->batch / SS_AMX_BLOCK;
  j.out_height = ss_amx_convolution_out_height(shape);
  j.out_width = ss_amx_convolution_out_width(shape);
  j.out_channels = shape->output_channels;
  j.in_height = j.patches ? j.out_height : shape->height;
  j.in_width = j.patches ? j.out_width : shape->width;
  j.in_channels = j.patches ? ss_amx_patch_length(shape) : shape->input_channels;
  j.steps = (j.in_channels + 31) / 32;
  j.pixel_step = j.kernel == 1 && padding == 0 ? stride : 1;
  j.map_height = (j.in_height + j.pixel_step - 1) / j.pixel_step;
  j.map_width = (j.in_width + j.pixel_step - 1) / j.pixel_step;
  j.sweeps = 1;
  ss_split_sweep *w = &j.sweep[0];
  *w = (ss_split_sweep){.rows = j.out_height,
                        .columns = j.out_width,
                        .out_step = 1,
                        .in_y = -padding,
                        .in_x = -padding,
                        .in_step = stride / j.pixel_step,
                        .taps_y = j.kernel,
                        .taps_x = j.kernel};
  for (int t = 0; t < j.kernel; ++t) {
    w->tap_y[t] = t;
    w->tap_x[t] = t;
  }
  place_weights(&j);
  cut(&j, threads);
  return j;
}

/* Of the taps that reach the input rows y = step * r + phase, in order of the output rows they come from: the first
 * comes from output row r + offset. */
typedef struct phase_taps {
  int count, offset;
  int tap[SS_SPLIT_MOST_TAPS];
} phase_taps;

static phase_taps taps_of_phase(const ss_amx_convolution *shape, int phase) {
  const int step = shape->stride;
  phase_taps taps = {0, 0, {0}};
  for (int tap = shape->kernel - 1; tap >= 0; --tap) {
    if ((phase + shape->padding - tap + 2 * shape->kernel) % step == 0) {
      if (taps.count == 0) {
        const int distance = phase + shape->padding - tap; /* a multiple of the stride, perhaps negative */
        taps.offset = distance / step;
      }
      taps.tap[taps.count++] = tap;
    }
  }
  return taps;
}

ss_split_job ss_split_data_job(const ss_amx_convolution *shape, int threads) {
  ss_split_job j = {.shape = shape, .kernel = shape->kernel, .pixel_step = 1};
  const int step = shape->stride;
  j.blocks = shape->batch / SS_AMX_BLOCK;
  j.in_height = j.map_height = ss_amx_convolution_out_height(shape);
  j.in_width = j.map_width = ss_amx_convolution_out_width(shape);
  j.in_channels = shape->output_channels;
  j.out_height = shape->height;
  j.out_width = shape->width;
  j.out_channels = shape->input_channels;
  j.steps = (j.in_channels + 31) / 32;
  for (int y = 0; y < step; ++y) {
    for (int x = 0; x < step; ++x) {
      const phase_taps taps_y = taps_of_phase(shape, y);
      const phase_taps taps_x = taps_of_phase(shape, x);
      ss_split_sweep *w = &j.sweep[j.sweeps++];
      *w = (ss_split_sweep){.rows = (j.out_height - y + step - 1) / step,
                            .columns = (j.out_width - x + step - 1) / step,
                            .out_y = y,
                            .out_x = x,
                            .out_step = step,
                            .in_y = taps_y.offset,
                            .in_x = taps_x.offset,
                            .in_step = 1,
                            .taps_y = taps_x.count > 0 ? taps_y.count : 0,
                            .taps_x = taps_y.count > 0 ? taps_x.count : 0};
      memcpy(w->tap_y, taps_y.tap, sizeof w->tap_y);
      memcpy(w->tap_x, taps_x.tap, sizeof w->tap_x);
    }
  }
  place_weights(&j);
  cut(&j, threads);
  return j;
}

#if !defined(__x86_64__)

/* Elsewhere ss_amx_available() is false, and nothing below is called. */

size_t ss_split_convolution_forward_scratch(const ss_amx_convolution *shape, int threads) {
  (void)shape;
  (void)threads;
  return 0;
}

size_t ss_split_convolution_data_scratch(const ss_amx_convolution *shape, int threads) {
  (void)shape;
  (void)threads;
  return 0;
}

size_t ss_split_convolution_weight_scratch(const ss_amx_convolution *shape, int threads) {
  (void)shape;
  (void)threads;
  return 0;
}

void ss_split_convolution_forward(const ss_amx_convolution *shape, const float *x, const float *weights,
                                  const float *bias, float *y, void *scratch, int threads) {
  (void)shape;
  (void)x;
  (void)weights;
  (void)bias;
  (void)y;
  (void)scratch;
  (void)threads;
}

void ss_split_convolution_backward_data(const ss_amx_convolution *shape, const float *dy, const float *weights,
                                        float *dx, void *scratch, int threads) {
  (void)shape;
  (void)dy;
  (void)weights;
  (void)dx;
  (void)scratch;
  (void)threads;
}

void ss_split_convolution_backward_weight(const ss_amx_convolution *shape, const float *x, const float *dy, float *dw,
                                          void *scratch, int threads) {
  (void)shape;
  (void)x;
  (void)dy;
  (void)dw;
  (void)scratch;
  (void)threads;
}

#endif
