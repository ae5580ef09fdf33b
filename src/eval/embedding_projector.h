/* Written features for TensorBoard's projector. */
#ifndef SS_EVAL_EMBEDDING_PROJECTOR_H
#define SS_EVAL_EMBEDDING_PROJECTOR_H

#include "data/source.h"

#define SS_PROJECTOR_MOST 100000 /* points */

/* Writes into FOLDER (a run's, or a new one) what TensorBoard's projector reads (io/projector.h), with classes, names
 * and small pictures, for the features that ss_embed has written to `path` for the subset. SS_FAILED for more than
 * SS_PROJECTOR_MOST rows. */
ss_status ss_embedding_project(const ss_source *source, const ss_subset *subset, const char *path, const char *folder,
                               ss_error *error);

#endif
