/* What the commands that measure a backbone share: its RUN, DATA with and without --test, and their options. */
#ifndef SS_CLI_MEASURE_H
#define SS_CLI_MEASURE_H

#include "cli/json_output.h"
#include "features/features.h"

/* Rows of these commands' tables of flags and of options. */
#define SS_TEST_FLAG \
  { "test", 0, "DATA", "test on other data, with the same classes" }
#define SS_LABELS_OPTION                                                                                           \
  {                                                                                                                \
    "labels", SS_OPTION_FRACTION, "1", "share of each class's training pictures that is used, at least one", 0, 0, \
        NULL                                                                                                       \
  }
#define SS_BATCH_OPTION \
  { "batch", SS_OPTION_INT, "256", "pictures at a time", 1, 65536, NULL }
#define SS_THREADS_OPTION \
  { "threads", SS_OPTION_INT, NULL, "threads (default: the processors there are)", 1, 1024, NULL }
#define SS_DEVICE_OPTION \
  { "device", SS_OPTION_CHOICE, "cpu", "what computes the network", 0, 0, "cpu|cuda" }
#define SS_MAX_BAD_OPTION \
  { "max-bad", SS_OPTION_FRACTION, "0.01", "share of pictures that may fail to decode", 0, 0, NULL }
#define SS_MEASURE_OPTIONS_BUT_BATCH                                                                                   \
  {"limit", SS_OPTION_INT, "0", "use that many training pictures only, classes in turn (0: all)", 0, 4e9, NULL},       \
      {"size", SS_OPTION_INT, NULL, "pixels a side (default: as the run was trained)", 1, 4096, NULL},                 \
      SS_THREADS_OPTION, SS_DEVICE_OPTION,                                                                             \
      {"seed", SS_OPTION_INT, "0", "of untrained networks and of the classifier", 0, 1e15, NULL}, SS_MAX_BAD_OPTION, { \
    0                                                                                                                  \
  }
#define SS_MEASURE_OPTIONS SS_BATCH_OPTION, SS_MEASURE_OPTIONS_BUT_BATCH

/* A command line that has been acted upon. */
typedef struct ss_measurement {
  ss_settings *settings; /* the command's options */
  ss_model *model;
  ss_source *source, *other; /* DATA, and --test's (NULL: none) */
  const ss_source *test_source;
  ss_subset train, test; /* without labels: `train` is everything */
  int classes;
  uint64_t seed;
  ss_ways *ways;
  ss_feature_options features; /* layer: SS_LAST_LAYER */
} ss_measurement;

/* Reads the options, opens RUN (the first operand) and, where there is a second, DATA. With `labelled`, its training
 * and test parts: without a test part and --test it says on standard error that a split was made. To be closed whatever
 * the outcome. */
ss_status ss_measurement_open(const ss_arguments *arguments, bool labelled, ss_measurement *out, ss_error *error);
/* What `labelled` adds, for a measurement that was opened without: the training part in place of everything (of which
 * --limit then is still to be taken), the test part. SS_FAILED without labels. */
ss_status ss_measurement_take_parts(const ss_arguments *arguments, ss_measurement *out, ss_error *error);
/* Leaves as many of the training samples, which are of `source`, as --limit says. */
ss_status ss_measurement_limit(ss_measurement *measurement, const ss_source *source, ss_error *error);
/* Says on standard error that `data` had no test part and every tenth `what` ("picture") became one. */
void ss_measurement_tell_split(const ss_measurement *measurement, const char *data, const char *what);
/* The options and RUN alone, for a DATA that is opened otherwise. To be closed likewise. */
ss_status ss_measurement_open_model(const ss_arguments *arguments, ss_measurement *out, ss_error *error);
void ss_measurement_close(ss_measurement *measurement);

/* A command that measures, from opening (as ss_measurement_open) to closing: its exit status. */
typedef ss_status (*ss_measure)(const ss_arguments *arguments, ss_measurement *measurement, ss_error *error);
int ss_measurement_run(const ss_arguments *arguments, bool labelled, ss_measure measure);

/* The kernels' choices, with those that were kept. */
ss_status ss_ways_open(ss_ways **ways, ss_error *error);

/* Leaves the share of each class's training samples that --labels says, at least one, drawn by the seed; the order
 * stays. */
ss_status ss_measurement_cut_labels(ss_measurement *measurement, ss_error *error);

/* The features of some layers (count) of `model`, of the training and of the test part: `train` and `test` (count). On
 * an error all are empty. */
ss_status ss_measurement_features(const ss_measurement *measurement, const ss_model *model, const int *layers,
                                  int count, ss_features *train, ss_features *test, ss_error *error);

#endif
