/* What this room's functions ask of the tables they are given. Internal to cluster. */
#ifndef SS_CLUSTER_CHECK_H
#define SS_CLUSTER_CHECK_H

#include "base/status.h"

#include <stdint.h>

/* SS_FAILED unless all numbers of x (n, d) are finite and at most 1e15 in magnitude, so that sums of their squares stay
 * finite; `what` names them for the message. */
ss_status ss_cluster_check_numbers(const char *what, const float *x, int64_t n, int64_t d, int threads,
                                   ss_error *error);

#endif
