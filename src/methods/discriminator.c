#include "methods/discriminator.h"

#include <stdio.h>

enum { smallest_side = 4, most_widening = 8 };

static const ss_initializer dcgan = {SS_INIT_NORMAL, 0.02f};

static ss_tensor *record(ss_graph *graph, ss_tensor *x, int width) {
  const ss_convolution_options halving = {.kernel = {4, 4}, .stride = {2, 2}, .padding = {1, 1}, .initializer = dcgan};
  int channels = width;
  for (int i = 0; ss_tensor_dim(x, 1) > smallest_side && ss_tensor_dim(x, 2) > smallest_side; i++) {
    char name[16];
    snprintf(name, sizeof name, "conv%d", i + 1);
    x = ss_convolution2d(graph, x, channels, &halving, name);
    if (i > 0) {
      snprintf(name, sizeof name, "norm%d", i + 1);
      x = ss_batch_norm(graph, x, NULL, name);
    }
    x = ss_leaky_relu(graph, x, 0.2f);
    channels = channels < most_widening * width ? 2 * channels : channels;
  }
  x = ss_reshape(graph, x, ss_shape_of(ss_tensor_dim(x, 0), -1));
  return ss_cast(graph, ss_linear(graph, x, 1, true, "logit"), SS_F32);
}

ss_tensor *ss_discriminator(ss_graph *graph, ss_tensor *pictures, int width, const char *name) {
  if (!pictures) {
    return NULL;
  }
  ss_graph_push_scope(graph, name);
  ss_tensor *logits = record(graph, pictures, width);
  ss_graph_pop_scope(graph);
  return logits;
}

/* The cross-entropy of logits that should all be `label`. */
static ss_tensor *against(ss_graph *graph, ss_tensor *logits, float label) {
  if (!logits) {
    return NULL;
  }
  ss_tensor *one = ss_graph_constant(graph, ss_shape_of(1), &label);
  return ss_binary_cross_entropy(graph, logits, ss_broadcast(graph, one, ss_tensor_shape(logits)), NULL);
}

ss_tensor *ss_discriminator_loss(ss_graph *graph, ss_tensor *real_logits, ss_tensor *made_logits) {
  return ss_add(graph, against(graph, real_logits, 1.0f), against(graph, made_logits, 0.0f));
}

ss_tensor *ss_generator_loss(ss_graph *graph, ss_tensor *made_logits, ss_adversarial_loss kind) {
  if (kind == SS_MINIMAX) {
    return ss_affine(graph, against(graph, made_logits, 0.0f), -1.0f, 0.0f);
  }
  return against(graph, made_logits, 1.0f);
}

/* The share of logits on the real side: sign(z) is z / |z|, and 0 counts half. */
static ss_tensor *taken_for_real(ss_graph *graph, ss_tensor *logits) {
  if (!logits) {
    return NULL;
  }
  ss_tensor *z = ss_cast(graph, ss_stop_gradient(graph, logits), SS_F32);
  ss_tensor *sign = ss_divide(graph, z, ss_affine(graph, ss_abs(graph, z), 1.0f, 1e-20f));
  return ss_affine(graph, ss_reduce_mean(graph, sign, (1u << ss_tensor_shape(logits).rank) - 1, false), 0.5f, 0.5f);
}

ss_tensor *ss_discriminator_accuracy(ss_graph *graph, ss_tensor *real_logits, ss_tensor *made_logits) {
  ss_tensor *wrong = ss_subtract(graph, taken_for_real(graph, made_logits), taken_for_real(graph, real_logits));
  return ss_affine(graph, wrong, -0.5f, 0.5f);
}
