/* The kernel of forward and backward data: sums over taps of a pixel's 16 images x channels times a tap's weights.
 * Internal to engine/cpu. */
#ifndef SS_ENGINE_CPU_AMX_SWEEP_H
#define SS_ENGINE_CPU_AMX_SWEEP_H

#include "engine/cpu/amx_tile.h"

/* Input rows and columns are counted in steps of job.pixel_step. A convolution with stride `in_step` that writes every
 * `out_step`th row and column from (out_y, out_x) on. Output row r and tap row t read input row r * in_step + in_y + t;
 * columns likewise. Weight tiles are ordered output tile, tap row, channel step, tap column. */
typedef struct ss_amx_sweep {
  int rows, columns;
  int out_y, out_x, out_step;
  int in_y, in_x, in_step;
  int taps_y, taps_x;
  size_t weights; /* first tile */
} ss_amx_sweep;

typedef struct ss_amx_job {
  const uint16_t *input;  /* [blocks][in_height][in_width][16][in_channels] */
  uint16_t *output;       /* [blocks][out_height][out_width][16][out_channels] */
  const uint16_t *packed; /* weight tiles */
  const float *bias;      /* [out_channels] or NULL */
  int blocks;             /* batch / 16 */
  int in_height, in_width, in_channels;
  int out_height, out_width, out_channels;
  int steps;      /* products to sum all channels, 32 each */
  int pixel_step; /* 2 where a 1x1 kernel with stride 2 reads every other pixel only, else 1 */
  bool joined;    /* 16 channels: tap rows 2 t and 2 t + 1 are summed as the halves of a product; taps_y counts pairs */
  int sweeps;
  ss_amx_sweep sweep[4];
  const ss_amx_convolution *patches; /* a first layer, whose input rows are made of patches when needed; else NULL */
  size_t packed_bytes;               /* of the weight tiles */
} ss_amx_job;

/* How the work is cut, in the order of the input: into chunks of image blocks or of a block's rows that fit the
 * second-level cache, and these into ranges of output tiles where there would be too few of them. */
typedef struct ss_amx_cut {
  int chunk_blocks, block_chunks; /* image blocks a chunk; chunks */
  int chunk_rows, row_chunks;     /* rows a chunk (of all rows, where a chunk has several blocks); chunks */
  int chunk_tiles, tile_chunks;   /* output tiles an item */
  int items;
} ss_amx_cut;

ss_amx_cut ss_amx_cut_job(const ss_amx_job *job, int threads);

/* Bytes of scratch for each thread. */
size_t ss_amx_item_scratch(const ss_amx_job *job, const ss_amx_cut *cut);

/* Runs items [first, last); the thread's tiles are configured. */
void ss_amx_run_items(const ss_amx_job *job, const ss_amx_cut *cut, int first, int last, void *scratch);

#endif
