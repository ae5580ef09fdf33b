#include "methods/projector.h"

#include <stdio.h>

ss_tensor *ss_projector(ss_graph *graph, ss_tensor *x, const ss_projector_options *options, const char *name) {
  ss_graph_push_scope(graph, name);
  ss_graph_push_scope(graph, "layers");
  int index = 0;
  char number[16];
  const int hidden = options->hidden > 0 ? options->hidden : (int)ss_tensor_dim(x, 1);
  for (int layer = 0; layer < options->layers; layer++) {
    const bool last = layer == options->layers - 1;
    const bool norm = last ? options->last_norm : options->norm;
    snprintf(number, sizeof number, "%d", index++);
    x = ss_linear(graph, x, last ? options->output : hidden, !norm, number);
    if (norm) {
      snprintf(number, sizeof number, "%d", index++);
      x = ss_batch_norm(graph, x, NULL, number);
    }
    if (!last) {
      x = ss_relu(graph, x);
      index++;
    }
  }
  ss_graph_pop_scope(graph);
  ss_graph_pop_scope(graph);
  return x;
}
