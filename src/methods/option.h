/* Options: what a user may set, with its type, default and one line of help. The same table serves the command line,
 * --help, config.json, the comparison on --resume and the documentation. */
#ifndef SS_METHODS_OPTION_H
#define SS_METHODS_OPTION_H

#include "base/json.h"
#include "base/status.h"

#include <stdbool.h>

typedef enum ss_option_kind {
  SS_OPTION_INT,      /* low to high */
  SS_OPTION_FLOAT,    /* low to high */
  SS_OPTION_FRACTION, /* 0 to 1, also as "10%" */
  SS_OPTION_BOOL,
  SS_OPTION_TEXT,
  SS_OPTION_CHOICE /* one of `choices`, separated by '|' */
} ss_option_kind;

/* Tables of options end with a zeroed one. */
typedef struct ss_option {
  const char *name; /* "temperature" */
  ss_option_kind kind;
  const char *standard; /* the default as text; NULL: decided by data, machine or method when the run is configured */
  const char *help;
  double low, high;    /* for numbers; both 0: any */
  const char *choices; /* "sgd|lars|adam|adamw" */
} ss_option;

/* The values of the options of one or two tables. In names, dashes and underscores count as the same. */
typedef struct ss_settings ss_settings;

/* All options at their defaults. The tables must outlive the settings; `second` may be NULL. */
ss_status ss_settings_new(const ss_option *first, const ss_option *second, ss_settings **out, ss_error *error);
void ss_settings_free(ss_settings *settings);
ss_status ss_settings_copy(const ss_settings *settings, ss_settings **out, ss_error *error);

/* Sets one from text. SS_USAGE for an unknown name (with the nearest known one) or a value that is not of the kind.
 * `chosen` marks it as the user's own wish, which a recipe's defaults do not change. */
ss_status ss_settings_set(ss_settings *settings, const char *name, const char *value, bool chosen, ss_error *error);
/* "key=value", as after --set. */
ss_status ss_settings_set_pair(ss_settings *settings, const char *pair, ss_error *error);
/* Sets what the user has not chosen from "key=value key=value ..." (a recipe). */
ss_status ss_settings_apply_defaults(ss_settings *settings, const char *pairs, ss_error *error);

bool ss_settings_has(const ss_settings *settings, const char *name);    /* an option of that name exists */
bool ss_settings_known(const ss_settings *settings, const char *name);  /* it has a value */
bool ss_settings_chosen(const ss_settings *settings, const char *name); /* the user gave it */

/* Of an option that exists and has a value (0, false or "" otherwise). */
int64_t ss_settings_int(const ss_settings *settings, const char *name);
double ss_settings_float(const ss_settings *settings, const char *name); /* fractions too */
bool ss_settings_bool(const ss_settings *settings, const char *name);
const char *ss_settings_text(const ss_settings *settings, const char *name); /* the value as it was written */

/* The options in the tables' order. */
size_t ss_settings_count(const ss_settings *settings);
const ss_option *ss_settings_at(const ss_settings *settings, size_t index);

/* Adds every known value to a JSON object, and back: keys that are no option are an error. */
ss_status ss_settings_to_json(const ss_settings *settings, cJSON *object, ss_error *error);
ss_status ss_settings_from_json(ss_settings *settings, const cJSON *object, const char *where, ss_error *error);

#endif
