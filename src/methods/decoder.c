#include "methods/decoder.h"

#include <stdio.h>

enum { smallest_side = 4, least_channels = 16, most_doublings = 16 };

static const ss_initializer dcgan = {SS_INIT_NORMAL, 0.02f};

static int narrower(int channels) {
  return channels / 2 > least_channels ? channels / 2 : least_channels;
}

/* The sides from the first one up to the picture's, in *sides; how many doublings there are between them. The first is
 * the smallest that is at least `from`. */
static int doublings(int size, int from, int sides[most_doublings + 1]) {
  int count = 0, side = size;
  while (count < most_doublings && side > 1 && (side + 1) / 2 >= from) {
    side = (side + 1) / 2;
    count++;
  }
  for (int i = count; i >= 0; i--) {
    sides[i] = size;
    size = (size + 1) / 2;
  }
  return count;
}

/* The side of the map that a vector becomes. */
static int first_side(int size) {
  while (size > smallest_side) {
    size = (size + 1) / 2;
  }
  return size;
}

static ss_tensor *norm_relu(ss_graph *graph, ss_tensor *x, int index) {
  char name[16];
  snprintf(name, sizeof name, "norm%d", index);
  return ss_relu(graph, ss_batch_norm(graph, x, NULL, name));
}

/* To twice the side, or one less where the picture's side was odd. */
static ss_tensor *doubled(ss_graph *graph, ss_tensor *x, int side, int channels, bool bias, const char *name) {
  const ss_convolution_options options = {
      .kernel = {4, 4}, .stride = {2, 2}, .padding = {1, 1}, .bias = bias, .zero_bias = true, .initializer = dcgan};
  x = ss_transposed_convolution2d(graph, x, channels, &options, NULL, name);
  for (int axis = 1; axis <= 2 && ss_tensor_dim(x, axis) > side; axis++) {
    x = ss_slice(graph, x, axis, 0, side);
  }
  return x;
}

static ss_tensor *map_of_vector(ss_graph *graph, ss_tensor *x, int side, int channels) {
  const int64_t batch = ss_tensor_dim(x, 0);
  x = ss_linear(graph, x, side * side * channels, false, "project");
  return norm_relu(graph, ss_reshape(graph, x, ss_shape_of(batch, side, side, channels)), 0);
}

static ss_tensor *record(ss_graph *graph, ss_tensor *x, const ss_decoder_options *options) {
  int channels = options->width > 0 ? options->width : (int)ss_tensor_dim(x, -1);
  if (ss_tensor_shape(x).rank == 2) {
    x = map_of_vector(graph, x, first_side(options->size), channels);
  }
  const int64_t height = ss_tensor_dim(x, 1), width = ss_tensor_dim(x, 2);
  int sides[most_doublings + 1] = {0};
  const int count = doublings(options->size, (int)(height > width ? height : width), sides);
  if (height != sides[0] || width != sides[0]) {
    x = ss_resize_bilinear(graph, x, sides[0], sides[0]);
  }
  int kernel = options->kernel;
  for (int i = 1; i <= count; i++) {
    char name[16];
    snprintf(name, sizeof name, "up%d", i);
    if (i == count && kernel == 0) {
      return doubled(graph, x, sides[i], options->channels, true, "last");
    }
    channels = narrower(channels);
    x = norm_relu(graph, doubled(graph, x, sides[i], channels, false, name), i);
  }
  kernel = kernel > 0 ? kernel : 3;
  const ss_convolution_options last = {.kernel = {kernel, kernel},
                                       .padding = {kernel / 2, kernel / 2},
                                       .bias = true,
                                       .zero_bias = true,
                                       .initializer = dcgan};
  return ss_convolution2d(graph, x, options->channels, &last, "last");
}

ss_tensor *ss_picture_decoder(ss_graph *graph, ss_tensor *x, const ss_decoder_options *options, const char *name) {
  if (!x) {
    return NULL;
  }
  ss_graph_push_scope(graph, name);
  x = record(graph, x, options);
  ss_graph_pop_scope(graph);
  return x;
}
