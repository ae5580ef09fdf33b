/* JSON over cJSON: reading with errors that name the place, building with every allocation checked, and printing
 * that keeps numbers. Values are cJSON's own, so its read-only functions (cJSON_ArrayForEach, cJSON_IsString) serve
 * too; its own printing does not: it loses the last bit of numbers. Trees are freed with cJSON_Delete. */
#ifndef SS_BASE_JSON_H
#define SS_BASE_JSON_H

#include "base/status.h"
#include "base/text.h"

#include <cjson/cJSON.h>
#include <stdbool.h>

#define SS_JSON_MAX_DEPTH 64                        /* of nested arrays and objects, in what is parsed */
#define SS_JSON_MAX_INT ((int64_t)9007199254740992) /* 2^53: whole numbers up to here are exact in JSON's float64 */

/* Parses `size` bytes, all of them but white space at the end one JSON value; text[size] must be 0, as ss_file_read
 * leaves it. `name` is the file's or option's for messages. */
ss_status ss_json_parse(cJSON **json, const char *text, size_t size, const char *name, ss_error *error);

/* Reads and parses a file of at most `limit` bytes. */
ss_status ss_json_read(cJSON **json, const char *path, size_t limit, ss_error *error);

/* Members of an object. `where` is the place of `object` for messages: a file's name, or "config.json: model". A member
 * that is missing, of another type, or out of range is an error, like "config.json: batch must be a whole number from
 * 1 to 4096, not "many"". The strings stay the tree's. */
ss_status ss_json_get_string(const cJSON *object, const char *where, const char *key, const char **value,
                             ss_error *error);
ss_status ss_json_get_int(const cJSON *object, const char *where, const char *key, int64_t low, int64_t high,
                          int64_t *value, ss_error *error);
ss_status ss_json_get_float(const cJSON *object, const char *where, const char *key, double *value, ss_error *error);
ss_status ss_json_get_bool(const cJSON *object, const char *where, const char *key, bool *value, ss_error *error);
ss_status ss_json_get_object(const cJSON *object, const char *where, const char *key, const cJSON **value,
                             ss_error *error);
ss_status ss_json_get_array(const cJSON *object, const char *where, const char *key, const cJSON **value,
                            ss_error *error);

bool ss_json_has(const cJSON *object, const char *key);

/* Every key of `object` must be among `keys`; the error names the unknown one and the nearest known. */
ss_status ss_json_check_keys(const cJSON *object, const char *where, const char *const *keys, size_t count,
                             ss_error *error);

/* Building. Each adds under `key` to an object, or at the end of an array with key NULL. The only errors are
 * SS_NO_MEMORY and, for add_int, a number beyond +-SS_JSON_MAX_INT. A float that is not finite becomes null. */
ss_status ss_json_new_object(cJSON **object, ss_error *error);
ss_status ss_json_new_array(cJSON **array, ss_error *error);
ss_status ss_json_add_string(cJSON *parent, const char *key, const char *value, ss_error *error);
ss_status ss_json_add_int(cJSON *parent, const char *key, int64_t value, ss_error *error);
ss_status ss_json_add_float(cJSON *parent, const char *key, double value, ss_error *error);
ss_status ss_json_add_bool(cJSON *parent, const char *key, bool value, ss_error *error);
ss_status ss_json_add_null(cJSON *parent, const char *key, ss_error *error);
ss_status ss_json_add_object(cJSON *parent, const char *key, cJSON **value,
                             ss_error *error); /* *value: the new child */
ss_status ss_json_add_array(cJSON *parent, const char *key, cJSON **value, ss_error *error);

/* Takes `value` over, in success and failure. */
ss_status ss_json_add_item(cJSON *parent, const char *key, cJSON *value, ss_error *error);

/* Appends the value: on one line, or with `indent` over several, two blanks a level. Numbers read back to the same
 * float64 in as few digits as do; whole ones below 2^53 print as whole numbers. */
void ss_json_append(ss_text *text, const cJSON *json, bool indent);

/* The same as a string of the caller's, without a newline at the end; freed with free(). */
ss_status ss_json_print(const cJSON *json, bool indent, char **string, ss_error *error);

/* Writes the value, indented and with a newline at the end, as a file (synced, atomic). */
ss_status ss_json_write(const char *path, const cJSON *json, ss_error *error);

/* Appends a number as ss_json_append prints it. */
void ss_json_append_number(ss_text *text, double value);

/* Appends a string with its quotes and escapes; bytes that are not UTF-8 become U+FFFD, so that a file name of any
 * bytes makes valid JSON. */
void ss_json_append_string(ss_text *text, const char *string);

#endif
