/* The adversary: a network that tells real pictures from made ones, and the losses of the two players (Generative
 * Adversarial Nets. Goodfellow et al. NIPS 2014). */
#ifndef SS_METHODS_DISCRIMINATOR_H
#define SS_METHODS_DISCRIMINATOR_H

#include "engine/operations.h"

/* Pictures (M, H, W, C) -> logits (M, 1), above 0: real. DCGAN's discriminator (Radford et al., Unsupervised
 * Representation Learning with Deep Convolutional Generative Adversarial Networks, ICLR 2016, section 3): 4x4
 * convolutions with stride 2 down to a side of 4 or less, from `width` channels up to 8 times as many, each but the
 * first with batch norm, leaky ReLU 0.2; the rest as a linear layer. Weights start normal with deviation 0.02. The name
 * may be recorded more than once: real and made pictures each in a call of their own, so that each has its own
 * statistics of norm. */
ss_tensor *ss_discriminator(ss_graph *graph, ss_tensor *pictures, int width, const char *name);

/* -E[log D(x)] - E[log(1 - D(G(z)))] of logits of any shape (equation 1): what the discriminator lowers. */
ss_tensor *ss_discriminator_loss(ss_graph *graph, ss_tensor *real_logits, ss_tensor *made_logits);

typedef enum ss_adversarial_loss {
  SS_NON_SATURATING, /* -E[log D(G(z))] (section 3, last paragraph) */
  SS_MINIMAX         /* E[log(1 - D(G(z)))] (equation 1) */
} ss_adversarial_loss;

/* What the other player lowers, of the logits of what it made. */
ss_tensor *ss_generator_loss(ss_graph *graph, ss_tensor *made_logits, ss_adversarial_loss kind);

/* The share (0 to 1) of pictures that the discriminator tells rightly; 0.5 where it is fooled. No gradient. */
ss_tensor *ss_discriminator_accuracy(ss_graph *graph, ss_tensor *real_logits, ss_tensor *made_logits);

#endif
