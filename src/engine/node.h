/* Inside the engine: nodes, operations and what the passes, the planner and the devices know about them. */
#ifndef SS_ENGINE_NODE_H
#define SS_ENGINE_NODE_H

#include "engine/device.h"
#include "engine/graph.h"
#include "engine/operations.h"

#define SS_MAX_INPUTS 8
#define SS_MAX_OUTPUTS 4

/* Every operation, forward and backward. A family's file in engine/ defines ss_operation_NAME (its gradient rule), a
 * file in engine/cpu/ defines ss_cpu_NAME (its kernel). */
#define SS_OPERATIONS(X)                                        \
  X(UNARY, unary)                                               \
  X(UNARY_BACKWARD, unary_backward)                             \
  X(BINARY, binary)                                             \
  X(CAST, cast)                                                 \
  X(REDUCE, reduce)                                             \
  X(REDUCE_MAX_BACKWARD, reduce_max_backward)                   \
  X(BROADCAST, broadcast)                                       \
  X(RESHAPE, reshape)                                           \
  X(STOP_GRADIENT, stop_gradient)                               \
  X(SLICE, slice)                                               \
  X(CONCATENATE, concatenate)                                   \
  X(TRANSPOSE, transpose)                                       \
  X(GATHER, gather)                                             \
  X(GATHER_BACKWARD, gather_backward)                           \
  X(PAD, pad)                                                   \
  X(PAD_BACKWARD, pad_backward)                                 \
  X(PIXEL_SHUFFLE, pixel_shuffle)                               \
  X(PIXEL_UNSHUFFLE, pixel_unshuffle)                           \
  X(CONVOLUTION, convolution)                                   \
  X(CONVOLUTION_BACKWARD_DATA, convolution_backward_data)       \
  X(CONVOLUTION_BACKWARD_WEIGHT, convolution_backward_weight)   \
  X(LINEAR, linear)                                             \
  X(MATMUL, matmul)                                             \
  X(GRU, gru)                                                   \
  X(GRU_BACKWARD, gru_backward)                                 \
  X(PRELU, prelu)                                               \
  X(PRELU_BACKWARD, prelu_backward)                             \
  X(BATCH_NORM, batch_norm)                                     \
  X(BATCH_NORM_BACKWARD, batch_norm_backward)                   \
  X(LAYER_NORM, layer_norm)                                     \
  X(LAYER_NORM_BACKWARD, layer_norm_backward)                   \
  X(LOCAL_RESPONSE_NORM, local_response_norm)                   \
  X(LOCAL_RESPONSE_NORM_BACKWARD, local_response_norm_backward) \
  X(L2_NORMALIZE, l2_normalize)                                 \
  X(L2_NORMALIZE_BACKWARD, l2_normalize_backward)               \
  X(SOFTMAX, softmax)                                           \
  X(SOFTMAX_BACKWARD, softmax_backward)                         \
  X(DROPOUT, dropout)                                           \
  X(POOL, pool)                                                 \
  X(POOL_BACKWARD, pool_backward)                               \
  X(RESIZE, resize)                                             \
  X(RESIZE_BACKWARD, resize_backward)                           \
  X(CROSS_ENTROPY, cross_entropy)                               \
  X(CROSS_ENTROPY_BACKWARD, cross_entropy_backward)             \
  X(ELEMENT_LOSS, element_loss)                                 \
  X(ELEMENT_LOSS_BACKWARD, element_loss_backward)               \
  X(ACCURACY, accuracy)                                         \
  X(RELAYOUT, relayout)                                         \
  X(CHAIN, chain)

typedef enum ss_operation {
#define SS_X(upper, lower) SS_OP_##upper,
  SS_OPERATIONS(SS_X)
#undef SS_X
      SS_OP_COUNT
} ss_operation;

/* What an operation is told besides its tensors; each uses the fields its family names. */
typedef struct ss_attributes {
  int kind;      /* the function of UNARY and BINARY, the kind of REDUCE, POOL, PAD, ELEMENT_LOSS: the family's enum */
  float alpha;   /* scale, slope, epsilon, probability, margin ... */
  float beta;    /* offset, momentum ... */
  float gamma;   /* a third number */
  unsigned axes; /* a set of axes, bit i for axis i */
  int axis;
  int64_t begin, end;
  int order[SS_MAX_RANK];  /* TRANSPOSE */
  int before[SS_MAX_RANK]; /* PAD */
  int after[SS_MAX_RANK];
  int kernel[3], stride[3], padding[3],
      dilation[3]; /* convolution and pooling, in the order (D,) H, W; unused ones 1, 1, 0, 1 */
  int groups;
  unsigned flags; /* the family's bits */
  bool tf32;      /* of the graph's options */
} ss_attributes;

typedef struct ss_chain ss_chain; /* chain.h */

typedef struct ss_node {
  ss_operation operation;
  ss_attributes attributes;
  ss_tensor *inputs[SS_MAX_INPUTS]; /* NULL where an optional one is absent */
  int input_count;
  ss_tensor *outputs[SS_MAX_OUTPUTS]; /* NULL where one is not wanted */
  int output_count;
  ss_chain *chain; /* what CHAIN computes, owned; NULL for others */
  int id;          /* stable: keys dropout's random numbers */
  bool removed;    /* by a pass */
} ss_node;

typedef enum ss_tensor_kind {
  SS_TENSOR_ACTIVATION, /* a node's output: in the arena */
  SS_TENSOR_INPUT,      /* filled by the caller */
  SS_TENSOR_CONSTANT,
  SS_TENSOR_PARAMETER /* in the store */
} ss_tensor_kind;

struct ss_tensor {
  int id; /* index in the graph's list */
  ss_tensor_kind kind;
  ss_dtype dtype;
  ss_shape shape;
  ss_layout layout;
  ss_node *producer; /* NULL unless an activation; NULL too where a pass removed the node */
  bool requires_gradient;
  bool kept; /* its value is read after a run */
  ss_parameter *parameter;
  void *constant;      /* owned */
  char *name;          /* owned; may be NULL */
  ss_tensor *plain;    /* the copy in plain layout that is read in place of a kept tensor in another */
  ss_tensor *gradient; /* after ss_graph_backward, while it is being recorded */
};

/* Given the gradients of a node's outputs (NULL where none reaches it), records those of the inputs that require one.
 */
typedef void (*ss_gradient_rule)(ss_graph *graph, const ss_node *node, ss_tensor *const *output_gradients,
                                 ss_tensor **input_gradients);

typedef enum ss_operation_flags {
  SS_ANY_LAYOUT = 1,   /* works on elements or on rows of channels: all its large tensors share whichever layout */
  SS_IS_VIEW = 2,      /* output 0 is input 0's memory: nothing is executed */
  SS_BOTH_LAYOUTS = 4, /* its kernels accept plain or block16, input and output alike */
  SS_IN_PLACE = 8      /* output 0 may be written over input 0 when nobody else needs it */
} ss_operation_flags;

typedef struct ss_operation_definition {
  const char *name;
  ss_gradient_rule gradient; /* NULL: no gradient goes back */
  unsigned flags;
} ss_operation_definition;

const ss_operation_definition *ss_operation_define(ss_operation operation);
#define SS_X(upper, lower) extern const ss_operation_definition ss_operation_##lower;
SS_OPERATIONS(SS_X)
#undef SS_X

/* ---- recording, for the families' files ---- */

/* Keeps the first mistake; returns NULL so that an operation can `return ss_graph_mistake(...)`. */
ss_tensor *ss_graph_mistake(ss_graph *graph, const char *format, ...) __attribute__((format(printf, 2, 3)));

/* Whether recording goes on and all of the tensors are there. */
bool ss_graph_ready(const ss_graph *graph, ss_tensor *const *tensors, int count);

/* A new node with up to SS_MAX_INPUTS inputs (NULL for absent ones), no outputs yet; NULL after a mistake. */
ss_node *ss_graph_node(ss_graph *graph, ss_operation operation, const ss_attributes *attributes,
                       ss_tensor *const *inputs, int input_count);

/* Takes the nodes marked as removed out of the list and frees them; what they made has no producer then. */
void ss_graph_drop_removed(ss_graph *graph);
/* Its next output. Requires a gradient when the operation has a gradient rule and any input requires one. */
ss_tensor *ss_node_output(ss_graph *graph, ss_node *node, ss_dtype dtype, ss_shape shape);
/* Leaves the next output absent (NULL). */
void ss_node_no_output(ss_node *node);
/* For gradient rules: the next output, of the shape and type of `of` if that is there and wants a gradient, else absent
 * (NULL). */
ss_tensor *ss_node_gradient_output(ss_graph *graph, ss_node *node, const ss_tensor *of);
/* A node with one output, which it returns. */
ss_tensor *ss_graph_operation(ss_graph *graph, ss_operation operation, const ss_attributes *attributes,
                              ss_tensor *const *inputs, int input_count, ss_dtype dtype, ss_shape shape);

/* How many times the nodes read each tensor, by id; to be freed. NULL: no memory. */
int *ss_graph_count_readers(const ss_graph *graph);

/* ---- the graph, for the passes and the planner ---- */

struct ss_graph {
  ss_parameters *parameters;
  ss_graph_options options;
  ss_status status;
  ss_error error;
  ss_node **nodes; /* in order of execution */
  size_t node_count, node_capacity;
  ss_tensor **tensors;
  size_t tensor_count, tensor_capacity;
  ss_parameter **gradient_parameters;
  ss_tensor **gradient_tensors;
  size_t gradient_count, gradient_capacity;
  char scope[512];
  bool frozen, statistics_held;
  int norm_parts; /* of batch norms in training; 0: 1 */
  int next_node_id;
  int backward_id; /* the first id of the backward pass; 0: none recorded */
  bool passes_done;
};

/* passes: each rewrites the list of nodes in place and leaves it in an executable order. */
void ss_pass_fuse_norms(
    ss_graph *graph); /* batch norm + residual add + ReLU: one node (before the backward pass is recorded) */
void ss_pass_fold_sums(
    ss_graph *graph); /* a sum of two gradients that only a batch norm's backward reads is done there */
void ss_pass_remove_unused(ss_graph *graph); /* nodes whose outputs nobody reads */
/* Batch norms' outputs that the backward pass reads are made again there from the norm's input. */
void ss_pass_recompute(ss_graph *graph);
/* Block16 around the operations for which the device wants it, with conversions only where the two layouts meet. */
void ss_pass_layouts(ss_graph *graph, const ss_device *device);
/* A ReLU that alone reads a convolution or product: one node. */
void ss_pass_epilogues(ss_graph *graph);
/* Element-wise nodes that follow each other: one node. Tensors are in plain layout. */
void ss_pass_chains(ss_graph *graph);

#endif
