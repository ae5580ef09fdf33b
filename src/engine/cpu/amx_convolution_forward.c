/* Forward and backward data as sweeps (amx_sweep.h). Backward data with stride 2 is four convolutions with stride 1,
 * one for each parity of row and column. */
#include "engine/cpu/amx_convolution.h"

#include <omp.h>

#include "engine/cpu/amx_sweep.h"
#include "engine/cpu/amx_tile.h"
#include "engine/cpu/amx_weights.h"

#if defined(__x86_64__)

static ss_amx_weight_order weight_order(const ss_amx_job *j, int kernel) {
  ss_amx_weight_order order = {
      .taps = kernel * kernel, .channels = j->in_channels, .steps = j->steps, .tiles = j->out_channels / SS_AMX_BLOCK};
  return order;
}

/* Tiles for one output tile of a sweep. */
static size_t sweep_tiles(const ss_amx_job *j, const ss_amx_sweep *w) {
  return (size_t)(w->taps_y * w->taps_x) * (size_t)j->steps;
}

/* Puts tap number `tap` of the weights at tap (row, column) of sweep w. */
static void place_tap(const ss_amx_job *j, ss_amx_weight_order *order, int tap, const ss_amx_sweep *w, int row,
                      int column) {
  const int tap_row = j->joined ? row / 2 : row;
  order->half[tap] = j->joined ? row % 2 : 0;
  order->first[tap] = w->weights + (size_t)(tap_row * j->steps * w->taps_x + column);
  order->tile_step[tap] = sweep_tiles(j, w);
  order->depth_step[tap] = (size_t)w->taps_x;
}

/* Rows of products for `taps` tap rows. */
static int tap_rows(const ss_amx_job *j, int taps) {
  return j->joined ? (taps + 1) / 2 : taps;
}

static void set_steps(ss_amx_job *j, int kernel) {
  j->steps = (j->in_channels + 31) / 32;
  j->joined = j->in_channels == SS_AMX_BLOCK && kernel > 1;
}

static void forward_job(const ss_amx_convolution *shape, ss_amx_job *j, ss_amx_weight_order *order) {
  memset(j, 0, sizeof *j);
  const bool patches = ss_amx_is_patches(shape);
  const int kernel = patches ? 1 : shape->kernel;
  const int stride = patches ? 1 : shape->stride;
  j->blocks = shape->batch / SS_AMX_BLOCK;
  j->out_height = ss_amx_convolution_out_height(shape);
  j->out_width = ss_amx_convolution_out_width(shape);
  j->out_channels = shape->output_channels;
  j->in_height = patches ? j->out_height : shape->height;
  j->in_width = patches ? j->out_width : shape->width;
  j->in_channels = patches ? ss_amx_patch_length(shape) : shape->input_channels;
  j->patches = patches ? shape : NULL;
  j->pixel_step = kernel == 1 ? stride : 1;
  set_steps(j, kernel);
  j->sweeps = 1;
  j->sweep[0] = (ss_amx_sweep){.rows = j->out_height,
                               .columns = j->out_width,
                               .out_step = 1,
                               .in_y = patches ? 0 : -shape->padding,
                               .in_x = patches ? 0 : -shape->padding,
                               .in_step = stride / j->pixel_step,
                               .taps_y = tap_rows(j, kernel),
                               .taps_x = kernel};
  *order = weight_order(j, kernel);
  for (int tap = 0; tap < order->taps; ++tap) {
    place_tap(j, order, tap, &j->sweep[0], tap / kernel, tap % kernel);
  }
  j->packed_bytes = sweep_tiles(j, &j->sweep[0]) * (size_t)order->tiles * SS_AMX_TILE_BYTES;
}

/* Of the taps that reach the input rows y = step * r + phase, in order of the output rows they come from: the last is
 * tap `last`, the others `step` apart; the first output row is r + offset. */
typedef struct phase_taps {
  int count, last, offset;
} phase_taps;

static phase_taps taps_of_phase(const ss_amx_convolution *shape, int phase) {
  const int last = shape->kernel - 1 - (shape->kernel - 1 - phase - shape->padding + 2 * shape->kernel) % shape->stride;
  phase_taps taps = {0, last, 0};
  if (last >= 0) {
    taps.count = last / shape->stride + 1;
    taps.offset = (phase + shape->padding - last) / shape->stride;
  }
  return taps;
}

static void data_job(const ss_amx_convolution *shape, ss_amx_job *j, ss_amx_weight_order *order) {
  memset(j, 0, sizeof *j);
  const int step = shape->stride;
  const int kernel = shape->kernel;
  j->blocks = shape->batch / SS_AMX_BLOCK;
  j->in_height = ss_amx_convolution_out_height(shape);
  j->in_width = ss_amx_convolution_out_width(shape);
  j->in_channels = shape->output_channels;
  j->out_height = shape->height;
  j->out_width = shape->width;
  j->out_channels = shape->input_channels;
  j->pixel_step = 1;
  set_steps(j, kernel);
  *order = weight_order(j, kernel);
  size_t tiles = 0;
  for (int y = 0; y < step; ++y) {
    for (int x = 0; x < step; ++x) {
      const phase_taps taps_y = taps_of_phase(shape, y);
      const phase_taps taps_x = taps_of_phase(shape, x);
      ss_amx_sweep *w = &j->sweep[j->sweeps++];
      *w = (ss_amx_sweep){.rows = (j->out_height - y + step - 1) / step,
                          .columns = (j->out_width - x + step - 1) / step,
                          .out_y = y,
                          .out_x = x,
                          .out_step = step,
                          .in_y = taps_y.offset,
                          .in_x = taps_x.offset,
                          .in_step = 1,
                          .taps_y = taps_x.count > 0 ? tap_rows(j, taps_y.count) : 0,
                          .taps_x = taps_y.count > 0 ? taps_x.count : 0,
                          .weights = tiles};
      for (int row = 0; row < taps_y.count; ++row) {
        for (int column = 0; column < taps_x.count; ++column) {
          const int tap = (taps_y.last - row * step) * kernel + taps_x.last - column * step;
          place_tap(j, order, tap, w, row, column);
        }
      }
      tiles += sweep_tiles(j, w) * (size_t)order->tiles;
    }
  }
  j->packed_bytes = tiles * SS_AMX_TILE_BYTES;
}

/* One thread's share of the packing, then of the sweeps; all threads of the team call it. */
static void run_thread(const ss_amx_job *j, const ss_amx_weight_order *order, const ss_amx_convolution *shape,
                       bool forward, const float *weights, uint16_t *packed, const ss_amx_cut *c, void *scratch) {
  const int pieces = order->tiles * order->steps;
#pragma omp for schedule(static)
  for (int piece = 0; piece < pieces; ++piece) {
    const int tile = piece / order->steps;
    const int step = piece % order->steps;
    if (!forward) {
      ss_amx_pack_backward(order, weights, shape->input_channels, tile, step, packed);
    } else if (j->patches != NULL) {
      ss_amx_pack_patches(order, weights, shape, tile, step, packed);
    } else {
      ss_amx_pack_forward(order, weights, shape->input_channels, tile, step, packed);
    }
  }
  const int64_t threads = omp_get_num_threads();
  const int64_t thread = omp_get_thread_num();
  ss_amx_configure();
  ss_amx_run_items(j, c, (int)(c->items * thread / threads), (int)(c->items * (thread + 1) / threads), scratch);
  ss_amx_release();
}

static void run_job(const ss_amx_job *j, const ss_amx_weight_order *order, const ss_amx_convolution *shape,
                    bool forward, const float *weights, void *scratch, int threads) {
  const ss_amx_cut c = ss_amx_cut_job(j, threads);
  const size_t own = ss_amx_item_scratch(j, &c);
  uint8_t *all = (uint8_t *)scratch + j->packed_bytes;
#pragma omp parallel num_threads(threads)
  run_thread(j, order, shape, forward, weights, scratch, &c, all + (size_t)omp_get_thread_num() * own);
}

static size_t job_scratch(const ss_amx_job *j, int threads) {
  const ss_amx_cut c = ss_amx_cut_job(j, threads);
  return j->packed_bytes + (size_t)threads * ss_amx_item_scratch(j, &c);
}

size_t ss_amx_convolution_forward_scratch(const ss_amx_convolution *shape, int threads) {
  ss_amx_job j;
  ss_amx_weight_order order;
  forward_job(shape, &j, &order);
  return job_scratch(&j, threads);
}

size_t ss_amx_convolution_data_scratch(const ss_amx_convolution *shape, int threads) {
  ss_amx_job j;
  ss_amx_weight_order order;
  data_job(shape, &j, &order);
  return job_scratch(&j, threads);
}

void ss_amx_convolution_forward(const ss_amx_convolution *shape, const uint16_t *x, const float *weights,
                                const float *bias, uint16_t *y, void *scratch, int threads) {
  ss_amx_job j;
  ss_amx_weight_order order;
  forward_job(shape, &j, &order);
  j.input = x;
  j.output = y;
  j.packed = scratch;
  j.bias = bias;
  run_job(&j, &order, shape, true, weights, scratch, threads);
}

void ss_amx_convolution_backward_data(const ss_amx_convolution *shape, const uint16_t *dy, const float *weights,
                                      uint16_t *dx, void *scratch, int threads) {
  ss_amx_job j;
  ss_amx_weight_order order;
  data_job(shape, &j, &order);
  j.input = dy;
  j.output = dx;
  j.packed = scratch;
  run_job(&j, &order, shape, false, weights, scratch, threads);
}

#endif
