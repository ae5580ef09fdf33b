#include "base/json.h"

#include "base/file.h"
#include "base/random.h"

#include <float.h>
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

static cJSON *parse(const char *text) {
  ss_error error;
  cJSON *json;
  assert_int_equal(ss_json_parse(&json, text, strlen(text), "test", &error), SS_OK);
  return json;
}

static void members_are_read_with_their_types(void **state) {
  (void)state;
  ss_error error;
  cJSON *json = parse(
      "{\"s\": \"text\", \"i\": -3, \"f\": 0.25, \"b\": true, \"o\": {}, \"a\": [1], \"n\": null,"
      "\"big\": 9007199254740992}");
  const char *string;
  int64_t whole;
  double number;
  bool truth;
  const cJSON *inner;
  assert_int_equal(ss_json_get_string(json, "test", "s", &string, &error), SS_OK);
  assert_string_equal(string, "text");
  assert_int_equal(ss_json_get_int(json, "test", "i", -5, 5, &whole, &error), SS_OK);
  assert_int_equal(whole, -3);
  assert_int_equal(ss_json_get_int(json, "test", "big", 0, INT64_MAX, &whole, &error), SS_OK);
  assert_true(whole == SS_JSON_MAX_INT);
  assert_int_equal(ss_json_get_float(json, "test", "f", &number, &error), SS_OK);
  assert_true(number == 0.25);
  assert_int_equal(ss_json_get_bool(json, "test", "b", &truth, &error), SS_OK);
  assert_true(truth);
  assert_int_equal(ss_json_get_object(json, "test", "o", &inner, &error), SS_OK);
  assert_int_equal(ss_json_get_array(json, "test", "a", &inner, &error), SS_OK);
  assert_true(ss_json_has(json, "n"));
  assert_false(ss_json_has(json, "N"));

  assert_int_equal(ss_json_get_string(json, "run/config.json", "i", &string, &error), SS_FAILED);
  assert_string_equal(error.message, "run/config.json: i must be a string, not -3");
  assert_int_equal(ss_json_get_int(json, "x", "i", 1, 9, &whole, &error), SS_FAILED);
  assert_string_equal(error.message, "x: i must be a whole number from 1 to 9, not -3");
  assert_int_equal(ss_json_get_int(json, "x", "f", 0, 9, &whole, &error), SS_FAILED);
  assert_int_equal(ss_json_get_int(json, "x", "s", 0, 9, &whole, &error), SS_FAILED);
  assert_string_equal(error.message, "x: s must be a whole number from 0 to 9, not \"text\"");
  assert_int_equal(ss_json_get_float(json, "x", "n", &number, &error), SS_FAILED);
  assert_string_equal(error.message, "x: n must be a number, not null");
  assert_int_equal(ss_json_get_bool(json, "x", "o", &truth, &error), SS_FAILED);
  assert_string_equal(error.message, "x: o must be true or false, not an object");
  assert_int_equal(ss_json_get_object(json, "x", "a", &inner, &error), SS_FAILED);
  assert_int_equal(ss_json_get_array(json, "x", "missing", &inner, &error), SS_FAILED);
  assert_string_equal(error.message, "x: missing is missing");
  cJSON_Delete(json);
  json = parse("[1]");
  assert_int_equal(ss_json_get_float(json, "x", "n", &number, &error), SS_FAILED);
  assert_string_equal(error.message, "x: not a JSON object");
  cJSON_Delete(json);
}

static void unknown_keys_are_named(void **state) {
  (void)state;
  ss_error error;
  const char *const keys[] = {"method", "epochs", "batch"};
  cJSON *json = parse("{\"batch\": 1, \"epocs\": 2}");
  assert_int_equal(ss_json_check_keys(json, "config.json", keys, 3, &error), SS_FAILED);
  assert_string_equal(error.message, "config.json: unknown key \"epocs\"; did you mean \"epochs\"?");
  cJSON_Delete(json);
  json = parse("{\"batch\": 1, \"epochs\": 2}");
  assert_int_equal(ss_json_check_keys(json, "config.json", keys, 3, &error), SS_OK);
  cJSON_Delete(json);
}

static void what_is_not_json_is_refused(void **state) {
  (void)state;
  ss_error error;
  cJSON *json;
  const char *const bad[] = {"", " ", "{", "{\"a\": 1", "{\"a\": 1} x", "[1,]", "{\"a\"}", "nul", "\"\\u12\"", "{} {}"};
  for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++) {
    assert_int_equal(ss_json_parse(&json, bad[i], strlen(bad[i]), "bad.json", &error), SS_FAILED);
    assert_null(json);
    assert_non_null(strstr(error.message, "bad.json: not valid JSON"));
  }
  assert_int_equal(ss_json_parse(&json, "{\n\"a\": 1,\n\"b\": x}", 17, "bad.json", &error), SS_FAILED);
  assert_string_equal(error.message, "bad.json: not valid JSON, near line 3");
  assert_int_equal(ss_json_parse(&json, "1\0 2", 4, "bad.json", &error), SS_FAILED);

  char deep[2 * SS_JSON_MAX_DEPTH + 3] = "";
  memset(deep, '[', SS_JSON_MAX_DEPTH);
  memset(deep + SS_JSON_MAX_DEPTH, ']', SS_JSON_MAX_DEPTH);
  assert_int_equal(ss_json_parse(&json, deep, strlen(deep), "deep.json", &error), SS_OK);
  cJSON_Delete(json);
  memset(deep, '[', SS_JSON_MAX_DEPTH + 1);
  memset(deep + SS_JSON_MAX_DEPTH + 1, ']', SS_JSON_MAX_DEPTH + 1);
  assert_int_equal(ss_json_parse(&json, deep, strlen(deep), "deep.json", &error), SS_FAILED);
  assert_string_equal(error.message, "deep.json: the JSON is nested more than 64 deep");
}

static void check_number(double value, const char *expected) {
  ss_text text = {0};
  ss_json_append_number(&text, value);
  if (expected) {
    assert_string_equal(text.data, expected);
  }
  if (isfinite(value)) {
    cJSON *json = parse(text.data);
    assert_true(cJSON_IsNumber(json));
    assert_memory_equal(&json->valuedouble, &value, sizeof value);
    cJSON_Delete(json);
  }
  ss_text_free(&text);
}

static void numbers_keep_every_bit(void **state) {
  (void)state;
  check_number(0, "0");
  check_number(-0.0, "-0");
  check_number(1, "1");
  check_number(-17, "-17");
  check_number(1e6, "1000000");
  check_number(9007199254740991.0, "9007199254740991");
  check_number(0.1, "0.1");
  check_number(0.06, "0.06");
  check_number(5e-4, "0.0005");
  check_number(1e300, "1e+300");
  check_number(0.1 + 0.2, "0.30000000000000004");
  check_number(NAN, "null");
  check_number(-INFINITY, "null");
  check_number(DBL_MIN, NULL);
  check_number(DBL_MAX, NULL);
  check_number(5e-324, NULL);
  ss_random random = ss_random_stream(1, SS_RANDOM_METHOD, 0, 0, 0);
  for (int i = 0; i < 5000; i++) {
    const uint64_t high = ss_random_bits(&random);
    const uint64_t bits = high << 32 | ss_random_bits(&random);
    double value;
    memcpy(&value, &bits, sizeof value);
    if (isfinite(value)) {
      check_number(value, NULL);
    }
  }
}

static void trees_are_built_and_printed(void **state) {
  (void)state;
  ss_error error;
  cJSON *json, *inner, *shape;
  assert_int_equal(ss_json_new_object(&json, &error), SS_OK);
  assert_int_equal(ss_json_add_string(json, "name", "a \"b\" \\ \n\t\x01 \xC3\xA9 \xFF\xED\xA0\x80", &error), SS_OK);
  assert_int_equal(ss_json_add_int(json, "steps", 128, &error), SS_OK);
  assert_int_equal(ss_json_add_float(json, "lr", 0.06, &error), SS_OK);
  assert_int_equal(ss_json_add_float(json, "loss", NAN, &error), SS_OK);
  assert_int_equal(ss_json_add_null(json, "knn", &error), SS_OK);
  assert_int_equal(ss_json_add_object(json, "model", &inner, &error), SS_OK);
  assert_int_equal(ss_json_add_bool(inner, "stem", true, &error), SS_OK);
  assert_int_equal(ss_json_add_array(inner, "shape", &shape, &error), SS_OK);
  assert_int_equal(ss_json_add_int(shape, NULL, 3, &error), SS_OK);
  assert_int_equal(ss_json_add_int(shape, NULL, 32, &error), SS_OK);
  char *line, *lines;
  assert_int_equal(ss_json_print(json, false, &line, &error), SS_OK);
  assert_string_equal(line,
                      "{\"name\": \"a \\\"b\\\" \\\\ \\n\\t\\u0001 \xC3\xA9 \xEF\xBF\xBD\xEF\xBF\xBD\xEF\xBF\xBD"
                      "\xEF\xBF\xBD\", \"steps\": 128, \"lr\": 0.06, \"loss\": null, \"knn\": null, "
                      "\"model\": {\"stem\": true, \"shape\": [3, 32]}}");
  free(line);
  cJSON_DeleteItemFromObject(json, "name");
  assert_int_equal(ss_json_print(json, true, &lines, &error), SS_OK);
  assert_string_equal(lines,
                      "{\n  \"steps\": 128,\n  \"lr\": 0.06,\n  \"loss\": null,\n  \"knn\": null,\n"
                      "  \"model\": {\n    \"stem\": true,\n    \"shape\": [3, 32]\n  }\n}");
  assert_int_equal(ss_json_add_int(json, "seed", INT64_MAX, &error), SS_USAGE);
  assert_non_null(strstr(error.message, "seed: 9223372036854775807 is beyond"));

  char path[] = "/tmp/ss_test_json_XXXXXX";
  const int file = mkstemp(path);
  assert_true(file >= 0);
  close(file);
  assert_int_equal(ss_json_write(path, json, &error), SS_OK);
  cJSON *again;
  assert_int_equal(ss_json_read(&again, path, 1000, &error), SS_OK);
  assert_true(cJSON_Compare(json, again, 1));
  cJSON_Delete(again);
  assert_int_equal(ss_json_read(&again, path, 10, &error), SS_FAILED);
  assert_null(again);
  unlink(path);
  free(lines);
  cJSON_Delete(json);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(members_are_read_with_their_types), cmocka_unit_test(unknown_keys_are_named),
      cmocka_unit_test(what_is_not_json_is_refused),       cmocka_unit_test(numbers_keep_every_bit),
      cmocka_unit_test(trees_are_built_and_printed),
  };
  return cmocka_run_group_tests_name("json", tests, NULL, NULL);
}
