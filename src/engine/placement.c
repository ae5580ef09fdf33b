#include "engine/placement.h"

#include "base/memory.h"

#include <stdlib.h>
#include <string.h>

enum { alignment = 64 };

/* A stretch of memory that must stay untouched from node `first` to node `last`. */
typedef struct block {
  size_t bytes, offset;
  int first, last;
  bool used;
} block;

typedef struct placer_record {
  const ss_graph *graph;
  const ss_gradient_buckets *buckets;
  block *blocks; /* by root tensor id, then one a node for scratch, then one a bucket */
  int *root;     /* by tensor id: the tensor whose memory it is */
  size_t block_count;
} placer_record;

const ss_tensor *ss_placement_root(const ss_tensor *tensor) {
  while (tensor->kind == SS_TENSOR_ACTIVATION && tensor->producer &&
         (ss_operation_define(tensor->producer->operation)->flags & SS_IS_VIEW)) {
    tensor = tensor->producer->inputs[0];
  }
  return tensor;
}

size_t ss_placement_aligned(size_t bytes) {
  return (bytes + alignment - 1) / alignment * alignment;
}

static int find(const placer_record *placer, int id) {
  while (placer->root[id] != id) {
    id = placer->root[id];
  }
  return id;
}

static bool in_arena(const ss_tensor *tensor) {
  return tensor && (tensor->kind == SS_TENSOR_ACTIVATION || tensor->kind == SS_TENSOR_INPUT);
}

static size_t bytes_of(const ss_tensor *tensor) {
  return (size_t)ss_shape_count(tensor->shape) * ss_dtype_size(tensor->dtype);
}

/* Views take their input's memory. An output may be written over an input that dies there. */
static void share_memory(placer_record *placer, const int *last_use) {
  const ss_graph *graph = placer->graph;
  for (size_t i = 0; i < graph->node_count; i++) {
    const ss_node *node = graph->nodes[i];
    const unsigned flags = ss_operation_define(node->operation)->flags;
    const ss_tensor *input = node->inputs[0], *output = node->outputs[0];
    if (!input || !output || !in_arena(input)) {
      continue;
    }
    if (flags & SS_IS_VIEW) {
      placer->root[output->id] = find(placer, input->id);
      continue;
    }
    if (!(flags & SS_IN_PLACE) || input->kind != SS_TENSOR_ACTIVATION || bytes_of(input) != bytes_of(output) ||
        placer->buckets->of[output->id] >= 0 || find(placer, input->id) != input->id || input->kept ||
        last_use[input->id] != (int)i || input->layout != output->layout) {
      continue;
    }
    bool viewed = false; /* a view of the input may live on */
    for (size_t k = 0; k < i && !viewed; k++) {
      const ss_node *other = graph->nodes[k];
      viewed = (ss_operation_define(other->operation)->flags & SS_IS_VIEW) && other->inputs[0] == input;
    }
    if (!viewed) {
      placer->root[output->id] = input->id;
    }
  }
}

static void find_lifetimes(placer_record *placer, const size_t *scratch, int *last_use) {
  const ss_graph *graph = placer->graph;
  const int end = (int)graph->node_count;
  for (size_t i = 0; i < graph->tensor_count; i++) {
    last_use[i] = -1;
    placer->root[i] = (int)i;
  }
  for (size_t i = 0; i < graph->node_count; i++) {
    for (int k = 0; k < graph->nodes[i]->input_count; k++) {
      if (graph->nodes[i]->inputs[k]) {
        last_use[graph->nodes[i]->inputs[k]->id] = (int)i;
      }
    }
  }
  share_memory(placer, last_use);
  for (size_t i = 0; i < graph->tensor_count; i++) {
    const ss_tensor *tensor = graph->tensors[i];
    if (tensor->kind == SS_TENSOR_INPUT) { /* filled before the first node, and perhaps only once */
      placer->blocks[i] = (block){bytes_of(tensor), 0, 0, end, true};
    }
  }
  for (size_t i = 0; i < graph->node_count; i++) {
    const ss_node *node = graph->nodes[i];
    for (int k = 0; k < node->output_count; k++) {
      const ss_tensor *output = node->outputs[k];
      if (!output) {
        continue;
      }
      const int root = find(placer, output->id);
      block *place = &placer->blocks[root];
      const int last = output->kept ? end : last_use[output->id] > (int)i ? last_use[output->id] : (int)i;
      if (!place->used) {
        *place = (block){bytes_of(output), 0, (int)i, last, true};
      } else if (last > place->last) {
        place->last = last;
      }
    }
    if (scratch[i]) {
      placer->blocks[graph->tensor_count + i] = (block){scratch[i], 0, (int)i, (int)i, true};
    }
  }
}

/* A bucket is one block, from the first of its gradients on. */
static void gather(placer_record *placer) {
  const ss_graph *graph = placer->graph;
  const ss_gradient_buckets *buckets = placer->buckets;
  block *gathered = &placer->blocks[graph->tensor_count + graph->node_count];
  for (size_t i = 0; i < graph->tensor_count; i++) {
    block *part = &placer->blocks[i];
    if (buckets->of[i] < 0 || !part->used) {
      continue;
    }
    block *whole = &gathered[buckets->of[i]];
    whole->first = !whole->used || part->first < whole->first ? part->first : whole->first;
    whole->last = part->last > whole->last ? part->last : whole->last;
    whole->bytes = buckets->items[buckets->of[i]].bytes;
    whole->used = true;
    part->used = false;
  }
}

static int larger_first(const void *a, const void *b, void *blocks) {
  const block *x = &((const block *)blocks)[*(const size_t *)a], *y = &((const block *)blocks)[*(const size_t *)b];
  if (x->bytes != y->bytes) {
    return x->bytes > y->bytes ? -1 : 1;
  }
  return *(const size_t *)a < *(const size_t *)b ? -1 : 1;
}

static int lower_first(const void *a, const void *b) {
  const block *x = *(block *const *)a, *y = *(block *const *)b;
  return x->offset < y->offset ? -1 : x->offset > y->offset;
}

/* Largest first, each in the smallest gap between those already placed that live at the same time. */
static ss_status place(placer_record *placer, size_t *bytes, ss_error *error) {
  size_t *order = calloc(placer->block_count ? placer->block_count : 1, sizeof *order);
  block **beside = calloc(placer->block_count ? placer->block_count : 1, sizeof(block *));
  if (!order || !beside) {
    free(order);
    free(beside);
    return ss_fail_memory(error, placer->block_count * sizeof *order, "the plan");
  }
  size_t count = 0;
  for (size_t i = 0; i < placer->block_count; i++) {
    if (placer->blocks[i].used) {
      placer->blocks[i].bytes = ss_placement_aligned(placer->blocks[i].bytes);
      order[count++] = i;
    }
  }
  qsort_r(order, count, sizeof *order, larger_first, placer->blocks);
  *bytes = 0;
  for (size_t i = 0; i < count; i++) {
    block *current = &placer->blocks[order[i]];
    size_t neighbours = 0;
    for (size_t k = 0; k < i; k++) {
      block *other = &placer->blocks[order[k]];
      if (other->first <= current->last && current->first <= other->last) {
        beside[neighbours++] = other;
      }
    }
    qsort(beside, neighbours, sizeof(block *), lower_first);
    size_t end = 0, best = SS_NO_PLACE, best_gap = SIZE_MAX;
    for (size_t k = 0; k < neighbours; k++) {
      if (beside[k]->offset > end) {
        const size_t gap = beside[k]->offset - end;
        if (gap >= current->bytes && gap < best_gap) {
          best = end;
          best_gap = gap;
        }
      }
      if (beside[k]->offset + beside[k]->bytes > end) {
        end = beside[k]->offset + beside[k]->bytes;
      }
    }
    current->offset = best == SS_NO_PLACE ? end : best;
    if (current->offset + current->bytes > *bytes) {
      *bytes = current->offset + current->bytes;
    }
  }
  free(order);
  free(beside);
  return SS_OK;
}

/* Where the blocks' tensors, scratch and buckets are. */
static void write_offsets(ss_placement *placement, const placer_record *placer) {
  const ss_graph *graph = placer->graph;
  ss_gradient_buckets *buckets = &placement->buckets;
  for (size_t i = 0; i < graph->node_count; i++) {
    placement->scratch_offsets[i] = placer->blocks[graph->tensor_count + i].offset;
  }
  for (size_t i = 0; i < buckets->count; i++) {
    buckets->items[i].offset = placer->blocks[graph->tensor_count + graph->node_count + i].offset;
  }
  for (size_t i = 0; i < graph->tensor_count; i++) {
    const int root = find(placer, (int)i);
    const block *own = &placer->blocks[root];
    const int bucket = buckets->of[root];
    placement->offsets[i] = !in_arena(graph->tensors[i]) ? SS_NO_PLACE
                            : bucket >= 0                ? buckets->items[bucket].offset + buckets->inside[root]
                            : own->used                  ? own->offset
                                                         : SS_NO_PLACE;
  }
}

ss_status ss_placement_make(ss_placement *placement, const ss_graph *graph, const size_t *scratch, size_t bucket_bytes,
                            ss_error *error) {
  placer_record placer = {.graph = graph, .buckets = &placement->buckets};
  int *last_use = NULL;
  ss_status status = ss_gradient_buckets_make(&placement->buckets, graph, bucket_bytes, error);
  if (status == SS_OK) {
    placer.block_count = graph->tensor_count + graph->node_count + placement->buckets.count;
    status = ss_alloc((void **)&placer.blocks, placer.block_count, sizeof *placer.blocks, "the plan", error);
  }
  if (status == SS_OK) {
    status = ss_alloc((void **)&placer.root, graph->tensor_count, sizeof *placer.root, "the plan", error);
  }
  if (status == SS_OK) {
    status = ss_alloc((void **)&last_use, graph->tensor_count, sizeof *last_use, "the plan", error);
  }
  if (status == SS_OK) {
    status = ss_alloc((void **)&placement->offsets, graph->tensor_count, sizeof(size_t), "the plan", error);
  }
  if (status == SS_OK) {
    status = ss_alloc((void **)&placement->scratch_offsets, graph->node_count, sizeof(size_t), "the plan", error);
  }
  if (status == SS_OK) {
    find_lifetimes(&placer, scratch, last_use);
    gather(&placer);
    status = place(&placer, &placement->bytes, error);
  }
  if (status == SS_OK) {
    write_offsets(placement, &placer);
  }
  free(placer.blocks);
  free(placer.root);
  free(last_use);
  return status;
}

void ss_placement_free(ss_placement *placement) {
  free(placement->offsets);
  free(placement->scratch_offsets);
  ss_gradient_buckets_free(&placement->buckets);
  memset(placement, 0, sizeof *placement);
}
