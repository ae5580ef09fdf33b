/* Inside the engine: how much work a node is, for profiles. */
#ifndef SS_ENGINE_WORK_H
#define SS_ENGINE_WORK_H

#include "engine/node.h"

typedef struct ss_work {
  double flops; /* multiplications and additions of convolutions and matrix products; 0 for all else */
  double bytes; /* read and written if each tensor is touched once: the least that memory must move */
  bool bf16;    /* the products are of bf16 numbers */
} ss_work;

ss_work ss_node_work(const ss_node *node);

/* The node's sizes: "256x32x32x64, 3x3/2, 128" for a convolution (its input, kernel and stride, output channels),
 * "512x10, sums of 128" for a product, else the first output's. */
const char *ss_node_sizes(const ss_node *node, char text[160]);

#endif
