/* oneDNN behind one interface: its C interface differs between 2.x (Debian 12) and 3.x (Ubuntu 24.04), and a primitive
 * needs descriptors, memory objects and reorders around it. Everything is made once; running allocates nothing of ours.
 */
#ifndef SS_ENGINE_CPU_ONEDNN_H
#define SS_ENGINE_CPU_ONEDNN_H

#include "engine/tensor.h"

#define SS_ONEDNN_MAX_RANK 6

typedef enum ss_onednn_kind {
  SS_ONEDNN_CONVOLUTION,                 /* inputs a, b, bias; output c */
  SS_ONEDNN_CONVOLUTION_BACKWARD_DATA,   /* inputs c, b; output a */
  SS_ONEDNN_CONVOLUTION_BACKWARD_WEIGHT, /* inputs a, c; output b */
  SS_ONEDNN_MATMUL                       /* inputs a, b, bias; output c */
} ss_onednn_kind;

/* One tensor of a primitive, logically in oneDNN's order: (N, C, H, W), weights (O, I, H, W) or (G, O/G, I/G, H, W),
 * matrices (M, K) or (B, M, K). */
typedef struct ss_onednn_operand {
  int rank;
  int64_t dims[SS_ONEDNN_MAX_RANK];
  int64_t strides[SS_ONEDNN_MAX_RANK]; /* of the caller's memory, in elements */
  ss_dtype dtype;                      /* of the caller's memory */
  ss_dtype inside;                     /* of what the primitive works on */
  bool any;                            /* the primitive may choose how its copy lies */
} ss_onednn_operand;

typedef struct ss_onednn_problem {
  ss_onednn_kind kind;
  ss_onednn_operand a;                        /* x, or the left matrix */
  ss_onednn_operand b;                        /* the weight, or the right matrix */
  ss_onednn_operand c;                        /* y, or the product */
  bool bias;                                  /* float32, one for each channel (column) of c */
  int64_t stride[3], padding[3], dilation[3]; /* of convolutions, outermost axis first; dilation 1 is none */
  float scale;                                /* of MATMUL: c = scale a b + scale bias */
} ss_onednn_problem;

typedef struct ss_onednn ss_onednn;

/* Whether oneDNN computes the problem by something better than its slow reference. */
bool ss_onednn_supports(const ss_onednn_problem *problem);

/* Prepares the problem for `threads` threads. Freed with ss_onednn_free. */
ss_status ss_onednn_new(ss_onednn **out, const ss_onednn_problem *problem, int threads, ss_error *error);
void ss_onednn_free(ss_onednn *onednn);

/* Bytes of scratch, aligned to 64, that a run needs. */
size_t ss_onednn_scratch_bytes(const ss_onednn *onednn);

/* Computes the problem: `first` and `second` are its two inputs in the order of their letters, but for
 * BACKWARD_DATA, where they are c and b. bias is NULL unless the problem has one. One run at a time. */
ss_status ss_onednn_run(const ss_onednn *onednn, const void *first, const void *second, const void *bias, void *output,
                        void *scratch);

#endif
