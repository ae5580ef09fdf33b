/* What the methods on still images share. */
#ifndef SS_METHODS_IMAGE_VIEWS_H
#define SS_METHODS_IMAGE_VIEWS_H

#include "augment/view.h"
#include "methods/method.h"

/* Draws a random view of the sample with the stream of view number `view` and writes it normalised, float32
 * (size, size, 3), to `out`. */
ss_status ss_sample_view(const ss_view_options *options, ss_sample *sample, uint32_t view, float *out, ss_error *error);

/* Embeddings (2N, D) of views i and i + N: the share of views whose most similar other view is their partner. */
ss_tensor *ss_matching_score(ss_graph *graph, ss_tensor *embeddings);

#endif
