#include "base/text.h"

#include <locale.h>
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

static void strings_grow(void **state) {
  (void)state;
  ss_error error;
  ss_text text = {0};
  for (int i = 0; i < 1000; i++) {
    ss_text_append(&text, "ab");
    ss_text_printf(&text, "%04d", i);
    ss_text_append_bytes(&text, "cde", 2);
  }
  assert_int_equal(text.length, 8000);
  assert_int_equal(ss_text_check(&text, &error), SS_OK);
  char *string;
  assert_int_equal(ss_text_finish(&text, &string, &error), SS_OK);
  assert_int_equal(strlen(string), 8000);
  assert_memory_equal(string + (size_t)8 * 123, "ab0123cdab0124cd", 16);
  free(string);
  assert_null(text.data);

  assert_int_equal(ss_text_finish(&text, &string, &error), SS_OK); /* empty again, and an empty string is one */
  assert_string_equal(string, "");
  free(string);
}

static void a_failed_append_is_remembered(void **state) {
  (void)state;
  ss_error error;
  ss_text text = {0};
  ss_text_append(&text, "kept");
  ss_text_append_bytes(&text, "x", SIZE_MAX / 2);
  ss_text_append(&text, "not appended");
  assert_string_equal(text.data, "kept");
  assert_int_equal(ss_text_check(&text, &error), SS_NO_MEMORY);
  char *string;
  assert_int_equal(ss_text_finish(&text, &string, &error), SS_NO_MEMORY);
  assert_null(string);
  assert_false(text.failed);
}

static void the_nearest_word_is_meant(void **state) {
  (void)state;
  const char *const methods[] = {"simclr", "moco", "byol", NULL, "rotation", "relative-patch", "deepcluster", "cpc"};
  const size_t count = sizeof methods / sizeof methods[0];
  assert_string_equal(ss_text_nearest("simlcr", methods, count), "simclr");
  assert_string_equal(ss_text_nearest("SimCLR", methods, count), "simclr");
  assert_string_equal(ss_text_nearest("rotations", methods, count), "rotation");
  assert_string_equal(ss_text_nearest("moko", methods, count), "moco");
  assert_string_equal(ss_text_nearest("relative_patch", methods, count), "relative-patch");
  assert_string_equal(ss_text_nearest("deepclsuter", methods, count), "deepcluster");
  assert_string_equal(ss_text_nearest("cpx", methods, count), "cpc");
  assert_null(ss_text_nearest("jigsaw", methods, count));
  assert_null(ss_text_nearest("x", methods, count));
  assert_null(ss_text_nearest("", methods, count));
  assert_null(ss_text_nearest("moco", methods, 0));
  char lengthy[200];
  memset(lengthy, 'm', sizeof lengthy - 1);
  lengthy[sizeof lengthy - 1] = '\0';
  assert_null(ss_text_nearest(lengthy, methods, count));
}

static void whole_numbers(void **state) {
  (void)state;
  ss_error error;
  int64_t value = 77;
  assert_int_equal(ss_text_int("128", "--batch", 1, 4096, &value, &error), SS_OK);
  assert_int_equal(value, 128);
  assert_int_equal(ss_text_int("-9223372036854775808", "--n", INT64_MIN, INT64_MAX, &value, &error), SS_OK);
  assert_true(value == INT64_MIN);
  assert_int_equal(ss_text_int("+5", "--n", 0, 5, &value, &error), SS_OK);
  const char *const bad[] = {"",
                             " 1",
                             "1 ",
                             "1.5",
                             "1e3",
                             "0x10",
                             "ten",
                             "-",
                             "+",
                             "--1",
                             "4097",
                             "0",
                             "9223372036854775808",
                             "99999999999999999999"};
  for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++) {
    value = 77;
    assert_int_equal(ss_text_int(bad[i], "--batch", 1, 4096, &value, &error), SS_USAGE);
    assert_int_equal(value, 77);
  }
  assert_string_equal(error.message, "--batch must be a whole number from 1 to 4096, not \"99999999999999999999\"");
}

static void decimal_numbers(void **state) {
  (void)state;
  ss_error error;
  double value = 7;
  assert_int_equal(ss_text_float("6e-2", "--lr", 0, 100, &value, &error), SS_OK);
  assert_true(value == 0.06);
  assert_int_equal(ss_text_float(".5", "--lr", 0, 100, &value, &error), SS_OK);
  assert_int_equal(ss_text_float("-1.", "x", -HUGE_VAL, HUGE_VAL, &value, &error), SS_OK);
  assert_true(value == -1);
  const char *const bad[] = {"", "nan", "inf", "1e999", "0x1p3", "1,5", "1.5x", " 1", "1 ", "e3", ".", "-0.1", "101"};
  for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++) {
    value = 7;
    assert_int_equal(ss_text_float(bad[i], "--lr", 0, 100, &value, &error), SS_USAGE);
    assert_true(value == 7);
  }
  assert_string_equal(error.message, "--lr must be a number from 0 to 100, not \"101\"");
  assert_int_equal(ss_text_float("many", "x", -HUGE_VAL, HUGE_VAL, &value, &error), SS_USAGE);
  assert_string_equal(error.message, "x must be a number, not \"many\"");
}

static void shares(void **state) {
  (void)state;
  ss_error error;
  static const struct {
    const char *string;
    double value;
  } good[] = {{"0.1", 0.1}, {"10%", 0.1}, {"1/10", 0.1}, {"0", 0}, {"1", 1}, {"100%", 1}, {"2.5%", 0.025}};
  for (size_t i = 0; i < sizeof good / sizeof good[0]; i++) {
    double value = 7;
    assert_int_equal(ss_text_fraction(good[i].string, "--labels", &value, &error), SS_OK);
    assert_true(fabs(value - good[i].value) < 1e-15);
  }
  const char *const bad[] = {"", "10", "101%", "-1%", "1/0", "3/2", "1/", "/2", "0.1 ", "10%%", "1/2/3", "%"};
  for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++) {
    double value = 7;
    assert_int_equal(ss_text_fraction(bad[i], "--labels", &value, &error), SS_USAGE);
    assert_true(value == 7);
  }
}

static void sizes(void **state) {
  (void)state;
  ss_error error;
  static const struct {
    const char *string;
    uint64_t value;
  } good[] = {{"0", 0},
              {"17", 17},
              {"17B", 17},
              {"2k", 2000},
              {"1.5GB", 1500000000},
              {"500M", 500000000},
              {"2GiB", 2147483648},
              {"0.5kib", 512}};
  for (size_t i = 0; i < sizeof good / sizeof good[0]; i++) {
    uint64_t value = 7;
    assert_int_equal(ss_text_bytes(good[i].string, "--memory", &value, &error), SS_OK);
    assert_true(value == good[i].value);
  }
  const char *const bad[] = {"", "G", "4 G", "4X", "-1", "4GiBs", "1e30", "99999999T", "0x10"};
  for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++) {
    uint64_t value = 7;
    assert_int_equal(ss_text_bytes(bad[i], "--memory", &value, &error), SS_USAGE);
    assert_true(value == 7);
  }
}

/* A program may have set the locale of a country that writes 0,5. */
static void a_point_is_a_point_everywhere(void **state) {
  (void)state;
  static const char *const locales[] = {"C", "de_DE.UTF-8", "fr_FR.UTF-8", "cs_CZ.UTF-8"};
  for (size_t i = 0; i < sizeof locales / sizeof *locales; i++) {
    if (!setlocale(LC_ALL, locales[i])) {
      continue; /* not installed */
    }
    char text[32];
    double number = 0.0;
    const char *const list = "30,60.5";
    const char *end = ss_text_read_decimal(list, &number);
    assert_ptr_equal(end, list + 2);
    assert_true(number == 30.0);
    end = ss_text_read_decimal(end + 1, &number);
    assert_non_null(end);
    assert_true(number == 60.5);
    assert_string_equal(end, "");
    assert_null(ss_text_read_decimal(",5", &number));
    ss_text_write_decimal(-0.485, text);
    assert_string_equal(text, "-0.485");
    ss_text_write_decimal(1e-20, text);
    assert_string_equal(text, "1e-20");
  }
  setlocale(LC_ALL, "C");
}

static void truths(void **state) {
  (void)state;
  ss_error error;
  bool value = false;
  assert_int_equal(ss_text_bool("Yes", "global", &value, &error), SS_OK);
  assert_true(value);
  assert_int_equal(ss_text_bool("0", "global", &value, &error), SS_OK);
  assert_false(value);
  assert_int_equal(ss_text_bool("2", "global", &value, &error), SS_USAGE);
  assert_int_equal(ss_text_bool("", "global", &value, &error), SS_USAGE);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(strings_grow),
      cmocka_unit_test(a_failed_append_is_remembered),
      cmocka_unit_test(the_nearest_word_is_meant),
      cmocka_unit_test(whole_numbers),
      cmocka_unit_test(decimal_numbers),
      cmocka_unit_test(shares),
      cmocka_unit_test(sizes),
      cmocka_unit_test(a_point_is_a_point_everywhere),
      cmocka_unit_test(truths),
  };
  return cmocka_run_group_tests_name("text", tests, NULL, NULL);
}
