/* What `segment` and `depth` share: their options, opening RUN and DATA, and the networks that are compared. */
#ifndef SS_CLI_DENSE_H
#define SS_CLI_DENSE_H

#include "cli/columns.h"
#include "eval/dense_transfer.h"

/* Rows of both commands' tables of flags and of options; a command's own go before these. */
#define SS_DENSE_FLAGS                                                                                                 \
  SS_COLUMN_FLAGS, {"finetune", 0, NULL, "train the backbone too (default: it is frozen, and the head alone learns)"}, \
      {"sheet", 0, "FILE.png", "draw test pictures, their truth and what each network predicts, a column each"},       \
      {"json", 0, NULL, "print one JSON object last on standard output"}, {"help", 'h', NULL, "this text"}, {          \
    0                                                                                                                  \
  }
#define SS_DENSE_OPTIONS                                                                                                 \
  {"epochs", SS_OPTION_INT, "20", "times each training picture is seen", 1, 100000, NULL},                               \
      {"batch", SS_OPTION_INT, "16", "pictures a step", 1, 4096, NULL},                                                  \
      {"size", SS_OPTION_INT, NULL, "pixels a side that pictures are resized to (default: as the run was trained)",      \
       1,      4096,          NULL},                                                                                     \
      {"lr", SS_OPTION_FLOAT, NULL, "learning rate at the start (default: 0.003, with --finetune 0.0003)", 1e-8, 100,    \
       NULL},                                                                                                            \
      {"weight-decay", SS_OPTION_FLOAT, "1e-4", "of AdamW", 0, 1, NULL},                                                 \
      {"skips", SS_OPTION_INT, "1", "finer layers whose scores are added: 0 is FCN-32s, 1 FCN-16s, 2 FCN-8s", 0,         \
       3,       NULL},                                                                                                   \
      {"min-scale", SS_OPTION_FLOAT, "0.5", "smallest share of a training picture's area that is shown", 0.01, 1, NULL}, \
      {"limit", SS_OPTION_INT, "0", "use that many training pictures only (0: all)", 0, 4e9, NULL},                      \
      {"threads", SS_OPTION_INT, NULL, "threads (default: the processors there are)", 1, 1024, NULL},                    \
      {"device", SS_OPTION_CHOICE, "cpu", "cpu", 0, 0, "cpu"},                                                           \
      {"seed", SS_OPTION_INT, "0", "of untrained networks, of the order and the parts of pictures", 0, 1e15, NULL},      \
      {"max-bad", SS_OPTION_FRACTION, "0.01", "share of pictures that may fail to decode", 0, 0, NULL}, {                \
    0                                                                                                                    \
  }

/* A command line that has been acted upon. */
typedef struct ss_dense_comparison {
  ss_settings *settings;
  ss_dense_set *set;
  ss_subset train, test;
  uint64_t *train_values, *test_values; /* (SS_MAP_VALUES) counts of the maps' values */
  ss_model *model;
  ss_columns columns; /* a row of the table each; the constant prediction is the command's */
  ss_dense_options options;
  ss_dense_result results[SS_COLUMNS];
} ss_dense_comparison;

/* Reads the options, opens RUN and DATA, and reads all maps. To be closed whatever the outcome. `classes`: of labels,
 * 0: as DATA says. */
ss_status ss_dense_comparison_open(const ss_arguments *arguments, ss_map_kind kind, ss_dense_comparison *out,
                                   ss_error *error);
void ss_dense_comparison_close(ss_dense_comparison *compare);

/* Takes the task's result for a network that has been tested. */
typedef void (*ss_dense_take)(void *context, ss_column network);

/* Trains and tests every network with the task, telling of it on standard error, and writes --sheet. */
ss_status ss_dense_comparison_run(ss_dense_comparison *compare, const ss_arguments *arguments,
                                  const ss_dense_task *task, ss_dense_take take, void *context, ss_error *error);

/* Prints the line above a table; adds to the JSON object what both commands say of what was done. */
void ss_dense_comparison_head(const ss_dense_comparison *compare, const char *what);
ss_status ss_dense_comparison_json(const ss_dense_comparison *compare, cJSON *json, ss_error *error);

#endif
