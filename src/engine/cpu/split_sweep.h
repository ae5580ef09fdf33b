/* The plan of forward and backward data in split float32: sums over taps of a pixel's 16 images x channels times a
 * tap's weights. Internal to engine/cpu. */
#ifndef SS_ENGINE_CPU_SPLIT_SWEEP_H
#define SS_ENGINE_CPU_SPLIT_SWEEP_H

#include "engine/cpu/split_tile.h"

enum { SS_SPLIT_MOST_TAPS = 7, SS_SPLIT_PIXEL_BYTES = SS_SPLIT_PARTS * SS_AMX_TILE_BYTES };

/* Input rows and columns are counted in steps of job.pixel_step. A convolution with stride `in_step` that writes every
 * `out_step`th row and column from (out_y, out_x) on. Output row r and tap row t read input row r * in_step + in_y + t;
 * columns likewise. tap_y[t] is the kernel's row for tap row t; tap_x likewise. */
typedef struct ss_split_sweep {
  int rows, columns;
  int out_y, out_x, out_step;
  int in_y, in_x, in_step;
  int taps_y, taps_x;
  int tap_y[SS_SPLIT_MOST_TAPS], tap_x[SS_SPLIT_MOST_TAPS];
  size_t weights; /* bytes to its first tile of packed weights */
} ss_split_sweep;

typedef struct ss_split_job {
  const ss_amx_convolution *shape;
  const float *input;   /* [blocks][in_height][in_width][16][in_channels] */
  float *output;        /* [blocks][out_height][out_width][16][out_channels] */
  const float *weights; /* [O][I][kernel][kernel] */
  const float *bias;    /* [out_channels] or NULL */
  bool forward;
  bool patches; /* a first layer, whose input rows are made of patches when needed */
  int blocks;   /* batch / 16 */
  int in_height, in_width, in_channels;
  int out_height, out_width, out_channels;
  int map_height, map_width; /* of the input, in steps of pixel_step */
  int steps;                 /* products to sum all channels, 32 each */
  int pixel_step;            /* 2 where a 1x1 kernel with stride 2 reads every other pixel only, else 1 */
  int kernel;                /* of the weights as they are packed: 1 for patches */
  int sweeps;
  ss_split_sweep sweep[4];
  size_t weights_bytes; /* of the packed weights */
  /* How the work is cut. An item is a range of output rows of one block of images; its input is packed a turn of rows
   * ahead, `turn_columns` columns at a time. Rows and columns are those of the first sweep, which has the most. */
  int item_rows, row_items, items;
  int turn_rows, turn_columns;
  int slots;         /* packed rows kept; map row y is in slot y % slots */
  int slot_columns;  /* packed columns a row, at most */
  size_t slot_bytes; /* of a row */
} ss_split_job;

ss_split_job ss_split_forward_job(const ss_amx_convolution *shape, int threads);
ss_split_job ss_split_data_job(const ss_amx_convolution *shape, int threads);

/* The rows (columns) [low, high) of the map that output rows (columns) [first, last) of all sweeps need. */
void ss_split_needed_rows(const ss_split_job *job, int first, int last, int *low, int *high);
void ss_split_needed_columns(const ss_split_job *job, int first, int last, int *low, int *high);

/* Packs the weights of output tiles 2 * pair and 2 * pair + 1, channels from 32 * step on. Packed weights lie in the
 * order in which they are read: sweep, pair of output tiles, tap row, step, tap column, part, tile of the pair. */
void ss_split_pack_weights(const ss_split_job *job, int pair, int step, uint8_t *packed);

#endif
