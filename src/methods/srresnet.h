/* SRResNet, the generator of SRGAN (Ledig et al., Photo-Realistic Single Image Super-Resolution Using a Generative
 * Adversarial Network, CVPR 2017, section 2.1.1 and figure 4). */
#ifndef SS_METHODS_SRRESNET_H
#define SS_METHODS_SRRESNET_H

#include "engine/operations.h"

typedef struct ss_srresnet_options {
  int blocks;   /* residual blocks; the paper's: 16 */
  int channels; /* of every layer; the paper's: 64 */
} ss_srresnet_options;

/* Pictures (N, H, W, 3) -> (N, 4H, 4W, 3) float32, no function after the last convolution. */
ss_tensor *ss_srresnet(ss_graph *graph, ss_tensor *low, const ss_srresnet_options *options, const char *name);

#endif
