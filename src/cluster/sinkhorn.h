/* The Sinkhorn-Knopp algorithm (Cuturi, "Sinkhorn distances", NIPS 2013) as SwAV assigns samples to prototypes in equal
 * parts (Caron 2020, section 3.1 and appendix A.1). */
#ifndef SS_CLUSTER_SINKHORN_H
#define SS_CLUSTER_SINKHORN_H

#include "base/status.h"

#include <stdint.h>

#define SS_SINKHORN_EPSILON 0.05 /* SwAV's defaults */
#define SS_SINKHORN_ITERATIONS 3

/* codes (n, k): Q = Diag(u) exp(scores / epsilon) Diag(v), whose sums over samples (columns) and over prototypes (rows)
 * are made equal in turn, `iterations` times, prototypes first; then each row sums to one. scores (n, k), row-major,
 * finite; codes may be scores. Done with logarithms, so that no score over- or underflows; the same bits for any number
 * of threads. Errors: SS_USAGE for n, k or iterations below 1 and epsilon outside 1e-6 to 1e6, SS_FAILED for a score
 * that is not finite. */
ss_status ss_sinkhorn(const float *scores, int64_t n, int64_t k, double epsilon, int iterations, int threads,
                      float *codes, ss_error *error);

#endif
