#include "nets/backbone.h"

#include "base/text.h"

#include <string.h>

static const ss_architecture *const architectures[] = {&ss_resnet18,   &ss_resnet34, &ss_resnet50, &ss_alexnet,
                                                       &ss_alexnet_bn, &ss_vgg11,    &ss_vgg11_bn, &ss_vgg13,
                                                       &ss_vgg13_bn,   &ss_vgg16,    &ss_vgg16_bn};
enum { architecture_count = sizeof architectures / sizeof *architectures };

const char *const *ss_backbone_names(void) {
  static const char *const names[] = {"resnet18", "resnet34", "resnet50", "alexnet", "alexnet_bn", "vgg11",
                                      "vgg11_bn", "vgg13",    "vgg13_bn", "vgg16",   "vgg16_bn",   NULL};
  return names;
}

static const ss_architecture *find(const char *name) {
  for (int i = 0; i < architecture_count; i++) {
    if (strcmp(architectures[i]->name, name) == 0) {
      return architectures[i];
    }
  }
  return NULL;
}

static int width_of(const ss_backbone_options *options) {
  return options->width ? options->width : 64;
}

ss_status ss_backbone_check(const ss_backbone_options *options, ss_error *error) {
  const ss_architecture *architecture = find(options->arch);
  if (!architecture) {
    const char *nearest = ss_text_nearest(options->arch, ss_backbone_names(), architecture_count);
    return ss_fail(
        error, SS_USAGE, "unknown architecture: %s%s%s", options->arch,
        nearest ? "; did you mean " : "; the known ones are resnet18, resnet34, resnet50, alexnet, vgg11_bn, ...",
        nearest ? nearest : "");
  }
  const int width = width_of(options);
  if (width < 4 || width > 1024) {
    return ss_fail(error, SS_USAGE, "the width must be from 4 to 1024 channels, not %d", width);
  }
  if (options->size < architecture->smallest_size) {
    return ss_fail(error, SS_USAGE, "%s needs pictures of at least %d px, not %d; use --size %d or another --arch",
                   options->arch, architecture->smallest_size, options->size, architecture->smallest_size);
  }
  if (options->split && options->input != SS_INPUT_LAB) {
    return ss_fail(error, SS_USAGE,
                   "a split network has one half for lightness and one for colour: its input must be "
                   "lab, not %s",
                   ss_backbone_input_name(options->input));
  }
  if (options->norm == SS_BACKBONE_LAYER_NORM && !architecture->norm) {
    return ss_fail(error, SS_USAGE, "%s has no batch norms for layer norm to take the place of", options->arch);
  }
  if (options->split && width % 2 != 0) {
    return ss_fail(error, SS_USAGE, "a split network has two halves: its width must be even, not %d", width);
  }
  return SS_OK;
}

int ss_backbone_smallest_size(const ss_backbone_options *options) {
  const ss_architecture *architecture = find(options->arch);
  return architecture ? architecture->smallest_size : 0;
}

static const char *const input_names[] = {"rgb", "lightness", "lab", "sobel"};
enum { input_count = sizeof input_names / sizeof *input_names };

const char *ss_backbone_input_name(ss_backbone_input input) {
  return input_names[input];
}

bool ss_backbone_input_find(const char *name, ss_backbone_input *input) {
  for (int i = 0; i < input_count; i++) {
    if (strcmp(name, input_names[i]) == 0) {
      *input = (ss_backbone_input)i;
      return true;
    }
  }
  return false;
}

static const char *const norm_names[] = {"batch", "layer"};

const char *ss_backbone_norm_name(ss_backbone_norm norm) {
  return norm_names[norm];
}

bool ss_backbone_norm_find(const char *name, ss_backbone_norm *norm) {
  for (int i = 0; i < 2; i++) {
    if (strcmp(name, norm_names[i]) == 0) {
      *norm = (ss_backbone_norm)i;
      return true;
    }
  }
  return false;
}

ss_tensor *ss_backbone_normalise(ss_graph *graph, ss_tensor *x, ss_backbone_norm norm, const char *name) {
  return norm == SS_BACKBONE_LAYER_NORM ? ss_layer_norm(graph, x, name) : ss_batch_norm(graph, x, NULL, name);
}

/* What is frozen gets no gradient, so that the backward pass ends behind it. */
static void set_frozen(ss_graph *graph, bool frozen) {
  ss_graph_freeze(graph, frozen);
  ss_graph_set_training(graph, !frozen);
}

void ss_backbone_add_layer(ss_graph *graph, const ss_backbone_options *options, ss_backbone_layers *layers,
                           const char *name, ss_tensor *tensor) {
  layers->names[layers->count] = name;
  layers->tensors[layers->count++] = tensor;
  if (layers->count == options->frozen_layers) {
    set_frozen(graph, false);
  }
}

ss_stem ss_backbone_stem(const ss_backbone_options *options) {
  const ss_architecture *architecture = find(options->arch);
  if (!architecture || !architecture->two_stems) {
    return SS_STEM_LARGE;
  }
  if (options->stem != SS_STEM_AUTO) {
    return options->stem;
  }
  return options->size <= 64 ? SS_STEM_SMALL : SS_STEM_LARGE;
}

int ss_backbone_dim(const ss_backbone_options *options) {
  const ss_architecture *architecture = find(options->arch);
  return architecture ? (int)((int64_t)architecture->dim * width_of(options) / 64) : 0;
}

/* One network and its output. */
static ss_backbone_layers build(ss_graph *graph, ss_tensor *images, const ss_architecture *architecture, int width,
                                const ss_backbone_options *options) {
  ss_backbone_layers layers = {0};
  ss_backbone_options decided = *options;
  decided.width = width;
  decided.stem = ss_backbone_stem(options);
  if (!ss_graph_is_training(graph)) {
    decided.frozen_layers = 0;
  }
  if (decided.frozen_layers > 0) {
    set_frozen(graph, true);
  }
  architecture->build(graph, images, architecture, &decided, &layers);
  if (decided.frozen_layers > layers.count) {
    set_frozen(graph, false);
  }
  layers.output = layers.count ? ss_global_average_pool(graph, layers.tensors[layers.count - 1]) : NULL;
  return layers;
}

/* Split-Brain Autoencoders (Zhang, Isola, Efros, CVPR 2017), section 3.1: two disjoint networks, each shown what the
 * other is not; together they see the whole picture. */
static ss_backbone_layers build_halves(ss_graph *graph, ss_tensor *images, const ss_architecture *architecture,
                                       int width, const ss_backbone_options *options) {
  ss_tensor *lightness = ss_slice(graph, images, 3, 0, 1), *colour = ss_slice(graph, images, 3, 1, 3);
  ss_tensor *const thrice[] = {lightness, lightness, lightness};
  ss_tensor *const colour_and_zero[] = {colour, ss_affine(graph, lightness, 0.0f, 0.0f)};
  ss_graph_push_scope(graph, "lightness");
  ss_backbone_layers layers = build(graph, ss_concatenate(graph, thrice, 3, 3), architecture, width / 2, options);
  ss_graph_pop_scope(graph);
  ss_graph_push_scope(graph, "colour");
  const ss_backbone_layers other =
      build(graph, ss_concatenate(graph, colour_and_zero, 2, 3), architecture, width / 2, options);
  ss_graph_pop_scope(graph);
  for (int i = 0; i < layers.count; i++) {
    layers.tensors[i] = ss_concatenate(graph, (ss_tensor *const[]){layers.tensors[i], other.tensors[i]}, 2, 3);
  }
  layers.output = ss_concatenate(graph, (ss_tensor *const[]){layers.output, other.output}, 2, 1);
  return layers;
}

ss_backbone_layers ss_backbone_build(ss_graph *graph, ss_tensor *images, const ss_backbone_options *options) {
  const ss_architecture *architecture = find(options->arch);
  if (!architecture) {
    return (ss_backbone_layers){0};
  }
  return (options->split ? build_halves : build)(graph, images, architecture, width_of(options), options);
}
