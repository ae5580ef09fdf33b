/* What a sweep has found: one table, one plot. */
#ifndef SS_CLI_SWEEP_TABLE_H
#define SS_CLI_SWEEP_TABLE_H

#include "base/text.h"
#include "cli/sweep_file.h"

#define SS_SWEEP_LAYERS 16

/* A method on a backbone of a width: means over the seeds that are done. Accuracies are per cent. */
typedef struct ss_sweep_row {
  const char *label, *arch; /* the sweep's */
  int64_t width;
  int seeds;
  double score, chance; /* of the pretext task; NaN: none */
  int layer_count;
  char layers[SS_SWEEP_LAYERS][16];
  double linear[SS_SWEEP_LAYERS];
  int best; /* layer */
  double knn;
} ss_sweep_row;

/* Adds one seed's results, as `pretrain`, `probe --layers all` and `knn` print them, to a row that began as zeroes.
 * SS_FAILED for objects of another kind. */
ss_status ss_sweep_row_add(ss_sweep_row *row, const cJSON *pretrain, const cJSON *probe, const cJSON *knn,
                           ss_error *error);
/* Turns its sums into means and finds the best layer. */
void ss_sweep_row_finish(ss_sweep_row *row);

/* A Markdown table of rows that have seeds. */
void ss_sweep_append_table(const ss_sweep_row *rows, size_t count, ss_text *text);

/* An SVG picture: a line of dots for each method on a backbone, a dot for each width, accuracy of the best layer to the
 * right. */
ss_status ss_sweep_append_plot(const ss_sweep_row *rows, size_t count, ss_text *text, ss_error *error);

#endif
