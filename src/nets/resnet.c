/* Deep Residual Learning for Image Recognition. He, Zhang, Ren, Sun. CVPR 2016. torchvision's variant: in a bottleneck
 * the 3x3 convolution has the stride. */
#include "nets/backbone.h"

#include <stdio.h>

static ss_tensor *convolution(ss_graph *graph, ss_tensor *x, int channels, int kernel, int stride, const char *name) {
  const ss_convolution_options options = {.kernel = {kernel, kernel},
                                          .stride = {stride, stride},
                                          .padding = {kernel / 2, kernel / 2},
                                          .initializer = {SS_INIT_KAIMING_NORMAL_FAN_OUT, 0.0f}};
  return ss_convolution2d(graph, x, channels, &options, name);
}

/* Section 3.3, shortcut option B: a projection where the shape changes. */
static ss_tensor *shortcut(ss_graph *graph, ss_tensor *x, int channels, int stride, ss_backbone_norm norm) {
  if (stride == 1 && ss_tensor_dim(x, -1) == channels) {
    return x;
  }
  ss_graph_push_scope(graph, "downsample");
  ss_tensor *y = ss_backbone_normalise(graph, convolution(graph, x, channels, 1, stride, "0"), norm, "1");
  ss_graph_pop_scope(graph);
  return y;
}

/* Figure 2: two 3x3 convolutions around an identity. */
static ss_tensor *basic_block(ss_graph *graph, ss_tensor *x, int channels, int stride, ss_backbone_norm norm) {
  ss_tensor *y = convolution(graph, x, channels, 3, stride, "conv1");
  y = ss_relu(graph, ss_backbone_normalise(graph, y, norm, "bn1"));
  y = ss_backbone_normalise(graph, convolution(graph, y, channels, 3, 1, "conv2"), norm, "bn2");
  return ss_relu(graph, ss_add(graph, y, shortcut(graph, x, channels, stride, norm)));
}

/* Figure 5, right: 1x1, 3x3, 1x1, the last with four times the channels. */
static ss_tensor *bottleneck(ss_graph *graph, ss_tensor *x, int channels, int stride, ss_backbone_norm norm) {
  ss_tensor *y =
      ss_relu(graph, ss_backbone_normalise(graph, convolution(graph, x, channels, 1, 1, "conv1"), norm, "bn1"));
  y = ss_relu(graph, ss_backbone_normalise(graph, convolution(graph, y, channels, 3, stride, "conv2"), norm, "bn2"));
  y = ss_backbone_normalise(graph, convolution(graph, y, 4 * channels, 1, 1, "conv3"), norm, "bn3");
  return ss_relu(graph, ss_add(graph, y, shortcut(graph, x, 4 * channels, stride, norm)));
}

static void build(ss_graph *graph, ss_tensor *images, const ss_architecture *self, const ss_backbone_options *options,
                  ss_backbone_layers *layers) {
  static const char *const stages[] = {"layer1", "layer2", "layer3", "layer4"};
  const bool small = options->stem == SS_STEM_SMALL;
  const int width = options->width;
  ss_tensor *x = convolution(graph, images, width, small ? 3 : 7, small ? 1 : 2, "conv1");
  x = ss_relu(graph, ss_backbone_normalise(graph, x, options->norm, "bn1"));
  if (!small) {
    const ss_pool_options pool = {.kernel = {3, 3}, .stride = {2, 2}, .padding = {1, 1}};
    x = ss_max_pool(graph, x, &pool);
  }
  ss_backbone_add_layer(graph, options, layers, "conv1", x);
  for (int stage = 0; stage < 4; stage++) {
    ss_graph_push_scope(graph, stages[stage]);
    for (int block = 0; block < self->blocks[stage]; block++) {
      char name[16];
      snprintf(name, sizeof name, "%d", block);
      ss_graph_push_scope(graph, name);
      const int stride = stage > 0 && block == 0 ? 2 : 1;
      x = (self->bottleneck ? bottleneck : basic_block)(graph, x, width << stage, stride, options->norm);
      ss_graph_pop_scope(graph);
    }
    ss_graph_pop_scope(graph);
    ss_backbone_add_layer(graph, options, layers, stages[stage], x);
  }
}

const ss_architecture ss_resnet18 = {.name = "resnet18",
                                     .smallest_size = 8,
                                     .dim = 512,
                                     .two_stems = true,
                                     .build = build,
                                     .norm = true,
                                     .blocks = {2, 2, 2, 2}};
const ss_architecture ss_resnet34 = {.name = "resnet34",
                                     .smallest_size = 8,
                                     .dim = 512,
                                     .two_stems = true,
                                     .build = build,
                                     .norm = true,
                                     .blocks = {3, 4, 6, 3}};
const ss_architecture ss_resnet50 = {.name = "resnet50",
                                     .smallest_size = 8,
                                     .dim = 2048,
                                     .two_stems = true,
                                     .build = build,
                                     .norm = true,
                                     .blocks = {3, 4, 6, 3},
                                     .bottleneck = true};
