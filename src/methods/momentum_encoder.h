/* The momentum encoder: a copy of the network that follows it as an exponential moving average and is never trained
 * (MoCo, section 3.2, equation 2; BYOL, section 3.1, equation 1).
 *
 *     ss_momentum_encoder_begin(graph);            // in loss: what is recorded here is the copy, "momentum. ..."
 *     ss_tensor *k = ss_projector(graph, ss_build_backbone(build, x).output, &options, "projector");
 *     ss_momentum_encoder_end(graph);
 *
 * before_epoch and after_step below keep the copy. */
#ifndef SS_METHODS_MOMENTUM_ENCODER_H
#define SS_METHODS_MOMENTUM_ENCODER_H

#include "methods/method.h"

/* Its options, for the table of a method; tau is the share of itself that the copy keeps at an update. */
#define SS_MOMENTUM_OPTIONS(tau, tau_end)                                                                         \
  {"tau", SS_OPTION_FRACTION, tau, "share of itself that the momentum encoder keeps at an update", 0, 0, NULL}, { \
    "tau_end", SS_OPTION_FRACTION, tau_end, "that share at the last update, reached along a cosine", 0, 0, NULL   \
  }

void ss_momentum_encoder_begin(ss_graph *graph);
void ss_momentum_encoder_end(ss_graph *graph);

/* tau after `step` of `steps` updates: tau_end - (tau_end - tau) (cos(pi step / steps) + 1) / 2 (BYOL, section 3.2). */
double ss_momentum_at(double tau, double tau_end, int64_t step, int64_t steps);

/* The slots: equal to the network at first, running statistics included; then equation 1 for the weights after each
 * update (statistics are the copy's own). */
ss_status ss_momentum_before_epoch(ss_task *task, ss_parameters *parameters, int64_t epoch, ss_error *error);
ss_status ss_momentum_after_step(ss_task *task, ss_parameters *parameters, int64_t step, ss_error *error);

/* Shuffled batch norm (MoCo, section 3.3): the rows of each view of (views N, ...) in an order in which each of `parts`
 * equal parts of it holds rows of every part of the order before; and back. Batches come in random order already, so
 * one fixed order serves. N must be a multiple of `parts`. */
ss_tensor *ss_shuffle_batch(ss_graph *graph, ss_tensor *x, int views, int parts);
ss_tensor *ss_unshuffle_batch(ss_graph *graph, ss_tensor *x, int views, int parts);

#endif
