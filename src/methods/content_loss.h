/* The content loss: pictures compared by what a frozen network makes of them (Johnson, Alahi, Fei-Fei, Perceptual
 * Losses for Real-Time Style Transfer and Super-Resolution, ECCV 2016, section 3.2; Ledig et al., CVPR 2017, equation
 * 5). */
#ifndef SS_METHODS_CONTENT_LOSS_H
#define SS_METHODS_CONTENT_LOSS_H

#include "nets/model.h"

/* Pictures (N, H, W, 3) in 0..1 -> (x - mean) / deviation by channel, as a backbone expects them. */
ss_tensor *ss_normalised(ss_graph *graph, ss_tensor *pictures, const float mean[3], const float deviation[3]);

/* The mean squared difference of the last layers' features of pictures in 0..1, features times `scale`: a float32
 * scalar. The model's weights are copied to parameters named "content. ..." that have no gradient; its norms use their
 * running statistics. */
ss_tensor *ss_content_loss(ss_graph *graph, const ss_model *model, ss_tensor *made, ss_tensor *real, float scale);

#endif
