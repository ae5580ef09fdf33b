#include "methods/content_loss.h"

#include <stdio.h>
#include <string.h>

ss_tensor *ss_normalised(ss_graph *graph, ss_tensor *pictures, const float mean[3], const float deviation[3]) {
  float scale[3], shift[3];
  for (int c = 0; c < 3; c++) {
    scale[c] = 1.0f / deviation[c];
    shift[c] = -mean[c] / deviation[c];
  }
  ss_tensor *x = ss_multiply(graph, pictures, ss_graph_constant(graph, ss_shape_of(3), scale));
  return ss_add(graph, x, ss_graph_constant(graph, ss_shape_of(3), shift));
}

static ss_tensor *features(ss_graph *graph, const ss_model *model, ss_tensor *pictures) {
  ss_graph_push_scope(graph, "content");
  const ss_backbone_layers layers =
      ss_backbone_build(graph, ss_normalised(graph, pictures, model->mean, model->deviation), &model->backbone);
  ss_graph_pop_scope(graph);
  return layers.count ? layers.tensors[layers.count - 1] : NULL;
}

static void copy_weights(const ss_model *model, ss_parameters *to) {
  for (size_t i = 0; i < ss_parameters_count(model->parameters); i++) {
    const ss_parameter *from = ss_parameters_at(model->parameters, i);
    char name[600];
    snprintf(name, sizeof name, "content.%s", from->name + strlen("backbone."));
    const ss_parameter *own = ss_parameters_find(to, name);
    if (own) {
      memcpy(own->value, from->value, (size_t)from->count * ss_dtype_size(from->dtype));
    }
  }
}

ss_tensor *ss_content_loss(ss_graph *graph, const ss_model *model, ss_tensor *made, ss_tensor *real, float scale) {
  const bool training = ss_graph_is_training(graph);
  ss_graph_freeze(graph, true);
  ss_graph_set_training(graph, false);
  ss_tensor *of_made = features(graph, model, made), *of_real = features(graph, model, real);
  ss_graph_set_training(graph, training);
  ss_graph_freeze(graph, false);
  copy_weights(model, ss_graph_parameters(graph));
  return ss_affine(graph, ss_l2_loss(graph, of_made, of_real, NULL), scale * scale, 0.0f);
}
