/* The JSON object that a command prints, writes or keeps. */
#ifndef SS_CLI_JSON_OUTPUT_H
#define SS_CLI_JSON_OUTPUT_H

#include "base/json.h"
#include "cli/arguments.h"

/* The last rows of a table of flags. */
#define SS_JSON_FLAGS                                                                                     \
  {"json", 0, NULL, "print one JSON object last on standard output"}, {"help", 'h', NULL, "this text"}, { \
    0                                                                                                     \
  }

/* Fills an object with what the command has found. */
typedef ss_status (*ss_json_fill)(const void *context, cJSON *json, ss_error *error);

/* Prints the object on a line of its own, where --json asks for it. */
ss_status ss_json_output(const ss_arguments *arguments, ss_json_fill fill, const void *context, ss_error *error);

/* Writes FOLDER/NAME, whole or not at all. */
ss_status ss_json_output_write(const char *folder, const char *name, ss_json_fill fill, const void *context,
                               ss_error *error);

/* Keeps what a command has found for `selfsup report`: the object, to which "data" (the second operand) is added,
 * becomes RUN/NAME, whole or not at all, where RUN (the first) is a run folder. A folder that cannot be written to is
 * told on standard error, no more: what was measured stands. */
void ss_json_output_keep(const ss_arguments *arguments, const char *name, ss_json_fill fill, const void *context);

#endif
