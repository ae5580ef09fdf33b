/* What `segment`, `depth` and `detect` share: a head is trained and tested behind several backbones, on pictures with a
 * truth of their own kind. */
#ifndef SS_CLI_TRANSFER_H
#define SS_CLI_TRANSFER_H

#include "cli/columns.h"

/* Rows of these commands' tables of options, in three groups between which a command may have its own; `rate` is the
 * default of --lr for a frozen backbone, "0.003". */
#define SS_TRANSFER_OPTIONS                                                                                         \
  {"epochs", SS_OPTION_INT, "20", "times each training picture is seen", 1, 100000, NULL},                          \
      {"batch", SS_OPTION_INT, "16", "pictures a step", 1, 4096, NULL}, {                                           \
    "size", SS_OPTION_INT, NULL, "pixels a side that pictures are resized to (default: as the run was trained)", 1, \
        4096, NULL                                                                                                  \
  }
#define SS_TRANSFER_RATE_OPTIONS(rate)                                                                               \
  {"lr", SS_OPTION_FLOAT, NULL, "learning rate at the start (default: " rate ", with --finetune 0.0003)", 1e-8, 100, \
   NULL},                                                                                                            \
  {                                                                                                                  \
    "weight-decay", SS_OPTION_FLOAT, "1e-4", "of AdamW", 0, 1, NULL                                                  \
  }
#define SS_TRANSFER_LAST_OPTIONS(seeded)                                                                               \
  {"min-scale", SS_OPTION_FLOAT, "0.5", "smallest share of a training picture's area that is shown", 0.01, 1, NULL},   \
      {"limit", SS_OPTION_INT, "0", "use that many training pictures only (0: all)", 0, 4e9, NULL}, SS_THREADS_OPTION, \
      SS_DEVICE_OPTION, {"seed", SS_OPTION_INT, "0", seeded, 0, 1e15, NULL}, SS_MAX_BAD_OPTION, {                      \
    0                                                                                                                  \
  }

/* A command line that has been acted upon. The measurement has no source; its parts are the command's to fill in, its
 * features are how pictures are run through, their size and the threads resolved, with a batch of their own. */
typedef struct ss_transfer {
  ss_measurement measurement;
  ss_columns columns; /* a row of the table each */
  bool finetune;      /* the backbone is trained too */
  float rate;
} ss_transfer;

/* Reads the options and opens RUN; that --sheet can be written is known before the first step. `frozen_rate` is the
 * default of --lr for a frozen backbone. To be closed whatever the outcome. */
ss_status ss_transfer_open(const ss_arguments *arguments, double frozen_rate, ss_transfer *out, ss_error *error);
/* Opens what RUN is compared with, once there is DATA, of which `source` is. */
ss_status ss_transfer_open_columns(const ss_arguments *arguments, const ss_source *source, ss_transfer *out,
                                   ss_error *error);
void ss_transfer_close(ss_transfer *transfer);

/* Which network's epochs are told of. */
typedef struct ss_epoch_teller {
  const char *network;
  int epochs;
} ss_epoch_teller;
/* Tells on standard error how an epoch went; `context` is an ss_epoch_teller. */
void ss_tell_epoch(void *context, int epoch, double loss);

/* Prints the line above a table. */
void ss_transfer_head(const ss_transfer *transfer, const char *what);

/* The classes of what was opened as DATA. */
typedef struct ss_class_names {
  const void *set;
  int count;
  const char *(*name)(const void *set, int label); /* NULL where there is none: the number stands for it */
} ss_class_names;

/* Prints a table of values, a row a class: each (count), NaN where there is none, or NULL for a network that is left
 * out. */
void ss_class_names_print(const ss_class_names *classes, const char *title, const double *const values[SS_COLUMNS]);
/* Adds the names as "classes". */
ss_status ss_class_names_add(const ss_class_names *classes, cJSON *json, ss_error *error);

#endif
