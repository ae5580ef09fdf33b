/* Inside the engine: what the losses' nodes say. */
#ifndef SS_ENGINE_LOSS_H
#define SS_ENGINE_LOSS_H

#include "engine/node.h"

/* CROSS_ENTROPY: (logits (N, K), labels (N) or absent, targets (N, K) or absent, weights (N) or absent), or labels and
 * targets both (N, M): classes and their shares -> (loss (1), (N, 2): each row's largest logit m and log of the sum of
 * e^(logit - m), kept apart for they may differ in size). CROSS_ENTROPY_BACKWARD: the same four, those (N, 2) and the
 * loss's gradient -> (gradient of logits, gradient of targets), either of them absent. */
enum {
  SS_CE_LOGITS,
  SS_CE_LABELS,
  SS_CE_TARGETS,
  SS_CE_WEIGHTS,
  SS_CE_INPUTS,
  SS_CE_NORMALIZERS = SS_CE_INPUTS,
  SS_CE_GRADIENT,
  SS_CE_BACKWARD_INPUTS
};

/* attributes.flags of both: logit i of row i takes no part (a sample is no candidate for its own partner). */
enum { SS_CROSS_ENTROPY_WITHOUT_SELF = 1 };

/* ELEMENT_LOSS: (prediction, target, weights or absent) of one shape -> mean (1). ELEMENT_LOSS_BACKWARD: these and the
 * loss's gradient -> (gradient of prediction, gradient of target), either of them absent. attributes.kind; alpha is
 * SMOOTH_L1's beta, HINGE's margin. */
typedef enum ss_element_loss_kind {
  SS_LOSS_BINARY_CROSS_ENTROPY,
  SS_LOSS_L1,
  SS_LOSS_L2,
  SS_LOSS_SMOOTH_L1,
  SS_LOSS_HINGE
} ss_element_loss_kind;

#endif
