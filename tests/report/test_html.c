/* Text from outside, pictures and numbers in HTML. */
#include "support.h"

#include "report/html.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

static void expect_escaped(const char *string, const char *expected) {
  ss_text text = {0};
  ss_html_escape(&text, string);
  assert_string_equal(text.data ? text.data : "", expected);
  ss_text_free(&text);
}

static void test_nothing_from_outside_is_markup(void **state) {
  (void)state;
  expect_escaped("</title><script>alert('&\"')</script>",
                 "&lt;/title&gt;&lt;script&gt;alert(&#39;&amp;&quot;&#39;)&lt;/script&gt;");
  expect_escaped("", "");
  expect_escaped("two\nlines\tand a tab", "two\nlines\tand a tab");
  expect_escaped("Grün, 日本, \xF0\x9F\x90\x88", "Grün, 日本, \xF0\x9F\x90\x88");
}

static void test_bytes_that_are_no_text_are_replaced(void **state) {
  (void)state;
  const char *const mark = "\xEF\xBF\xBD";
  expect_escaped("\x01", mark);
  expect_escaped("\x7F", mark);
  expect_escaped("a\xFFz", "a\xEF\xBF\xBDz");
  expect_escaped("\xC0\xAF", "\xEF\xBF\xBD\xEF\xBF\xBD");                 /* a slash in two bytes */
  expect_escaped("\xE0\x80\xBC", "\xEF\xBF\xBD\xEF\xBF\xBD\xEF\xBF\xBD"); /* a < in three */
  expect_escaped("\xED\xA0\x80", "\xEF\xBF\xBD\xEF\xBF\xBD\xEF\xBF\xBD"); /* half a surrogate pair */
  expect_escaped("\xF4\x90\x80\x80", "\xEF\xBF\xBD\xEF\xBF\xBD\xEF\xBF\xBD\xEF\xBF\xBD");
  expect_escaped("cut \xE2\x82", "cut \xEF\xBF\xBD\xEF\xBF\xBD");
  expect_escaped("\xC3<", "\xEF\xBF\xBD&lt;");
}

/* RFC 4648, section 10. */
static void test_base64(void **state) {
  (void)state;
  const char *const pairs[][2] = {{"", ""},
                                  {"f", "Zg=="},
                                  {"fo", "Zm8="},
                                  {"foo", "Zm9v"},
                                  {"foob", "Zm9vYg=="},
                                  {"fooba", "Zm9vYmE="},
                                  {"foobar", "Zm9vYmFy"}};
  for (size_t i = 0; i < sizeof pairs / sizeof *pairs; i++) {
    ss_text text = {0};
    char expected[64];
    snprintf(expected, sizeof expected, "data:image/png;base64,%s", pairs[i][1]);
    ss_html_data_uri(&text, "image/png", (const uint8_t *)pairs[i][0], strlen(pairs[i][0]));
    assert_string_equal(text.data, expected);
    ss_text_free(&text);
  }
  const uint8_t high[] = {0xFB, 0xFF, 0xBF};
  ss_text text = {0};
  ss_html_data_uri(&text, "x", high, sizeof high);
  assert_string_equal(text.data, "data:x;base64,+/+/");
  ss_text_free(&text);
}

static void test_a_picture_carries_its_words_escaped(void **state) {
  (void)state;
  const ss_html_picture picture = {.bytes = (const uint8_t *)"foo",
                                   .size = 3,
                                   .type = "image/jpeg",
                                   .width = 7,
                                   .height = 5,
                                   .text = "\" onload=\"x"};
  ss_text text = {0};
  ss_html_img(&text, &picture, "thumb");
  assert_string_equal(text.data,
                      "<img class=\"thumb\" width=\"7\" height=\"5\" alt=\"&quot; onload=&quot;x\" "
                      "src=\"data:image/jpeg;base64,Zm9v\">");
  ss_text_free(&text);
}

static void expect_number(double value, const char *expected) {
  ss_text text = {0};
  ss_html_number(&text, value);
  assert_string_equal(text.data, expected);
  ss_text_free(&text);
}

static void test_numbers_for_people(void **state) {
  (void)state;
  expect_number(NAN, "–");
  expect_number(INFINITY, "–");
  expect_number(0.0, "0");
  expect_number(30.0, "30");
  expect_number(0.031249, "0.0312");
  expect_number(4.0386, "4.04");
  expect_number(54.433, "54.4");
  expect_number(939.9, "940");
  expect_number(1139.0, "1,139");
  expect_number(76800.4, "76,800");
  expect_number(-1281167.0, "−1,281,167");
  ss_text text = {0};
  ss_html_per_cent(&text, 34.767);
  ss_html_per_cent(&text, NAN);
  assert_string_equal(text.data, "34.8\u202f%–");
  ss_text_free(&text);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(test_nothing_from_outside_is_markup), cmocka_unit_test(test_bytes_that_are_no_text_are_replaced),
      cmocka_unit_test(test_base64), cmocka_unit_test(test_a_picture_carries_its_words_escaped),
      cmocka_unit_test(test_numbers_for_people)};
  return cmocka_run_group_tests(tests, NULL, NULL);
}
