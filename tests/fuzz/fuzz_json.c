/* Any bytes as JSON, a run's config.json for one: what is accepted prints to something that reads back the same. */
#include "base/json.h"

#include <stdint.h>
#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void read_members(const cJSON *json) {
  ss_error error;
  static const char *const keys[] = {"method", "epochs", "lr", "resume"};
  ss_json_check_keys(json, "fuzz", keys, 4, &error);
  for (int i = 0; i < 4; i++) {
    const char *string;
    int64_t whole;
    double number;
    bool truth;
    const cJSON *inner;
    ss_json_get_string(json, "fuzz", keys[i], &string, &error);
    ss_json_get_int(json, "fuzz", keys[i], -10, 1000000, &whole, &error);
    ss_json_get_float(json, "fuzz", keys[i], &number, &error);
    ss_json_get_bool(json, "fuzz", keys[i], &truth, &error);
    ss_json_get_object(json, "fuzz", keys[i], &inner, &error);
    ss_json_get_array(json, "fuzz", keys[i], &inner, &error);
  }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
  ss_error error;
  char *text = malloc(size + 1);
  if (!text) {
    return 0;
  }
  memcpy(text, data, size);
  text[size] = '\0';
  cJSON *json;
  if (ss_json_parse(&json, text, size, "fuzz", &error) == SS_OK) {
    read_members(json);
    for (int indent = 0; indent < 2; indent++) {
      char *printed, *reprinted;
      cJSON *again;
      if (ss_json_print(json, indent, &printed, &error) != SS_OK ||
          ss_json_parse(&again, printed, strlen(printed), "printed", &error) != SS_OK ||
          ss_json_print(again, indent, &reprinted, &error) != SS_OK || strcmp(printed, reprinted) != 0) {
        abort();
      }
      free(printed);
      free(reprinted);
      cJSON_Delete(again);
    }
    cJSON_Delete(json);
  }
  free(text);
  return 0;
}
