#include "cluster/agreement.h"

#include "base/memory.h"

#include <math.h>
#include <stdlib.h>

/* Sums over the groups of equal keys, whose sizes are m. */
typedef struct sums {
  double entropy; /* of m / n, in nats */
  double pairs;   /* of m (m - 1) / 2 */
  int64_t groups;
} sums;

static int compare_keys(const void *a, const void *b) {
  const uint64_t one = *(const uint64_t *)a, other = *(const uint64_t *)b;
  return (one > other) - (one < other);
}

/* Sorts the keys. */
static sums sum_groups(uint64_t *keys, int64_t n) {
  sums out = {0};
  qsort(keys, (size_t)n, sizeof *keys, compare_keys);
  for (int64_t first = 0, last = 0; first < n; first = last) {
    while (last < n && keys[last] == keys[first]) {
      last++;
    }
    const double size = (double)(last - first), share = size / (double)n;
    out.entropy -= share * log(share);
    out.pairs += 0.5 * size * (size - 1.0);
    out.groups++;
  }
  return out;
}

ss_status ss_agreement_measure(const int32_t *a, const int32_t *b, int64_t n, ss_agreement *out, ss_error *error) {
  if (n < 1) {
    return ss_fail(error, SS_USAGE, "no labels to compare");
  }
  uint64_t *keys = NULL;
  SS_TRY(ss_alloc((void **)&keys, (size_t)n, sizeof *keys, "the labels", error));
  for (int64_t i = 0; i < n; i++) {
    keys[i] = (uint64_t)(uint32_t)a[i] << 32 | (uint32_t)b[i];
  }
  const sums both = sum_groups(keys, n);
  for (int64_t i = 0; i < n; i++) {
    keys[i] = (uint32_t)a[i];
  }
  const sums first = sum_groups(keys, n);
  for (int64_t i = 0; i < n; i++) {
    keys[i] = (uint32_t)b[i];
  }
  const sums second = sum_groups(keys, n);
  free(keys);
  if (first.groups == 1 && second.groups == 1) {
    *out = (ss_agreement){.nmi = 1.0, .ari = 1.0};
    return SS_OK;
  }
  const double information = first.entropy + second.entropy - both.entropy;
  const double nmi = 2.0 * information / (first.entropy + second.entropy);
  const double all = 0.5 * (double)n * (double)(n - 1), chance = first.pairs * second.pairs / all;
  const double most = 0.5 * (first.pairs + second.pairs);
  out->nmi = nmi < 0.0 ? 0.0 : nmi > 1.0 ? 1.0 : nmi;
  out->ari = most - chance != 0.0 ? (both.pairs - chance) / (most - chance) : 1.0;
  return SS_OK;
}
