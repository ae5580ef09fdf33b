/* Projector and predictor heads: small perceptrons between the backbone and a loss. */
#ifndef SS_METHODS_PROJECTOR_H
#define SS_METHODS_PROJECTOR_H

#include "engine/operations.h"

/* (N, I) -> (N, output). `layers` linear layers, the inner ones with `hidden` outputs and a ReLU; with `norm` each is
 * followed by batch norm and has no bias, the last one too if `last_norm` (lightly's ProjectionHead). Parameters
 * NAME.layers.0.weight ... are numbered as in torch.nn.Sequential. */
typedef struct ss_projector_options {
  int layers;
  int hidden; /* 0: as many as the input */
  int output;
  bool norm;
  bool last_norm;
} ss_projector_options;

ss_tensor *ss_projector(ss_graph *graph, ss_tensor *x, const ss_projector_options *options, const char *name);

#endif
