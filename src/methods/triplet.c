#include "methods/triplet.h"

#include <stdlib.h>

/* Above any squared distance of unit vectors. */
static const float beyond = 16.0f;

typedef enum relation { SELF, SAME, OTHER } relation;

/* A constant (rows, rows) that is `value` where two views are so related, else 0. */
static ss_tensor *mask(ss_graph *graph, int64_t rows, int64_t instances, relation wanted, float value) {
  float *values = calloc((size_t)(rows * rows), sizeof *values);
  if (!values) {
    return NULL;
  }
  for (int64_t i = 0; i < rows; i++) {
    for (int64_t k = 0; k < rows; k++) {
      const relation is = i == k ? SELF : (i % instances == k % instances ? SAME : OTHER);
      values[i * rows + k] = is == wanted ? value : 0.0f;
    }
  }
  ss_tensor *constant = ss_graph_constant(graph, ss_shape_of(rows, rows), values);
  free(values);
  return constant;
}

/* (M, D) -> (M, M): |a - b|^2 = 2 - 2 cos of unit vectors. */
static ss_tensor *squared_distances(ss_graph *graph, ss_tensor *embeddings) {
  ss_tensor *z = ss_l2_normalize(graph, ss_cast(graph, embeddings, SS_F32));
  return ss_affine(graph, ss_matmul(graph, z, false, z, true, 1.0f), -2.0f, 2.0f);
}

/* (M, M) -> (M, 1): the largest after a mask for each relation that is left out was added. */
static ss_tensor *largest(ss_graph *graph, ss_tensor *values, int64_t instances, relation out, relation out_too) {
  const int64_t rows = ss_tensor_dim(values, 0);
  values = ss_add(graph, values, mask(graph, rows, instances, out, -beyond));
  values = ss_add(graph, values, mask(graph, rows, instances, out_too, -beyond));
  return ss_reduce_max(graph, values, 1u << 1, true);
}

/* The square root, whose slope at zero is finite; rounding may have left the square a little below zero. */
static ss_tensor *distance(ss_graph *graph, ss_tensor *squared) {
  return ss_sqrt(graph, ss_affine(graph, ss_relu(graph, squared), 1.0f, 1e-6f));
}

ss_tensor *ss_batch_hard_loss(ss_graph *graph, ss_tensor *embeddings, int views, float margin) {
  ss_tensor *squared = squared_distances(graph, embeddings);
  if (!squared) {
    return NULL;
  }
  const int64_t instances = ss_tensor_dim(squared, 0) / views;
  ss_tensor *farthest = largest(graph, squared, instances, SELF, OTHER);
  ss_tensor *nearest = largest(graph, ss_affine(graph, squared, -1.0f, 0.0f), instances, SELF, SAME);
  ss_tensor *difference =
      ss_subtract(graph, distance(graph, farthest), distance(graph, ss_affine(graph, nearest, -1.0f, 0.0f)));
  ss_tensor *losses = margin == SS_SOFT_MARGIN ? ss_log(graph, ss_affine(graph, ss_exp(graph, difference), 1.0f, 1.0f))
                                               : ss_relu(graph, ss_affine(graph, difference, 1.0f, margin));
  return ss_reduce_mean(graph, losses, 3u, false);
}

ss_tensor *ss_nearest_instance_score(ss_graph *graph, ss_tensor *embeddings, int views) {
  ss_tensor *squared = squared_distances(graph, ss_stop_gradient(graph, embeddings));
  if (!squared) {
    return NULL;
  }
  const int64_t rows = ss_tensor_dim(squared, 0), instances = rows / views;
  ss_tensor *nearness = ss_affine(graph, squared, -1.0f, 0.0f);
  ss_tensor *same = largest(graph, nearness, instances, SELF, OTHER);
  ss_tensor *other = largest(graph, nearness, instances, SELF, SAME);
  int32_t *first = calloc((size_t)rows, sizeof *first);
  ss_tensor *labels = first ? ss_graph_constant_i32(graph, ss_shape_of(rows), first) : NULL;
  free(first);
  return ss_accuracy(graph, ss_concatenate(graph, (ss_tensor *[]){same, other}, 2, 1), labels);
}

double ss_nearest_instance_chance(int views, int instances) {
  return (double)(views - 1) / ((double)views * instances - 1.0);
}
