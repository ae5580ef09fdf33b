/* Features of pictures as files: FEATURES.npy (N, D) float32, and FEATURES.txt with the N names, a line each. */
#ifndef SS_EVAL_EMBEDDING_H
#define SS_EVAL_EMBEDDING_H

#include "features/features.h"

typedef struct ss_embedding_options {
  ss_feature_options features; /* first is ignored */
  bool resume;                 /* go on with what a run that was stopped has left; where it left nothing, begin */
  size_t piece_bytes;          /* written between two places to go on from; 0: 16 MiB, or what 30 seconds make */
  void (*tell)(void *context, int64_t rows, int64_t count); /* at the start and at each such place; may be NULL */
  void *context;
} ss_embedding_options;

typedef struct ss_embedding_result {
  int64_t count, dim;
  int64_t kept; /* rows that an earlier run had made */
} ss_embedding_result;

/* "FEATURES.txt" for "FEATURES.npy" (for a name without .npy, .txt is appended); the caller's. */
ss_status ss_embedding_names_path(const char *path, char **names, ss_error *error);

/* Writes the features of the subset to `path` and their names beside it. Memory does not grow with the subset. Both
 * appear under their names when they are whole, the names first. While it goes on there are PATH.tmp, the names' .tmp
 * and PATH.resume, which says how many rows of them are safe, and of what; killed at any moment and resumed, it ends
 * with the same bytes. SS_USAGE where what is resumed was begun with another model, other pictures or other options. */
ss_status ss_embed(const ss_model *model, const ss_source *source, const ss_subset *subset, const char *path,
                   const ss_embedding_options *options, ss_embedding_result *result, ss_error *error);

#endif
