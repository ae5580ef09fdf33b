/* Two scores of each network that is compared, at each of some layers: as a table, and as JSON. */
#ifndef SS_CLI_SCORE_TABLE_H
#define SS_CLI_SCORE_TABLE_H

#include "cli/columns.h"

typedef struct ss_score_table {
  const char *corner;  /* above the rows' names: "layer" */
  const char *second;  /* above the second score: "top-5" */
  const char *keys[2]; /* the scores in JSON: "top1", "top5"; behind "random_" and so on for the other networks */
  int row_count;
  const char *rows[SS_MAX_LAYERS];
  int layers[SS_MAX_LAYERS];                   /* the rows', as ss_feature_options.layer has them */
  double scores[SS_COLUMNS][SS_MAX_LAYERS][2]; /* per cent; NaN: not measured */
  int best;                                    /* row, by the first score of the measured network */
} ss_score_table;

/* One row, of the last layer; no scores. */
void ss_score_table_start(ss_score_table *table, const char *row);

/* Opens the networks, rescaled too where --layers is "all", and starts a table with a row for each layer of that, or
 * with "last". The columns are to be closed whatever the outcome. */
ss_status ss_score_table_open(const ss_arguments *arguments, const ss_settings *settings, const ss_column_base *base,
                              ss_columns *columns, ss_score_table *table, ss_error *error);

/* Scores `count` layers from row `first` on of one column, a network. */
typedef ss_status (*ss_score_layers)(void *context, ss_column column, int first, int count, ss_error *error);
/* Has all networks scored, as many layers at once as fit into memory for `pictures`, and finishes the table. */
ss_status ss_score_table_measure(ss_score_table *table, const ss_columns *columns, uint64_t pictures,
                                 ss_score_layers score, void *context, ss_error *error);
/* When all is measured: what stands in two columns, and the best row. */
void ss_score_table_finish(ss_score_table *table, const ss_columns *columns);

/* The table, without what stands above it. */
void ss_score_table_print(const ss_score_table *table);

/* Adds a row's scores to an object. */
ss_status ss_score_table_add_row(const ss_score_table *table, int row, cJSON *json, ss_error *error);
/* Adds "layers", an object with the name and the scores of each row, and "best", a name. */
ss_status ss_score_table_add_layers(const ss_score_table *table, cJSON *json, ss_error *error);

#endif
