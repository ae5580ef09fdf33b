#include "cli/json_output.h"

#include "base/file.h"
#include "train/run.h"

#include <stdio.h>
#include <stdlib.h>

static ss_status make(ss_json_fill fill, const void *context, cJSON **json, ss_error *error) {
  SS_TRY(ss_json_new_object(json, error));
  const ss_status status = fill(context, *json, error);
  if (status != SS_OK) {
    cJSON_Delete(*json);
    *json = NULL;
  }
  return status;
}

ss_status ss_json_output(const ss_arguments *arguments, ss_json_fill fill, const void *context, ss_error *error) {
  cJSON *json = NULL;
  char *text = NULL;
  if (!ss_arguments_has(arguments, "json")) {
    return SS_OK;
  }
  SS_TRY(make(fill, context, &json, error));
  const ss_status status = ss_json_print(json, false, &text, error);
  cJSON_Delete(json);
  if (status == SS_OK) {
    printf("%s\n", text);
  }
  free(text);
  return status;
}

ss_status ss_json_output_write(const char *folder, const char *name, ss_json_fill fill, const void *context,
                               ss_error *error) {
  cJSON *json = NULL;
  char *path = NULL;
  SS_TRY(make(fill, context, &json, error));
  ss_status status = ss_path_join(&path, folder, name, error);
  status = status ? status : ss_json_write(path, json, error);
  free(path);
  cJSON_Delete(json);
  return status;
}

/* What fills an object, and the data that it is of. */
typedef struct kept {
  ss_json_fill fill;
  const void *context;
  const char *data;
} kept;

static ss_status fill_kept(const void *context, cJSON *json, ss_error *error) {
  const kept *of = context;
  SS_TRY(of->fill(of->context, json, error));
  return ss_json_add_string(json, "data", of->data, error);
}

void ss_json_output_keep(const ss_arguments *arguments, const char *name, ss_json_fill fill, const void *context) {
  const char *run = arguments->operands[0];
  const kept of = {fill, context, arguments->operands[1]};
  ss_error reason = {""};
  if (!ss_run_exists(run)) {
    return;
  }
  const ss_status status = ss_json_output_write(run, name, fill_kept, &of, &reason);
  if (status != SS_OK) {
    fprintf(stderr, "not kept for a report: %s\n", reason.message);
  }
}
