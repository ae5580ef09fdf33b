/* Multi-label classification (VOC 2007's classification task): which classes a picture shows, from frozen features. */
#ifndef SS_EVAL_MULTI_LABEL_H
#define SS_EVAL_MULTI_LABEL_H

#include "data/box_set.h"
#include "eval/detection_metrics.h"
#include "eval/linear.h"

/* Trains a logistic regression for each class on the features of the subset `train` (ss_probe_label_sets, which
 * standardises both features in place) and ranks the pictures of `test` by it. A picture shows the classes of its
 * boxes; one where all boxes of a class are difficult counts neither way for it. Average precision is that of the
 * devkit: score->voc07_ap50 by eleven points, score->voc_ap50 by the area under the envelope; the others are without
 * meaning here. per_class (classes) or NULL takes the latter of each class. */
ss_status ss_multi_label_probe(const ss_box_set *set, const ss_subset *train, ss_features *train_features,
                               const ss_subset *test, ss_features *test_features, const ss_probe_options *how,
                               ss_detection_score *score, double *per_class, ss_error *error);

/* The score of given logits (pictures, classes) of a subset. */
ss_status ss_multi_label_score(const ss_box_set *set, const ss_subset *subset, const float *logits,
                               ss_detection_score *score, double *per_class, ss_error *error);

#endif
