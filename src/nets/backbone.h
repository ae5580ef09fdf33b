/* Backbones: the encoders that methods train and that are measured and handed on. Parameters have torchvision's names.
 */
#ifndef SS_NETS_BACKBONE_H
#define SS_NETS_BACKBONE_H

#include "engine/operations.h"

#define SS_MAX_LAYERS 8

typedef enum ss_stem {
  SS_STEM_AUTO,  /* small for input up to 64 px, large above */
  SS_STEM_SMALL, /* 3x3, stride 1, no max-pool: the CIFAR stem (ResNets) */
  SS_STEM_LARGE  /* 7x7, stride 2, max-pool */
} ss_stem;

/* What a backbone is shown: three numbers a pixel. */
typedef enum ss_backbone_input {
  SS_INPUT_RGB,       /* red, green, blue in 0..1, normalised by ImageNet's mean and deviation */
  SS_INPUT_LIGHTNESS, /* CIE Lab's lightness alone, three times (L - 50) / 50 */
  SS_INPUT_LAB,       /* CIE Lab: (L - 50) / 50, a / 110, b / 110 */
  SS_INPUT_SOBEL      /* horizontal and vertical edges of the grey picture, and 0 (augment/sobel.h) */
} ss_backbone_input;

/* What follows each convolution, in the architectures that have norms. */
typedef enum ss_backbone_norm {
  SS_BACKBONE_BATCH_NORM,
  SS_BACKBONE_LAYER_NORM /* in its place and under its names: over the channels of each place (CPC v2, Henaff 2019) */
} ss_backbone_norm;

typedef struct ss_backbone_options {
  const char *arch; /* a name of ss_backbone_names */
  int width;        /* channels of the first stage; every other layer's scale with it; 0: 64, torchvision's */
  int size;         /* input pixels a side, for SS_STEM_AUTO */
  ss_stem stem;
  ss_backbone_input input;
  bool split; /* two networks of half the width: one sees lightness alone, the other the colours alone; needs Lab */
  ss_backbone_norm norm;
  int frozen_layers; /* in a training graph, so many layers from the first on get no gradient, and their batch norms
                        take their running statistics, which stay; 0: none; more than there are: all */
} ss_backbone_options;

/* What a built backbone offers: its layers in order of depth (N, H, W, C), and its output (N, D), the global average of
 * the last. */
typedef struct ss_backbone_layers {
  int count;
  const char *names[SS_MAX_LAYERS]; /* "conv1", "layer1", ... */
  ss_tensor *tensors[SS_MAX_LAYERS];
  ss_tensor *output;
} ss_backbone_layers;

/* The known architectures, ended by NULL. */
const char *const *ss_backbone_names(void);

/* SS_USAGE for an unknown arch (with the nearest name), a width that does not scale to whole channels, a size too small
 * for the architecture, a split of anything but Lab, layer norm in place of norms that it has not. */
ss_status ss_backbone_check(const ss_backbone_options *options, ss_error *error);

/* The smallest pictures that the architecture takes, pixels a side; 0 if it is not known. */
int ss_backbone_smallest_size(const ss_backbone_options *options);

/* "rgb", "lightness", "lab", "sobel". */
const char *ss_backbone_input_name(ss_backbone_input input);
/* The input of that name; false if there is none. */
bool ss_backbone_input_find(const char *name, ss_backbone_input *input);

/* "batch", "layer". */
const char *ss_backbone_norm_name(ss_backbone_norm norm);
/* The norm of that name; false if there is none. */
bool ss_backbone_norm_find(const char *name, ss_backbone_norm *norm);

/* The stem that SS_STEM_AUTO means for these options; SS_STEM_LARGE for architectures with one stem. */
ss_stem ss_backbone_stem(const ss_backbone_options *options);

/* Channels of the output. */
int ss_backbone_dim(const ss_backbone_options *options);

/* Records the backbone on images (N, H, W, 3), which hold what options->input says, in the graph's current scope. Check
 * the options first. A split one is two networks of width / 2 with parameters "lightness. ..." and "colour. ...", shown
 * (L, L, L) and (a, b, 0); each layer and the output have the first's channels, then the second's. */
ss_backbone_layers ss_backbone_build(ss_graph *graph, ss_tensor *images, const ss_backbone_options *options);

/* One family of architectures: what resnet.c, alexnet.c and vgg.c define. */
typedef struct ss_architecture {
  const char *name;
  int smallest_size; /* input pixels */
  int dim;           /* output channels at width 64 */
  bool two_stems;
  void (*build)(ss_graph *graph, ss_tensor *images, const struct ss_architecture *self,
                const ss_backbone_options *options, ss_backbone_layers *layers); /* width and stem are decided */
  int blocks[4];                                                                 /* ResNet: blocks a stage */
  bool bottleneck;                                                               /* ResNet */
  bool norm;                                                                     /* a norm after each convolution */
  const int *plan; /* VGG: channels of each convolution, 0 for a max-pool, ended by -1 */
} ss_architecture;

/* For these files: adds the next layer; behind the last frozen one the graph records as before. */
void ss_backbone_add_layer(ss_graph *graph, const ss_backbone_options *options, ss_backbone_layers *layers,
                           const char *name, ss_tensor *tensor);

/* For these files: the options' norm of x, parameters NAME.weight, NAME.bias ... */
ss_tensor *ss_backbone_normalise(ss_graph *graph, ss_tensor *x, ss_backbone_norm norm, const char *name);

extern const ss_architecture ss_resnet18, ss_resnet34, ss_resnet50;
extern const ss_architecture ss_alexnet, ss_alexnet_bn;
extern const ss_architecture ss_vgg11, ss_vgg11_bn, ss_vgg13, ss_vgg13_bn, ss_vgg16, ss_vgg16_bn;

#endif
