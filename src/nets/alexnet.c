/* ImageNet Classification with Deep Convolutional Neural Networks. Krizhevsky, Sutskever, Hinton. NIPS 2012; the
 * one-tower variant of torchvision (One weird trick for parallelizing convolutional neural networks, 2014). alexnet_bn
 * is the form of the self-supervised papers: batch norm after each convolution, no biases (DeepCluster, Caron 2018).
 * The backbone is the five convolutions. */
#include "nets/backbone.h"

#include <stdio.h>

static void build(ss_graph *graph, ss_tensor *images, const ss_architecture *self, const ss_backbone_options *options,
                  ss_backbone_layers *layers) {
  static const struct {
    int channels, kernel, stride, padding;
    bool pool;
  } plan[5] = {
      {64, 11, 4, 2, true}, {192, 5, 1, 2, true}, {384, 3, 1, 1, false}, {256, 3, 1, 1, false}, {256, 3, 1, 1, true}};
  static const char *const names[] = {"conv1", "conv2", "conv3", "conv4", "conv5"};
  ss_tensor *x = images;
  int index = 0; /* in torchvision's nn.Sequential, ReLUs and pools counted */
  ss_graph_push_scope(graph, "features");
  for (int i = 0; i < 5; i++) {
    const ss_convolution_options convolution = {.kernel = {plan[i].kernel, plan[i].kernel},
                                                .stride = {plan[i].stride, plan[i].stride},
                                                .padding = {plan[i].padding, plan[i].padding},
                                                .bias = !self->norm,
                                                .initializer = {SS_INIT_KAIMING_UNIFORM, 0.0f}};
    char name[16];
    snprintf(name, sizeof name, "%d", index++);
    x = ss_convolution2d(graph, x, plan[i].channels * options->width / 64, &convolution, name);
    if (self->norm) {
      snprintf(name, sizeof name, "%d", index++);
      x = ss_backbone_normalise(graph, x, options->norm, name);
    }
    x = ss_relu(graph, x);
    index++;
    ss_backbone_add_layer(graph, options, layers, names[i], x);
    if (plan[i].pool && i < 4) { /* the last pool would only thin out what is averaged next */
      const ss_pool_options pool = {.kernel = {3, 3}, .stride = {2, 2}};
      x = ss_max_pool(graph, x, &pool);
      index++;
    }
  }
  ss_graph_pop_scope(graph);
}

const ss_architecture ss_alexnet = {.name = "alexnet", .smallest_size = 63, .dim = 256, .build = build};
const ss_architecture ss_alexnet_bn = {
    .name = "alexnet_bn", .smallest_size = 63, .dim = 256, .build = build, .norm = true};
