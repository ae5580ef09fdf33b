/* Embeddings for TensorBoard's projector: points with labels, names and small pictures. */
#ifndef SS_IO_PROJECTOR_H
#define SS_IO_PROJECTOR_H

#include "base/image.h"

/* A set of points in the making. Opaque; ended by commit or abandon. */
typedef struct ss_projector ss_projector;

/* Starts FOLDER/features.bytes (float32) and FOLDER/features.tsv, rows of `dim` numbers. The folder is made if need be;
 * it may be a run's, beside its event files. */
ss_status ss_projector_open(ss_projector **projector, const char *folder, int64_t dim, ss_error *error);

/* Appends a point: its label (NULL where there is none) and its name. Tabs and line breaks in them become blanks. */
ss_status ss_projector_add(ss_projector *projector, const float *values, const char *label, const char *name,
                           ss_error *error);

/* Writes the files, FOLDER/features.png (`sprite`, the points' pictures of `tile` x `tile` pixels in rows of
 * ceil(sqrt(points)); may be NULL) and at last FOLDER/projector_config.pbtxt, which TensorBoard looks for. Frees the
 * projector and sets *projector to NULL whatever the outcome. */
ss_status ss_projector_commit(ss_projector **projector, const ss_image *sprite, int tile, ss_error *error);
void ss_projector_abandon(ss_projector **projector); /* a NULL *projector is fine */

#endif
