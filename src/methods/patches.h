/* Patches cut from a grid in a square picture, and what is done to a patch alone so that nothing but its content tells
 * where it came from. A patch is float32 (side, side, 3): (pixel / 255 - ImageNet's mean) / SS_PATCH_DEVIATION. */
#ifndef SS_METHODS_PATCHES_H
#define SS_METHODS_PATCHES_H

#include "augment/resize.h"
#include "base/random.h"
#include "methods/method.h"

/* The same for the three channels, so that colours keep their directions. */
#define SS_PATCH_DEVIATION 0.226f

/* cells x cells places, `pitch` pixels apart; each patch lies 0 to `wander` pixels to the right of its place and 0 to
 * `wander` below it, drawn for each patch and axis. Neighbours are pitch - patch pixels apart on average. */
typedef struct ss_patch_grid {
  int cells;
  int patch;
  int pitch;
  int wander;
} ss_patch_grid;

/* Pixels a side that the grid covers: where a patch can lie. */
int ss_patch_grid_span(const ss_patch_grid *grid);

/* SS_USAGE unless task->size is at least the method's smallest, the grid lies inside a picture of it and the task's
 * backbone takes patches of that size. */
ss_status ss_patch_grid_check(const ss_patch_grid *grid, const ss_task *task, ss_error *error);

/* Draws where the cells * cells patches lie, row by row: the grid at random in a picture of `size`, each patch at
 * random at its place. */
void ss_patch_grid_draw(const ss_patch_grid *grid, int size, ss_random *random, ss_box *boxes);

/* Copies the part `box` of the picture (1 or 3 channels) to `patch`; channel c is taken shift[c] = (right, down) pixels
 * from there (NULL: from there), as far as the picture goes. */
void ss_patch_cut(const ss_image *picture, ss_box box, const int shift[3][2], float *patch);

/* The following change a patch of `pixels` pixels in place. Each channel less its mean. */
void ss_patch_subtract_mean(float *patch, int pixels);
/* ... and divided by its deviation, or by that of one grey level where it is less (a flat patch becomes zeros). */
void ss_patch_normalise(float *patch, int pixels);
/* Two of three channels, drawn, become Gaussian noise of a hundredth of the remaining one's deviation (Doersch 2015,
 * section 3.1). */
void ss_patch_drop_colours(float *patch, int pixels, ss_random *random);
/* Each pixel times B = I - a' a / (a a'), a = (-1, 2, -1): without its part on the green-magenta axis (the same). */
void ss_patch_project_colours(float *patch, int pixels);

#endif
