/* The decoder: from features back to a picture. */
#ifndef SS_METHODS_DECODER_H
#define SS_METHODS_DECODER_H

#include "engine/operations.h"

/* The decoder's sides are those that the picture's side gives when it is halved (and rounded up) again and again: 96,
 * 48, 24, 12, 6, 3. A zeroed struct but for `size` and `channels` is a picture decoder of the usual form. */
typedef struct ss_decoder_options {
  int size;     /* the picture's side */
  int channels; /* the picture's */
  int width;    /* channels at the smallest side, half as many after each doubling, never under 16; 0: as x has */
  int kernel;   /* of a last convolution after all doublings (1, 3, ...); 0: the last doubling makes the picture */
} ss_decoder_options;

/* A map (N, h, w, C) or a vector (N, D) to (N, size, size, channels). A vector becomes the smallest map (a side of 3 or
 * 4) by a linear layer; a map starts at the smallest side that holds it, resized to it where they differ (a map larger
 * than the picture is resized to the picture's side). Each doubling is a transposed convolution, 4x4 with stride 2,
 * batch norm and ReLU (DCGAN, Radford et al. 2016, section 3; the up-convolutions of Pathak et al. 2016, section 3.1):
 * the kernel is a multiple of the stride, so each place sees as many inputs as the next, and it costs four products a
 * place where upsampling with a 3x3 convolution costs nine. What makes the picture has a bias, no norm and no ReLU.
 * Weights start as DCGAN's, normal with deviation 0.02. Parameters are NAME.project, NAME.norm0 (of a vector),
 * NAME.up1, NAME.norm1, ..., NAME.last. */
ss_tensor *ss_picture_decoder(ss_graph *graph, ss_tensor *x, const ss_decoder_options *options, const char *name);

#endif
