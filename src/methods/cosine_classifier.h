/* The cosine classifier: classes by direction, whatever the lengths (Gidaris and Komodakis, "Dynamic Few-Shot Visual
 * Learning without Forgetting", CVPR 2018, equation 2). */
#ifndef SS_METHODS_COSINE_CLASSIFIER_H
#define SS_METHODS_COSINE_CLASSIFIER_H

#include "engine/operations.h"

/* (N, D) -> (N, classes): gamma cos(x, w) with a weight w for each class and a learned gamma; parameters NAME.weight
 * (classes, D) and NAME.gamma (1), which starts at `gamma`. */
ss_tensor *ss_cosine_classifier(ss_graph *graph, ss_tensor *x, int classes, float gamma, const char *name);

#endif
