/* Where tensors lie: nothing that is still needed is written over, and gradients lie in buckets in the order in which
 * they are made. */
#include "support.h"

#include "engine/operations.h"
#include "engine/placement.h"

#include <stdio.h>
#include <stdlib.h>

enum { SCRATCH = 1000 };

typedef struct placed {
  ss_parameters *parameters;
  ss_graph *graph;
  ss_placement placement;
} placed;

/* Convolutions with norms and a residual, a layer that is used twice, and a head: 20 gradients, some of them sums. */
static void record(placed *p) {
  p->parameters = ss_parameters_new(1);
  p->graph = ss_graph_new(p->parameters, &(ss_graph_options){.compute = SS_F32, .training = true});
  ss_graph *graph = p->graph;
  const ss_convolution_options window = {.kernel = {3, 3}, .padding = {1, 1}, .bias = true};
  ss_tensor *x = ss_graph_input(graph, "x", SS_F32, ss_shape_of(4, 8, 8, 3));
  ss_tensor *labels = ss_graph_input(graph, "labels", SS_I32, ss_shape_of(4));
  for (int i = 0; i < 3; i++) {
    char name[32];
    snprintf(name, sizeof name, "block%d", i);
    ss_graph_push_scope(graph, name);
    ss_tensor *y = ss_batch_norm(graph, ss_convolution2d(graph, x, 16, &window, "conv"), NULL, "bn");
    x = ss_relu(graph, i > 0 ? ss_add(graph, x, y) : y);
    ss_graph_pop_scope(graph);
  }
  ss_tensor *h = ss_reduce_mean(graph, x, 6, false);
  for (int i = 0; i < 2; i++) {
    h = ss_relu(graph, ss_linear(graph, h, 16, true, "twice"));
  }
  ss_tensor *logits = ss_linear(graph, h, 5, true, "head");
  ss_graph_backward(graph, ss_cross_entropy(graph, logits, labels, NULL, NULL), "");
  ss_error error;
  assert_int_equal(ss_graph_status(graph, &error), SS_OK);
}

static void place(placed *p, size_t bucket_bytes) {
  size_t *scratch = calloc(p->graph->node_count, sizeof *scratch);
  ss_error error = {""};
  assert_non_null(scratch);
  for (size_t i = 0; i < p->graph->node_count; i += 3) {
    scratch[i] = SCRATCH;
  }
  assert_int_equal(ss_placement_make(&p->placement, p->graph, scratch, bucket_bytes, &error), SS_OK);
  free(scratch);
}

static void release(placed *p) {
  ss_placement_free(&p->placement);
  ss_graph_free(p->graph);
  ss_parameters_free(p->parameters);
}

/* A stretch of the arena between two nodes. */
typedef struct stretch {
  size_t begin, end;
  int first, last;
} stretch;

static bool overlap(const stretch *a, const stretch *b) {
  return a->begin < b->end && b->begin < a->end;
}

/* By tensor id, of each memory's own tensor; begin == end for what is not in the arena. */
static stretch *find_stretches(const placed *p) {
  const ss_graph *graph = p->graph;
  stretch *all = calloc(graph->tensor_count, sizeof *all);
  assert_non_null(all);
  for (size_t i = 0; i < graph->tensor_count; i++) {
    const ss_tensor *tensor = graph->tensors[i];
    const size_t offset = p->placement.offsets[i],
                 bytes = (size_t)ss_shape_count(tensor->shape) * ss_dtype_size(tensor->dtype);
    if (ss_placement_root(tensor) == tensor && offset != SS_NO_PLACE) {
      all[i] = (stretch){offset, offset + bytes, tensor->kind == SS_TENSOR_INPUT ? -1 : (int)graph->node_count, -1};
      assert_true(offset % 64 == 0 && offset + bytes <= p->placement.bytes);
    }
  }
  for (size_t n = 0; n < graph->node_count; n++) {
    const ss_node *node = graph->nodes[n];
    for (int k = 0; k < node->input_count + node->output_count; k++) {
      const ss_tensor *tensor = k < node->input_count ? node->inputs[k] : node->outputs[k - node->input_count];
      if (!tensor) {
        continue;
      }
      const ss_tensor *root = ss_placement_root(tensor);
      stretch *of = &all[root->id];
      of->first = (int)n < of->first ? (int)n : of->first;
      of->last = tensor->kept || root->kind == SS_TENSOR_INPUT ? (int)graph->node_count
                 : (int)n > of->last                           ? (int)n
                                                               : of->last;
    }
  }
  return all;
}

/* What lives beyond the node at which something else begins is not touched; at that node only a node that may write
 * over its first input does so. */
static void expect_nothing_lost(const placed *p) {
  const ss_graph *graph = p->graph;
  stretch *all = find_stretches(p);
  for (size_t a = 0; a < graph->tensor_count; a++) {
    for (size_t b = 0; b < graph->tensor_count; b++) {
      if (a == b || all[a].begin == all[a].end || all[b].begin == all[b].end || !overlap(&all[a], &all[b])) {
        continue;
      }
      if (all[a].first < all[b].first && all[a].last > all[b].first) {
        fail_msg("tensor %d is written over tensor %d", (int)b, (int)a);
      }
      if (all[a].first < all[b].first && all[a].last == all[b].first) {
        const ss_node *node = graph->nodes[all[b].first];
        assert_true(ss_operation_define(node->operation)->flags & SS_IN_PLACE);
        assert_true(node->outputs[0]->id == (int)b && ss_placement_root(node->inputs[0])->id == (int)a);
        assert_true(all[a].begin == all[b].begin);
      }
      assert_true(all[a].first != all[b].first); /* two outputs of a node */
    }
    for (size_t n = 0; n < graph->node_count; n += 3) {
      const stretch scratch = {p->placement.scratch_offsets[n], p->placement.scratch_offsets[n] + SCRATCH, 0, 0};
      assert_false(all[a].begin < all[a].end && all[a].first <= (int)n && all[a].last >= (int)n &&
                   overlap(&all[a], &scratch));
    }
  }
  free(all);
}

static void nothing_needed_is_written_over(void **state) {
  (void)state;
  placed p = {0};
  record(&p);
  place(&p, 0);
  assert_int_equal(p.placement.buckets.count, 0);
  expect_nothing_lost(&p);
  release(&p);
}

static int maker_of(const ss_graph *graph, const ss_tensor *tensor) {
  for (size_t n = 0; n < graph->node_count; n++) {
    for (int k = 0; k < graph->nodes[n]->output_count; k++) {
      if (graph->nodes[n]->outputs[k] == tensor) {
        return (int)n;
      }
    }
  }
  return -1;
}

/* Each gradient lies whole in one bucket, which is complete with the last of its own; buckets are full, in order. */
static void check_buckets(size_t most_bytes, size_t least_buckets) {
  placed p = {0};
  record(&p);
  place(&p, most_bytes);
  expect_nothing_lost(&p);
  const ss_gradient_buckets *buckets = &p.placement.buckets;
  const size_t gradients = ss_graph_gradient_count(p.graph);
  size_t *filled = calloc(buckets->count, sizeof *filled);
  int *complete = calloc(buckets->count, sizeof *complete);
  assert_non_null(filled);
  assert_non_null(complete);
  assert_true(buckets->count >= least_buckets && buckets->count <= gradients);
  for (size_t i = 0; i < gradients; i++) {
    const ss_tensor *gradient = ss_graph_gradient_tensor(p.graph, i);
    const size_t offset = p.placement.offsets[gradient->id];
    const size_t bytes = (size_t)ss_shape_count(gradient->shape) * sizeof(float);
    const int number = buckets->of[ss_placement_root(gradient)->id], made = maker_of(p.graph, gradient);
    assert_in_range(number, 0, buckets->count - 1);
    const ss_gradient_bucket *bucket = &buckets->items[number];
    assert_true(offset >= bucket->offset && offset + bytes <= bucket->offset + bucket->bytes);
    assert_true(made <= bucket->complete);
    filled[number] += ss_placement_aligned(bytes);
    complete[number] = made > complete[number] ? made : complete[number];
  }
  for (size_t i = 0; i < buckets->count; i++) {
    assert_int_equal(filled[i], buckets->items[i].bytes);
    assert_int_equal(complete[i], buckets->items[i].complete);
    assert_true(i == 0 || complete[i] >= complete[i - 1]);
    assert_true(i == 0 || buckets->items[i - 1].bytes + buckets->items[i].bytes > most_bytes);
  }
  free(filled);
  free(complete);
  release(&p);
}

static void gradients_lie_in_buckets(void **state) {
  (void)state;
  check_buckets(1, 10);    /* one each */
  check_buckets(10000, 3); /* a convolution's weights are 9,216 bytes */
  check_buckets((size_t)1 << 20, 1);
}

int main(void) {
  const struct CMUnitTest tests[] = {cmocka_unit_test(nothing_needed_is_written_over),
                                     cmocka_unit_test(gradients_lie_in_buckets)};
  return cmocka_run_group_tests_name("placement", tests, NULL, NULL);
}
