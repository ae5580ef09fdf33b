/* A map of pictures by their frozen features: where they lie among each other, which are most alike, and whether alike
 * means of one class. */
#ifndef SS_EVAL_MAP_H
#define SS_EVAL_MAP_H

#include "eval/retrieve.h"

#define SS_MAP_NEIGHBOURS 20

typedef struct ss_embedding_map {
  int64_t count;
  float *plane;             /* (count, 2): principal components of the features, each scaled to length one; owned */
  float *tsne;              /* (count, 2); owned; NULL with fewer than four pictures */
  ss_neighbours neighbours; /* of each among the others, itself left out; k at most SS_MAP_NEIGHBOURS */
  double knn;               /* per cent of the labelled pictures whose neighbours vote for their class, weighted as in
                               ss_knn; NaN: no labels */
  double knn_untrained;     /* the same by the same network untrained */
} ss_embedding_map;
void ss_embedding_map_free(ss_embedding_map *map);

/* Makes the map of a subset of at least two pictures. `seed` draws the untrained network. Of the same features the map
 * has the same bits, whatever the number of threads. */
ss_status ss_embedding_map_make(const ss_model *model, const ss_source *source, const ss_subset *subset,
                                const ss_feature_options *options, uint64_t seed, ss_embedding_map *out,
                                ss_error *error);

/* Leaves the picture itself out of what was found for it: neighbours among the same pictures, k + 1 asked for. */
void ss_neighbours_leave_out_self(ss_neighbours *neighbours);

/* The share, in per cent, of the labelled pictures whose class gathers the most exp(cosine / 0.07) among their
 * neighbours; NaN where none is labelled. `labels` (queries) are those of queries and gallery, which are the same. */
ss_status ss_neighbours_vote(const ss_neighbours *neighbours, const int32_t *labels, int classes, double *top1,
                             ss_error *error);

#endif
