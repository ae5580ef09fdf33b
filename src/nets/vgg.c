/* Very Deep Convolutional Networks for Large-Scale Image Recognition. Simonyan, Zisserman. ICLR 2015; configurations A,
 * B and D of table 1, plain and with batch norm. The backbone is the convolutions. */
#include "nets/backbone.h"

#include <stdio.h>

static void build(ss_graph *graph, ss_tensor *images, const ss_architecture *self, const ss_backbone_options *options,
                  ss_backbone_layers *layers) {
  static const char *const names[] = {"stage1", "stage2", "stage3", "stage4", "stage5"};
  ss_tensor *x = images;
  int index = 0; /* in torchvision's nn.Sequential, ReLUs and pools counted */
  ss_graph_push_scope(graph, "features");
  for (const int *channels = self->plan; *channels >= 0; channels++) {
    if (*channels == 0) {
      const ss_pool_options pool = {.kernel = {2, 2}};
      x = ss_max_pool(graph, x, &pool);
      ss_backbone_add_layer(graph, options, layers, names[layers->count], x);
      index++;
      continue;
    }
    const ss_convolution_options convolution = {.kernel = {3, 3},
                                                .padding = {1, 1},
                                                .bias = true,
                                                .initializer = {SS_INIT_KAIMING_NORMAL_FAN_OUT, 0.0f},
                                                .zero_bias = true};
    char name[16];
    snprintf(name, sizeof name, "%d", index++);
    x = ss_convolution2d(graph, x, *channels * options->width / 64, &convolution, name);
    if (self->norm) {
      snprintf(name, sizeof name, "%d", index++);
      x = ss_backbone_normalise(graph, x, options->norm, name);
    }
    x = ss_relu(graph, x);
    index++;
  }
  ss_graph_pop_scope(graph);
}

static const int plan_a[] = {64, 0, 128, 0, 256, 256, 0, 512, 512, 0, 512, 512, 0, -1};
static const int plan_b[] = {64, 64, 0, 128, 128, 0, 256, 256, 0, 512, 512, 0, 512, 512, 0, -1};
static const int plan_d[] = {64, 64, 0, 128, 128, 0, 256, 256, 256, 0, 512, 512, 512, 0, 512, 512, 512, 0, -1};

#define SS_VGG(layers, configuration)                                                                   \
  const ss_architecture ss_vgg##layers = {                                                              \
      .name = "vgg" #layers, .smallest_size = 32, .dim = 512, .build = build, .plan = (configuration)}; \
  const ss_architecture ss_vgg##layers##_bn = {.name = "vgg" #layers "_bn",                             \
                                               .smallest_size = 32,                                     \
                                               .dim = 512,                                              \
                                               .build = build,                                          \
                                               .norm = true,                                            \
                                               .plan = (configuration)}
SS_VGG(11, plan_a);
SS_VGG(13, plan_b);
SS_VGG(16, plan_d);
