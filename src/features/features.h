/* Features: what a frozen backbone makes of pictures in the test view (shorter side resized, centre cut out). */
#ifndef SS_FEATURES_FEATURES_H
#define SS_FEATURES_FEATURES_H

#include "data/loader.h"
#include "engine/ways.h"
#include "features/frozen.h"

typedef struct ss_feature_options {
  int size;    /* pixels a side; 0: the model's */
  int batch;   /* 0: 256; less for fewer pictures (ss_frozen_batch) */
  int threads; /* 0: the processors there are */
  int layer;   /* SS_LAST_LAYER, or the index of a layer: its map, averaged down to at most SS_LAYER_NUMBERS numbers */
  int64_t first; /* rows before it are left out: a multiple of the batch (ss_frozen_batch), less than there are */
  double max_bad;
  ss_loader_bad bad;       /* told of pictures that do not decode, with a NULL context; may be NULL */
  ss_ways *ways;           /* kernel choices; may be NULL */
  const ss_device *device; /* what computes the network; NULL: the processors */
} ss_feature_options;

/* (count, dim) float32 and the labels (count), -1 where there is none; owned. */
typedef struct ss_features {
  float *values;
  int32_t *labels;
  int64_t count, dim;
} ss_features;
void ss_features_free(ss_features *features);

/* Takes `count` rows of `dim` features of the given samples, in the subset's order. */
typedef ss_status (*ss_feature_sink)(void *context, const float *values, const uint32_t *samples, int64_t count,
                                     int64_t dim, ss_error *error);

/* Computes the features of a subset batch by batch, in order; memory does not grow with the subset. Batch norm uses its
 * running statistics; float32. A picture that does not decode is an error beyond max_bad, else its row is that of the
 * next one. */
ss_status ss_features_stream(const ss_model *model, const ss_source *source, const ss_subset *subset,
                             const ss_feature_options *options, ss_feature_sink sink, void *context, ss_error *error);

/* The same, kept. */
ss_status ss_features_extract(const ss_model *model, const ss_source *source, const ss_subset *subset,
                              const ss_feature_options *options, ss_features *features, ss_error *error);

/* The same of several layers at once, `layers` (count) as ss_feature_options.layer has them: `features` (count). All
 * are empty after an error. */
ss_status ss_features_extract_layers(const ss_model *model, const ss_source *source, const ss_subset *subset,
                                     const ss_feature_options *options, const int *layers, int count,
                                     ss_features *features, ss_error *error);

/* Layers whose features of `rows` pictures fit into a quarter of the memory that is free, 1 to SS_MAX_LAYERS: extracted
 * together, they take one decoding and one run of the network. */
int ss_features_layers_at_once(uint64_t rows);

#endif
