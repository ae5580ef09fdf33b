/* The report: what is known of one run or of several, as one HTML page that needs nothing else: no network, no other
 * file, no JavaScript but for the map's labels.
 *
 * Whoever has read the runs fills these structs. Strings and arrays live in the report's pool; strings may hold
 * anything and are escaped. Numbers that are not known are NaN. What is missing has a sentence in its place. */
#ifndef SS_REPORT_REPORT_H
#define SS_REPORT_REPORT_H

#include "report/html.h"
#include "report/pool.h"

#include <stdbool.h>

/* A number over the epochs. */
typedef struct ss_report_curve {
  double *x, *y; /* (count): epoch, value */
  size_t count;
} ss_report_curve;

typedef enum ss_report_curve_kind {
  SS_CURVE_LOSS,
  SS_CURVE_PRETEXT,
  SS_CURVE_KNN,
  SS_CURVE_SPREAD,
  SS_CURVE_RATE,
  SS_CURVE_SPEED,
  SS_CURVES
} ss_report_curve_kind;

/* Networks that a probe compares. */
enum { SS_PROBED_PRETRAINED, SS_PROBED_RANDOM, SS_PROBED_RESCALED, SS_PROBED_SUPERVISED, SS_PROBED };

typedef struct ss_report_layer {
  const char *name;
  double top1[SS_PROBED]; /* per cent */
} ss_report_layer;

typedef struct ss_report_operation {
  const char *name, *kernel, *sizes;
  double ms, best_ms; /* of a step; what the machine would need at best, 0: not known */
  double nodes;
} ss_report_operation;

typedef struct ss_report_sample {
  const char *name; /* "step 1200" */
  ss_html_picture picture;
} ss_report_sample;

/* A picture that was found, or the query. */
typedef struct ss_report_found {
  ss_html_picture picture; /* bytes NULL: it could not be read */
  double cosine;
  int same; /* it has the query's class: 1; another: 0; not known: -1 */
} ss_report_found;

typedef struct ss_report_query {
  ss_report_found query, *found; /* (found_count) */
  int found_count;
  const char *class_name; /* NULL: none */
} ss_report_query;

/* The thumbnails of a map's points, one beside the other; maps of the same pictures share them. */
typedef struct ss_report_sprite {
  ss_html_picture picture;
  int columns, rows, tile; /* pixels a side of a thumbnail */
} ss_report_sprite;

typedef struct ss_report_point {
  const char *name; /* of the picture */
  int class_index;  /* -1: none */
  float plane[2];   /* principal components */
  float tsne[2];
} ss_report_point;

typedef struct ss_report_map {
  ss_report_point *points; /* (count) */
  int count;
  bool has_tsne;        /* too few points otherwise */
  const char **classes; /* (class_count) */
  int class_count;
  int sprite;                /* of the report's */
  double knn, knn_untrained; /* per cent of the points whose most similar other points vote for their class */
  int knn_k;
} ss_report_map;

typedef struct ss_report_setting {
  const char *name, *value;
} ss_report_setting;

typedef struct ss_report_run {
  const char *name; /* short, different from the other runs' */
  const char *path, *method, *summary, *data;
  const char *paper;   /* "A Simple Framework... Chen et al. ICML 2020"; NULL: none */
  const char *network; /* "resnet18, width 16, 96 px" */
  double epochs, steps, seconds, images_per_s, loss, spread;
  const char *score_what; /* NULL: the method has no score */
  double score, chance, knn;
  ss_report_curve curves[SS_CURVES];
  const char *curves_missing;
  ss_report_layer *layers; /* (layer_count) */
  const char *probe_data, *probe_missing, *probe_note;
  double probe_train, probe_test;
  double knn_measured; /* by `knn`, per cent */
  ss_html_picture filters;
  const char *filters_missing;
  ss_report_sample *samples; /* (sample_count) in order; the last one is the largest */
  const char *samples_missing;
  ss_report_query *queries;        /* (query_count) */
  ss_report_map map;               /* count 0: none */
  const char *pictures_missing;    /* neither queries nor a map */
  ss_report_operation *operations; /* (operation_count), the slowest first */
  double step_ms;                  /* of all operations */
  const char *operations_missing;
  ss_report_setting *settings; /* (setting_count) */
  int layer_count, knn_measured_k, sample_count, query_count, operation_count, setting_count;
  bool score_higher_is_better, score_per_cent;
} ss_report_run;

typedef struct ss_report_page {
  ss_pool pool;
  const char *title; /* NULL: of the runs */
  const char *made;  /* "22 November 2026" */
  const char *version;
  ss_report_run *runs;
  int run_count;
  ss_report_sprite *sprites; /* (sprite_count) */
  int sprite_count;
} ss_report_page;

/* Appends the page. */
void ss_report_append(const ss_report_page *report, ss_text *text);

/* Writes to an empty text whether a run has learned, in one or two sentences for people (not escaped). */
void ss_report_append_verdict(const ss_report_run *run, ss_text *text);

#endif
