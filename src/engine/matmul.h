/* What LINEAR's and MATMUL's rules and kernels agree on. */
#ifndef SS_ENGINE_MATMUL_H
#define SS_ENGINE_MATMUL_H

#include "engine/node.h"

/* ss_attributes.flags of MATMUL, the last of LINEAR too. */
enum {
  SS_MATMUL_TRANSPOSE_A = 1, /* a is (K, M) or (B, K, M) */
  SS_MATMUL_TRANSPOSE_B = 2, /* b is (N, K) or (B, N, K) */
  SS_MATMUL_RELU = 4         /* the result is what a ReLU makes of it; of devices that ask for it */
};

/* op(a), of (batch, rows, columns) with strides in elements; one of the two is 1. */
typedef struct ss_product_operand {
  const ss_tensor *tensor;
  int64_t rows, columns, row_stride, column_stride;
} ss_product_operand;

/* A LINEAR or MATMUL node as c = scale op(a) op(b) + bias, or what a ReLU makes of that. */
typedef struct ss_product {
  ss_product_operand a, b, c;
  int64_t batch;
  float scale;
  bool bias, relu;
  ss_dtype inside; /* what the operands' numbers are rounded to */
} ss_product;

ss_product ss_product_of(const ss_node *node);

#endif
