/* Retrieval: the pictures whose frozen features are most like a query's, by cosine, and recall at k (as in Jegou, Douze
 * and Schmid 2011, section 5, with a picture of the query's class as what is sought). */
#ifndef SS_EVAL_RETRIEVE_H
#define SS_EVAL_RETRIEVE_H

#include "features/features.h"

/* The k most similar pictures of the gallery for each query. */
typedef struct ss_neighbours {
  int32_t *indices; /* (queries, k): rows of the gallery, the most similar first; of equals the earlier one; owned */
  float *cosines;   /* (queries, k), -1 to 1; owned */
  int64_t queries;
  int k; /* what was asked for, at most the gallery's size */
} ss_neighbours;
void ss_neighbours_free(ss_neighbours *neighbours);

/* Finds them. Where `mean_precision` is not NULL it takes the mean average precision in per cent: of each labelled
 * query, whose whole gallery is ranked, the average precision of its class (average_precision.h); queries whose class
 * the gallery has not are left out, NaN where none is left. Pictures of the gallery without a label are of no class.
 * SS_FAILED when one of the two is empty or their dimensions differ. threads 0: the processors there are. */
ss_status ss_retrieve(const ss_features *gallery, const ss_features *queries, int k, int threads, ss_neighbours *out,
                      double *mean_precision, ss_error *error);

/* The share, in per cent, of the labelled queries that have their class among their `at` most similar pictures; NaN
 * when no query has a label or no picture of the gallery has one. Where fewer than `at` were found, all of them count.
 */
double ss_recall(const ss_neighbours *neighbours, const int32_t *gallery_labels, int64_t gallery_count,
                 const int32_t *query_labels, int at);

/* Where a row of features comes from. */
typedef struct ss_gallery {
  const ss_source *source;
  const ss_subset *subset;
} ss_gallery;

/* The query for row 0 to rows - 1 of what is shown of all: classes evenly spread, or in turn where there are fewer than
 * rows; what a class lacks comes from anywhere. */
int64_t ss_gallery_choose_query(ss_gallery queries, int row, int rows);

/* A sheet of some queries, a row each: the query, a gap, its `columns` (at most k) most similar pictures, framed by
 * whether they have its class where both have labels. The queries are spread over the classes, the first of each; over
 * all of them where there are no labels. A picture that cannot be read leaves its place empty. */
ss_status ss_neighbours_sheet(const ss_neighbours *neighbours, ss_gallery gallery, ss_gallery queries, int rows,
                              int columns, ss_image *out, ss_error *error);

#endif
