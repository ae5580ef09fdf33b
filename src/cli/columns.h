/* The networks that stand side by side in a table: the one that is measured, and what it is compared with. */
#ifndef SS_CLI_COLUMNS_H
#define SS_CLI_COLUMNS_H

#include "cli/measure.h"

/* Rows of the tables of flags of commands that compare. */
#define SS_COLUMN_FLAGS                                                          \
  {"supervised", 0, "RUN", "a run of the method supervised, shown beside it"}, { \
    "alone", 0, NULL, "leave out the untrained networks it is compared with"     \
  }

typedef enum ss_column { SS_PRETRAINED, SS_UNTRAINED, SS_RESCALED, SS_SUPERVISED, SS_COLUMNS } ss_column;

typedef struct ss_columns {
  const ss_model *models[SS_COLUMNS]; /* NULL: not asked for, or of SS_UNTRAINED that the measured network is it */
  bool own_untrained;                 /* RUN is random:ARCH: what is measured of it stands in both columns */
  ss_model *owned[SS_COLUMNS];
} ss_columns;

/* "pretrained", "random", "rescaled", "supervised". */
const char *ss_column_title(ss_column column);

/* What is measured, and how the networks beside it are made. */
typedef struct ss_column_base {
  const ss_model *model;
  const ss_source *source; /* of the pictures that layers are rescaled to */
  const ss_subset *train;
  const ss_feature_options *features; /* size: of the other networks too */
  uint64_t seed;                      /* of untrained networks */
} ss_column_base;
ss_column_base ss_column_base_of(const ss_measurement *measurement);

/* The base's model, and beside it what the flags ask for: the same network untrained and, with `rescaled`, untrained
 * with every layer rescaled to the training pictures (neither with --alone), and --supervised's. To be closed whatever
 * the outcome. */
ss_status ss_columns_open(const ss_arguments *arguments, const ss_column_base *base, bool rescaled, ss_columns *columns,
                          ss_error *error);
void ss_columns_close(ss_columns *columns);

/* Whether --supervised's network, if there is one, has the measured one's layers; SS_FAILED, `instead` being what to do
 * ("compare --layers last"). */
ss_status ss_columns_check_layers(const ss_columns *columns, const char *instead, ss_error *error);

#endif
