/* The file of a sweep: what is to be run. */
#ifndef SS_CLI_SWEEP_FILE_H
#define SS_CLI_SWEEP_FILE_H

#include "base/json.h"

/* A run to be made: a method, perhaps with options of its own, on a backbone of a width, from a seed. */
typedef struct ss_sweep_run {
  char *label;           /* of its row: the method's name or what the file calls it */
  const char *method;    /* these are the file's */
  const cJSON *settings; /* an object, or NULL */
  const char *arch;
  int64_t width, seed;
  char *folder; /* OUT/LABEL-ARCH-wWIDTH-sSEED */
} ss_sweep_run;

typedef struct ss_sweep {
  cJSON *json;
  const char *data, *test, *out; /* test: "" without one */
  const cJSON *pretrain, *probe; /* objects of options, or NULL */
  ss_sweep_run *runs;            /* seeds together, then widths, backbones, methods */
  size_t count;
} ss_sweep;

/* Reads
 *
 *     {"data": "photos", "out": "runs/sweep", "test": "other photos",
 *      "methods": ["rotation", {"method": "simclr", "label": "simclr, cold", "set": {"temperature": 0.2}}],
 *      "backbones": ["resnet18"], "widths": [16, 32], "seeds": [0, 1],
 *      "pretrain": {"epochs": 30}, "probe": {"limit": 10000}}
 *
 * of which data, out and methods must be there; else resnet18, 64, 0. SS_USAGE or SS_FAILED naming the place. */
ss_status ss_sweep_read(const char *path, ss_sweep *sweep, ss_error *error);
void ss_sweep_free(ss_sweep *sweep);

/* An option's value as a word of a command line: "0.2", "text", "1". SS_USAGE for what is no number, text or boolean.
 */
ss_status ss_sweep_value(const cJSON *value, char **word, ss_error *error);

#endif
