#include "engine/gradient_buckets.h"

#include "base/memory.h"
#include "engine/placement.h"

#include <stdlib.h>
#include <string.h>

typedef struct member {
  int tensor; /* the id of the one whose memory it is */
  int made;   /* by which node */
  size_t bytes;
} member;

static int earliest_first(const void *a, const void *b) {
  const member *x = a, *y = b;
  return x->made != y->made ? (x->made > y->made) - (x->made < y->made)
                            : (x->tensor > y->tensor) - (x->tensor < y->tensor);
}

/* The index of the node that makes each tensor, by id; -1 for what no node makes. */
static ss_status find_makers(const ss_graph *graph, int **out, ss_error *error) {
  SS_TRY(ss_alloc((void **)out, graph->tensor_count, sizeof **out, "the plan", error));
  for (size_t i = 0; i < graph->tensor_count; i++) {
    (*out)[i] = -1;
  }
  for (size_t i = 0; i < graph->node_count; i++) {
    const ss_node *node = graph->nodes[i];
    for (int k = 0; k < node->output_count; k++) {
      if (node->outputs[k]) {
        (*out)[node->outputs[k]->id] = (int)i;
      }
    }
  }
  return SS_OK;
}

/* The gradients in order, each memory once. */
static size_t list_members(const ss_graph *graph, const int *makers, member *members) {
  size_t count = 0;
  for (size_t i = 0; i < graph->gradient_count; i++) {
    const ss_tensor *gradient = graph->gradient_tensors[i], *root = ss_placement_root(gradient);
    if (root->kind == SS_TENSOR_ACTIVATION && makers[root->id] >= 0) {
      members[count++] =
          (member){root->id, makers[gradient->id],
                   ss_placement_aligned((size_t)ss_shape_count(root->shape) * ss_dtype_size(root->dtype))};
    }
  }
  qsort(members, count, sizeof *members, earliest_first);
  return count;
}

static void fill(ss_gradient_buckets *buckets, const member *members, size_t count, size_t most_bytes) {
  ss_gradient_bucket *bucket = NULL;
  for (size_t i = 0; i < count; i++) {
    const member *next = &members[i];
    if (buckets->of[next->tensor] >= 0) {
      continue;
    }
    if (!bucket || bucket->bytes + next->bytes > most_bytes) {
      bucket = &buckets->items[buckets->count++];
    }
    buckets->of[next->tensor] = (int)(buckets->count - 1);
    buckets->inside[next->tensor] = bucket->bytes;
    bucket->bytes += next->bytes;
    bucket->complete = next->made;
  }
}

ss_status ss_gradient_buckets_make(ss_gradient_buckets *buckets, const ss_graph *graph, size_t most_bytes,
                                   ss_error *error) {
  const size_t tensors = graph->tensor_count, gradients = most_bytes > 0 ? graph->gradient_count : 0;
  member *members = NULL;
  int *makers = NULL;
  *buckets = (ss_gradient_buckets){.count = 0};
  ss_status status = ss_alloc((void **)&buckets->of, tensors, sizeof *buckets->of, "the plan", error);
  if (status == SS_OK) {
    memset(buckets->of, -1, tensors * sizeof *buckets->of);
    status = ss_alloc((void **)&buckets->inside, tensors, sizeof *buckets->inside, "the plan", error);
  }
  if (status == SS_OK) {
    status = ss_alloc((void **)&buckets->items, gradients, sizeof *buckets->items, "the plan", error);
  }
  if (status == SS_OK) {
    status = ss_alloc((void **)&members, gradients, sizeof *members, "the plan", error);
  }
  if (status == SS_OK) {
    status = find_makers(graph, &makers, error);
  }
  if (status == SS_OK && gradients > 0) {
    fill(buckets, members, list_members(graph, makers, members), most_bytes);
  }
  free(members);
  free(makers);
  return status;
}

void ss_gradient_buckets_free(ss_gradient_buckets *buckets) {
  free(buckets->items);
  free(buckets->of);
  free(buckets->inside);
  memset(buckets, 0, sizeof *buckets);
}
