/* What MATMUL's rule and kernels agree on. */
#ifndef SS_ENGINE_MATMUL_H
#define SS_ENGINE_MATMUL_H

/* ss_attributes.flags of MATMUL. */
enum {
  SS_MATMUL_TRANSPOSE_A = 1, /* a is (K, M) or (B, K, M) */
  SS_MATMUL_TRANSPOSE_B = 2  /* b is (N, K) or (B, N, K) */
};

#endif
