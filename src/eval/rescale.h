/* Untrained networks rescaled to real pictures: the fairer random baseline of the papers. */
#ifndef SS_EVAL_RESCALE_H
#define SS_EVAL_RESCALE_H

#include "features/features.h"

/* Data-dependent initialisation (Kraehenbuehl et al. 2016, algorithm 1, with beta 0) of an untrained model: layer by
 * layer in order, each convolution's weights are divided per output channel by the deviation of its output over 256
 * pictures of the subset (classes in turn; all, if there are fewer), all layers before having been rescaled, so that
 * its output has unit variance. Its mean goes into the running mean of the batch norm behind it (whose running variance
 * becomes 1) or, without one, with its sign turned into the convolution's bias: after it the mean is zero. Other biases
 * are zero. Shortcuts' convolutions are rescaled likewise. A channel that is constant keeps its weights. A network
 * of layer norms, which keep no statistics, gets the weights of its form with batch norms. The
 * between-layer step of the paper's section 3.2 is left out: it equalises learning rates, and nothing is trained here.
 */
ss_status ss_rescaled_model(const ss_model *untrained, const ss_source *source, const ss_subset *subset,
                            const ss_feature_options *options, ss_model **out, ss_error *error);

#endif
