/* A network that is fine-tuned: a backbone behind a new linear classifier, trained as a whole or from a layer on. */
#ifndef SS_EVAL_TUNED_NETWORK_H
#define SS_EVAL_TUNED_NETWORK_H

#include "engine/optimizer.h"
#include "nets/model.h"

typedef struct ss_tuning_options {
  int size;          /* pixels a side */
  int batch;         /* pictures a step */
  int classes;       /* at least 2 */
  int frozen_layers; /* as ss_backbone_options.frozen_layers */
  bool reinitialise; /* what lies behind the frozen layers is drawn anew, by the seed and its names */
  bool bf16, tf32;   /* in training, at most one of them; else float32 */
  float momentum, weight_decay;
  uint64_t seed;
  int threads;             /* 0: the processors there are */
  ss_ways *ways;           /* kernel choices; may be NULL */
  const ss_device *device; /* what computes the network; NULL: the processors */
} ss_tuning_options;

typedef struct ss_tuned_network {
  ss_model *model; /* as trained so far; beside the backbone "fc.weight" (classes, D) and "fc.bias" */
  ss_graph *graph;
  ss_plan *plan;
  ss_optimizer *optimizer;
  ss_tensor *images, *labels, *loss; /* (batch, size, size, 3), (batch) int32, scalar */
} ss_tuned_network;

/* A network that starts from `start`, which is only read; the classifier starts as torch.nn.Linear does, drawn by the
 * seed. To be closed whatever the outcome. */
ss_status ss_tuned_network_open(const ss_model *start, const ss_tuning_options *options, ss_tuned_network *network,
                                ss_error *error);
void ss_tuned_network_close(ss_tuned_network *network);

/* Where a batch is to be written. */
float *ss_tuned_network_images(const ss_tuned_network *network);
int32_t *ss_tuned_network_labels(const ss_tuned_network *network);

/* One update by SGD at learning rate `rate`. The loss (mean cross-entropy) is that before it; SS_FAILED, without an
 * update, where it is not finite. */
ss_status ss_tuned_network_step(ss_tuned_network *network, float rate, double *loss, ss_error *error);

/* Records backbone and classifier on images (N, H, W, 3): logits (N, classes), float32. */
ss_tensor *ss_classifier_build(ss_graph *graph, ss_tensor *images, const ss_backbone_options *backbone, int classes);

#endif
