#include "methods/image/views.h"

#include <stdlib.h>

ss_status ss_sample_view(const ss_view_options *options, ss_sample *sample, uint32_t view, float *out,
                         ss_error *error) {
  ss_random random = ss_sample_random(sample, view);
  SS_TRY(ss_view_random(sample->image, options, &random, sample->scratch, &sample->work[0], error));
  ss_image_to_float(&sample->work[0], 3, options->mean, options->deviation, false, out);
  return SS_OK;
}

ss_tensor *ss_matching_score(ss_graph *graph, ss_tensor *embeddings) {
  const int64_t rows = ss_tensor_dim(embeddings, 0);
  if (rows == 0) {
    return NULL;
  }
  float *self = calloc((size_t)(rows * rows), sizeof *self);
  int32_t *partner = calloc((size_t)rows, sizeof *partner);
  ss_tensor *score = NULL;
  if (self && partner) {
    for (int64_t i = 0; i < rows; i++) {
      self[i * rows + i] = -4.0f; /* below any cosine: a view is not its own match */
      partner[i] = (int32_t)((i + rows / 2) % rows);
    }
    ss_tensor *z = ss_l2_normalize(graph, ss_cast(graph, ss_stop_gradient(graph, embeddings), SS_F32));
    ss_tensor *cosines = ss_add(graph, ss_matmul(graph, z, false, z, true, 1.0f),
                                ss_graph_constant(graph, ss_shape_of(rows, rows), self));
    score = ss_accuracy(graph, cosines, ss_graph_constant_i32(graph, ss_shape_of(rows), partner));
  }
  free(self);
  free(partner);
  return score;
}
