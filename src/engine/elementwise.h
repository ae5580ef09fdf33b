/* Inside the engine: the kinds of UNARY and BINARY nodes. */
#ifndef SS_ENGINE_ELEMENTWISE_H
#define SS_ENGINE_ELEMENTWISE_H

#include "engine/node.h"

/* UNARY: y = f(x), x's shape and type. UNARY_BACKWARD: (gradient of y, y; for LOG, SQUARE and ABS x) -> gradient
 * of x. attributes.kind is the function, alpha LEAKY_RELU's slope and AFFINE's scale, beta AFFINE's offset. */
typedef enum ss_unary_kind {
  SS_UNARY_RELU,
  SS_UNARY_LEAKY_RELU,
  SS_UNARY_SIGMOID,
  SS_UNARY_TANH,
  SS_UNARY_EXP,
  SS_UNARY_LOG,
  SS_UNARY_SQRT,
  SS_UNARY_SQUARE,
  SS_UNARY_ABS,
  SS_UNARY_AFFINE
} ss_unary_kind;

/* BINARY: attributes.kind. */
typedef enum ss_binary_kind { SS_BINARY_ADD, SS_BINARY_SUBTRACT, SS_BINARY_MULTIPLY, SS_BINARY_DIVIDE } ss_binary_kind;

/* `x` summed over what was broadcast to give it its shape from `shape`; float32 if anything was. */
ss_tensor *ss_sum_to_shape(ss_graph *graph, ss_tensor *x, ss_shape shape);

#endif
