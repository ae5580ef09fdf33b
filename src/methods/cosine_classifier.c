#include "methods/cosine_classifier.h"

ss_tensor *ss_cosine_classifier(ss_graph *graph, ss_tensor *x, int classes, float gamma, const char *name) {
  ss_graph_push_scope(graph, name);
  ss_tensor *weight = ss_graph_parameter(graph, "weight", SS_F32, ss_shape_of(classes, ss_tensor_dim(x, 1)),
                                         (ss_initializer){SS_INIT_KAIMING_UNIFORM, 0.0f}, SS_TRAINABLE);
  ss_tensor *scale = ss_graph_parameter(graph, "gamma", SS_F32, ss_shape_of(1),
                                        (ss_initializer){SS_INIT_CONSTANT, gamma}, SS_TRAINABLE | SS_NORM_OR_BIAS);
  ss_graph_pop_scope(graph);
  ss_tensor *cosines = ss_matmul(graph, ss_l2_normalize(graph, ss_cast(graph, x, SS_F32)), false,
                                 ss_l2_normalize(graph, weight), true, 1.0f);
  return ss_multiply(graph, cosines, scale);
}
