/* Choosing layouts. Tensors of (N, H, W, C) that element-wise operations and norms tie together share a layout; a group
 * of them takes block16 when a convolution that runs faster on it touches the group. Conversions go where the two meet.
 */
#include "engine/batch_norm.h"
#include "engine/kernel.h"

#include <stdlib.h>
#include <string.h>

typedef struct layout_pass {
  ss_graph *graph;
  const ss_device *device;
  int *parent;           /* union-find over tensors */
  bool *wanted;          /* by root: a convolution wants block16 */
  ss_tensor **converted; /* by tensor: its copy in the other layout */
  size_t tensors;
} layout_pass;

static int find(layout_pass *pass, int id) {
  while (pass->parent[id] != id) {
    pass->parent[id] = pass->parent[pass->parent[id]];
    id = pass->parent[id];
  }
  return id;
}

/* Pictures in bf16 stay as they are: first layers read parts of their rows. */
static bool is_picture(const ss_tensor *tensor) {
  return tensor->dtype == SS_BF16 && tensor->shape.rank == 4 && tensor->shape.dims[3] % 16 != 0;
}

/* Only activations change their layout: inputs, constants and parameters lie as the caller put them, and the gradient
 * of a weight as the weight does. */
static bool may_be_block16(const ss_tensor *tensor) {
  return tensor && !is_picture(tensor) && tensor->kind == SS_TENSOR_ACTIVATION && tensor->shape.rank == 4 &&
         tensor->shape.dims[0] % 16 == 0 && tensor->producer &&
         tensor->producer->operation != SS_OP_CONVOLUTION_BACKWARD_WEIGHT;
}

static bool is_spatial(const ss_tensor *tensor) {
  return tensor && tensor->shape.rank == 4 && tensor->shape.dims[0] > 1;
}

/* Whether a norm's groups of images are whole blocks of sixteen, so that each group is a stretch of memory in block16
 * too. */
static bool groups_are_blocks(const ss_node *node) {
  if (node->operation != SS_OP_BATCH_NORM && node->operation != SS_OP_BATCH_NORM_BACKWARD) {
    return true;
  }
  const int groups = node->attributes.groups;
  return groups <= 1 || node->inputs[0]->shape.dims[0] / groups % 16 == 0; /* x, or dy */
}

/* Whether the node does the same to every pixel, so that all its (N, H, W, C) tensors may share any layout. */
static bool is_transparent(const ss_node *node) {
  if (!(ss_operation_define(node->operation)->flags & SS_ANY_LAYOUT) || !groups_are_blocks(node)) {
    return false;
  }
  const ss_tensor *first = NULL;
  for (int k = 0; k < node->input_count + node->output_count; k++) {
    const ss_tensor *tensor = k < node->input_count ? node->inputs[k] : node->outputs[k - node->input_count];
    if (!tensor || !is_spatial(tensor)) {
      /* vectors of channels, scalars and masks are no obstacle; anything else that varies over pixels is */
      if (tensor && tensor->shape.rank >= 2 && tensor->shape.rank != 2 &&
          ss_shape_count(tensor->shape) != tensor->shape.dims[tensor->shape.rank - 1]) {
        return false;
      }
      continue;
    }
    if (first && !ss_shape_equal(first->shape, tensor->shape)) {
      return false;
    }
    first = tensor;
  }
  return first != NULL;
}

static void tie(layout_pass *pass, const ss_node *node) {
  int root = -1;
  for (int k = 0; k < node->input_count + node->output_count; k++) {
    const ss_tensor *tensor = k < node->input_count ? node->inputs[k] : node->outputs[k - node->input_count];
    if (!may_be_block16(tensor)) {
      continue;
    }
    const int other = find(pass, tensor->id);
    if (root >= 0) {
      pass->parent[other] = root;
    } else {
      root = other;
    }
  }
}

static bool wants(const layout_pass *pass, const ss_node *node) {
  return (ss_operation_define(node->operation)->flags & SS_BOTH_LAYOUTS) && pass->device->wants_block16 &&
         pass->device->wants_block16(node);
}

static void want(layout_pass *pass, const ss_node *node) {
  for (int k = 0; k < node->input_count + node->output_count; k++) {
    const ss_tensor *tensor = k < node->input_count ? node->inputs[k] : node->outputs[k - node->input_count];
    if (may_be_block16(tensor)) {
      pass->wanted[find(pass, tensor->id)] = true;
    }
  }
}

/* A node that copies `from` into a new tensor of the given layout, put at the end of the list. */
static ss_tensor *convert(ss_graph *graph, ss_tensor *from, ss_layout layout) {
  ss_tensor *to = ss_graph_operation(graph, SS_OP_RELAYOUT, NULL, &from, 1, from->dtype, from->shape);
  if (to) {
    to->layout = layout;
  }
  return to;
}

/* The copy of an input of a node in `layout`, made once. */
static ss_tensor *in_layout(layout_pass *pass, ss_tensor *tensor, ss_layout layout) {
  if (!is_spatial(tensor) || is_picture(tensor) || tensor->layout == layout) {
    return tensor;
  }
  if ((size_t)tensor->id >= pass->tensors) {
    return convert(pass->graph, tensor, layout);
  }
  if (!pass->converted[tensor->id]) {
    pass->converted[tensor->id] = convert(pass->graph, tensor, layout);
  }
  return pass->converted[tensor->id];
}

/* The layout in which a node reads and writes; `fixed` when it is the node's demand and not its tensors' choice. */
static bool demanded_layout(layout_pass *pass, const ss_node *node, ss_layout *layout) {
  if (ss_operation_define(node->operation)->flags & SS_BOTH_LAYOUTS) {
    /* A convolution that wants block16 wants it for every image it reads; others take what they get. */
    *layout = SS_LAYOUT_BLOCK16;
    return wants(pass, node);
  }
  *layout = SS_LAYOUT_PLAIN;
  if (is_transparent(node)) {
    for (int k = 0; k < node->output_count; k++) {
      if (may_be_block16(node->outputs[k])) {
        *layout = node->outputs[k]->layout;
        return true;
      }
    }
    for (int k = 0; k < node->input_count; k++) {
      if (may_be_block16(node->inputs[k])) {
        *layout = node->inputs[k]->layout;
        return true;
      }
    }
  }
  return true;
}

static bool assign(layout_pass *pass) {
  bool any = false;
  for (size_t i = 0; i < pass->graph->node_count; i++) {
    if (is_transparent(pass->graph->nodes[i])) {
      tie(pass, pass->graph->nodes[i]);
    }
  }
  for (size_t i = 0; i < pass->graph->node_count; i++) {
    if (wants(pass, pass->graph->nodes[i])) {
      want(pass, pass->graph->nodes[i]);
      any = true;
    }
  }
  for (size_t i = 0; any && i < pass->tensors; i++) {
    ss_tensor *tensor = pass->graph->tensors[i];
    if (may_be_block16(tensor) && pass->wanted[find(pass, tensor->id)]) {
      tensor->layout = SS_LAYOUT_BLOCK16;
    }
  }
  for (size_t i = 0; any && i < pass->graph->node_count; i++) { /* a pool's winners lie as the pooled values do */
    const ss_node *node = pass->graph->nodes[i];
    if (node->operation == SS_OP_POOL && node->outputs[1]) {
      node->outputs[1]->layout = node->outputs[0]->layout;
    }
  }
  return any;
}

/* Takes the conversions that were recorded at the end and puts them before position `write` of the new list. */
static void take_new(ss_graph *graph, size_t old_count, ss_node **list, size_t *write) {
  for (size_t i = old_count; i < graph->node_count; i++) {
    list[(*write)++] = graph->nodes[i];
  }
  graph->node_count = old_count;
}

static void rewrite(layout_pass *pass) {
  ss_graph *graph = pass->graph;
  const size_t old_count = graph->node_count;
  /* Each node may bring a conversion for each input, and one for each output. */
  ss_node **list = calloc(old_count * (1 + SS_MAX_INPUTS + 2 * SS_MAX_OUTPUTS), sizeof(ss_node *));
  if (!list) {
    graph->status = ss_fail_memory(&graph->error, old_count, "the layout pass");
    return;
  }
  size_t write = 0;
  for (size_t i = 0; i < old_count && graph->status == SS_OK; i++) {
    ss_node *node = graph->nodes[i];
    ss_layout layout;
    const bool fixed = demanded_layout(pass, node, &layout);
    for (int k = 0; fixed && k < node->input_count; k++) {
      if (node->inputs[k] && is_spatial(node->inputs[k]) && node->inputs[k]->kind != SS_TENSOR_PARAMETER) {
        node->inputs[k] = in_layout(pass, node->inputs[k], layout);
      }
    }
    take_new(graph, old_count, list, &write);
    list[write++] = node;
    for (int k = 0; k < node->output_count; k++) {
      ss_tensor *output = node->outputs[k];
      if (!may_be_block16(output)) {
        continue;
      }
      if (fixed && output->layout != layout) {
        /* The node writes `layout`; readers of the group's layout read the conversion. */
        ss_node *conversion = ss_graph_node(graph, SS_OP_RELAYOUT, NULL, NULL, 0);
        ss_tensor *direct = conversion ? ss_node_output(graph, conversion, output->dtype, output->shape) : NULL;
        if (!direct) {
          break;
        }
        direct->layout = layout;
        direct->producer = node;
        node->outputs[k] = direct;
        conversion->inputs[0] = direct;
        conversion->input_count = 1;
        conversion->outputs[0] = output;
        output->producer = conversion;
        take_new(graph, old_count, list, &write);
      }
      if (output->kept && output->layout == SS_LAYOUT_BLOCK16) {
        output->plain = in_layout(pass, output, SS_LAYOUT_PLAIN);
        if (output->plain) {
          output->plain->kept = true;
          output->kept = false;
        }
        take_new(graph, old_count, list, &write);
      }
    }
  }
  if (graph->status == SS_OK) {
    free(graph->nodes);
    graph->nodes = list;
    graph->node_count = write;
    graph->node_capacity = old_count * (1 + SS_MAX_INPUTS + 2 * SS_MAX_OUTPUTS);
  } else {
    for (size_t i = 0; i < write; i++) { /* what was taken over is freed with the graph only from its own list */
      bool own = false;
      for (size_t k = 0; k < old_count; k++) {
        own |= graph->nodes[k] == list[i];
      }
      if (!own) {
        free(list[i]);
      }
    }
    free(list);
  }
}

void ss_pass_layouts(ss_graph *graph, const ss_device *device) {
  if (!device->wants_block16 || graph->node_count == 0) {
    return;
  }
  layout_pass pass = {.graph = graph, .device = device, .tensors = graph->tensor_count};
  pass.parent = calloc(pass.tensors, sizeof *pass.parent);
  pass.wanted = calloc(pass.tensors, sizeof *pass.wanted);
  pass.converted = calloc(pass.tensors, sizeof(ss_tensor *));
  if (!pass.parent || !pass.wanted || !pass.converted) {
    graph->status = ss_fail_memory(&graph->error, pass.tensors, "the layout pass");
  } else {
    for (size_t i = 0; i < pass.tensors; i++) {
      pass.parent[i] = (int)i;
    }
    if (assign(&pass)) {
      rewrite(&pass);
    }
  }
  free(pass.parent);
  free(pass.wanted);
  free(pass.converted);
}
