/* How much two labelings of the same points agree, whatever their labels are called. */
#ifndef SS_CLUSTER_AGREEMENT_H
#define SS_CLUSTER_AGREEMENT_H

#include "base/status.h"

#include <stdint.h>

typedef struct ss_agreement {
  double nmi; /* normalised mutual information, 0 to 1: 2 I(a; b) / (H(a) + H(b)) */
  double ari; /* adjusted Rand index, at most 1; 0 is what chance gives (Hubert and Arabie 1985) */
} ss_agreement;

/* Compares the labels a and b (n each, any whole numbers). Two labelings of a single label each agree fully. n < 1 is
 * SS_USAGE. */
ss_status ss_agreement_measure(const int32_t *a, const int32_t *b, int64_t n, ss_agreement *out, ss_error *error);

#endif
