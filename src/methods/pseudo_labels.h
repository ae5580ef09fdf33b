/* Pseudo-labels: the clusters of what the backbone makes of the training pictures (DeepCluster, section 3.2). They are
 * parameters, "clusters. ...", so checkpoints hold them, and graphs look them up by a sample's rank. */
#ifndef SS_METHODS_PSEUDO_LABELS_H
#define SS_METHODS_PSEUDO_LABELS_H

#include "cluster/kmeans.h"
#include "methods/method.h"

/* Their options, for the table of a method that by default renews them every so many epochs. */
#define SS_PSEUDO_LABEL_OPTIONS(epochs)                                                                       \
  {                                                                                                           \
      "clusters", SS_OPTION_INT, "0", "k (0: ten times the data's classes, 1,000 where there are none)",      \
      0,          1000000,       NULL},                                                                       \
      {"components", SS_OPTION_INT, "256", "principal components of the features that are kept, whitened", 1, \
       65536,        NULL},                                                                                   \
      {"iterations", SS_OPTION_INT, "20", "of k-means", 1, 1000, NULL}, {                                     \
    "every", SS_OPTION_INT, epochs, "epochs between new labels", 1, 1000000, NULL                             \
  }

/* k by the options and the data: never more than a cluster for every two samples. */
int64_t ss_pseudo_label_count(const ss_task *task);

/* What a graph reads of them. */
typedef struct ss_pseudo_labels {
  ss_tensor *labels; /* (N) int32 of the samples whose ranks are given */
  ss_tensor
      *weights; /* (N) in proportion to 1 / the size of the label's cluster, which counts as drawing samples evenly
                   over clusters (section 3.3, "Trivial parametrization"); their mean over the data is one */
  ss_tensor *largest; /* (1) the largest cluster's share of the data */
} ss_pseudo_labels;
/* `ranks` (N) int32. In training graphs also reports "nmi_previous", "nmi_classes" and "largest_cluster". */
ss_pseudo_labels ss_build_pseudo_labels(ss_build *build, ss_tensor *ranks);

/* ---- its steps, for methods that cluster otherwise ---- */

/* The reports alone, and the largest cluster's share of the data, (1). */
ss_tensor *ss_build_pseudo_label_reports(ss_build *build);
/* What the parameter "clusters.NAME" holds; NULL: there is none. */
void *ss_pseudo_label_values(const ss_parameters *parameters, const char *name);
/* (samples, *dims), to be freed: what the backbone makes of the pictures now, whitened, of length one. */
ss_status ss_pseudo_label_features(const ss_task *task, float **features, int64_t *dims, ss_error *error);
/* k-means of `count` of them; `which` tells the draws of one epoch apart. */
ss_status ss_pseudo_label_clusters(const ss_task *task, const float *features, int64_t count, int64_t dims, int64_t k,
                                   int64_t epoch, uint64_t which, ss_kmeans *clusters, ss_error *error);
/* Takes over new labels (samples), of which the commonest has `largest` samples, and measures how they agree with those
 * before and with the data's classes. */
ss_status ss_pseudo_labels_take(const ss_task *task, ss_parameters *parameters, const int32_t *labels, int64_t largest,
                                int64_t epoch, ss_error *error);

/* ---- all of it ---- */

/* Clusters the features anew: PCA, whitening, rows of length one, k-means. Measures how the labels agree with those
 * before and with the data's classes (normalised mutual information). For before_epoch. */
ss_status ss_pseudo_labels_renew(ss_task *task, ss_parameters *parameters, int64_t epoch, ss_error *error);

/* Whether new labels are due at this epoch. */
bool ss_pseudo_labels_due(const ss_task *task, int64_t epoch);

/* Draws a new classifier for new labels: the weights of HEAD anew, N(0, 0.01), its biases zero (the official code's).
 */
ss_status ss_renew_classifier(ss_task *task, ss_parameters *parameters, const char *head, int64_t epoch,
                              ss_error *error);

#endif
