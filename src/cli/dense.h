/* What `segment` and `depth` share: their options, opening RUN and DATA, and the networks that are compared. */
#ifndef SS_CLI_DENSE_H
#define SS_CLI_DENSE_H

#include "cli/transfer.h"
#include "eval/dense_transfer.h"

/* Rows of both commands' tables of flags and of options; a command's own go before these. */
#define SS_DENSE_FLAGS                                                                                                 \
  SS_COLUMN_FLAGS, {"finetune", 0, NULL, "train the backbone too (default: it is frozen, and the head alone learns)"}, \
      {"sheet", 0, "FILE.png", "draw test pictures, their truth and what each network predicts, a column each"},       \
      SS_JSON_FLAGS
#define SS_DENSE_OPTIONS                                                                                         \
  SS_TRANSFER_OPTIONS, SS_TRANSFER_RATE_OPTIONS("0.003"),                                                        \
      {"skips", SS_OPTION_INT, "1", "finer layers whose scores are added: 0 is FCN-32s, 1 FCN-16s, 2 FCN-8s", 0, \
       3,       NULL},                                                                                           \
      SS_TRANSFER_LAST_OPTIONS("of untrained networks, of the order and the parts of pictures")

/* A command line that has been acted upon. */
typedef struct ss_dense_comparison {
  ss_transfer transfer; /* the constant prediction's row is the command's */
  ss_dense_set *set;
  uint64_t *train_values, *test_values; /* (SS_MAP_VALUES) counts of the maps' values */
  ss_dense_options options;
  ss_dense_result results[SS_COLUMNS];
} ss_dense_comparison;

/* Reads the options, opens RUN and DATA, and reads all maps. To be closed whatever the outcome. */
ss_status ss_dense_comparison_open(const ss_arguments *arguments, ss_map_kind kind, ss_dense_comparison *out,
                                   ss_error *error);
void ss_dense_comparison_close(ss_dense_comparison *compare);

/* Takes the task's result for a network that has been tested. */
typedef void (*ss_dense_take)(void *context, ss_column network);

/* Trains and tests every network with the task, telling of it on standard error, and writes --sheet. */
ss_status ss_dense_comparison_run(ss_dense_comparison *compare, const ss_arguments *arguments,
                                  const ss_dense_task *task, ss_dense_take take, void *context, ss_error *error);

/* Adds to the JSON object what both commands say of what was done. */
ss_status ss_dense_comparison_json(const ss_dense_comparison *compare, cJSON *json, ss_error *error);

#endif
