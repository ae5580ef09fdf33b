#include "base/text.h"

#include <ctype.h>
#include <errno.h>
#include <inttypes.h>
#include <locale.h>
#include <math.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

/* Makes room for `more` bytes and the final 0; false if there is none. */
static bool reserve(ss_text *text, size_t more) {
  if (text->failed) {
    return false;
  }
  if (more >= SIZE_MAX / 2 - text->length) {
    text->failed = true;
    return false;
  }
  const size_t needed = text->length + more + 1;
  if (needed > text->capacity) {
    const size_t doubled = text->capacity * 2;
    const size_t capacity = needed > doubled ? needed : doubled;
    const size_t at_least = capacity < 64 ? 64 : capacity;
    char *data = realloc(text->data, at_least);
    if (!data) {
      text->failed = true;
      return false;
    }
    text->data = data;
    text->capacity = at_least;
  }
  return true;
}

void ss_text_append_bytes(ss_text *text, const char *bytes, size_t count) {
  if (reserve(text, count)) {
    if (count) {
      memcpy(text->data + text->length, bytes, count);
    }
    text->length += count;
    text->data[text->length] = '\0';
  }
}

void ss_text_append(ss_text *text, const char *string) {
  ss_text_append_bytes(text, string, strlen(string));
}

void ss_text_printf(ss_text *text, const char *format, ...) {
  va_list arguments, again;
  va_start(arguments, format);
  va_copy(again, arguments);
  const int length = vsnprintf(NULL, 0, format, arguments);
  va_end(arguments);
  if (length < 0) {
    text->failed = true;
  } else if (reserve(text, (size_t)length)) {
    vsnprintf(text->data + text->length, (size_t)length + 1, format, again);
    text->length += (size_t)length;
  }
  va_end(again);
}

ss_status ss_text_check(const ss_text *text, ss_error *error) {
  return text->failed ? ss_fail_memory(error, text->length, "text") : SS_OK;
}

ss_status ss_text_finish(ss_text *text, char **string, ss_error *error) {
  *string = NULL;
  ss_text_append_bytes(text, "", 0); /* an empty text is a string too */
  const ss_status status = ss_text_check(text, error);
  if (status == SS_OK) {
    *string = text->data;
    text->data = NULL;
  }
  ss_text_free(text);
  return status;
}

void ss_text_free(ss_text *text) {
  free(text->data);
  memset(text, 0, sizeof *text);
}

enum { longest_word = 64 };

static int smaller(int a, int b) {
  return a < b ? a : b;
}

/* Edit distance with swaps of neighbours (optimal string alignment), case ignored; words up to longest_word. */
static int edit_distance(const char *a, size_t a_length, const char *b, size_t b_length) {
  int rows[3][longest_word + 1];
  int *before = rows[0], *above = rows[1], *current = rows[2];
  for (size_t j = 0; j <= b_length; j++) {
    above[j] = (int)j;
    before[j] = 0;
  }
  for (size_t i = 1; i <= a_length; i++) {
    current[0] = (int)i;
    for (size_t j = 1; j <= b_length; j++) {
      const int x = tolower((unsigned char)a[i - 1]), y = tolower((unsigned char)b[j - 1]);
      int cost = smaller(smaller(above[j] + 1, current[j - 1] + 1), above[j - 1] + (x != y));
      if (i > 1 && j > 1 && x == tolower((unsigned char)b[j - 2]) && y == tolower((unsigned char)a[i - 2])) {
        cost = smaller(cost, before[j - 2] + 1);
      }
      current[j] = cost;
    }
    int *const oldest = before;
    before = above;
    above = current;
    current = oldest;
  }
  return above[b_length];
}

const char *ss_text_nearest(const char *word, const char *const *candidates, size_t count) {
  const size_t length = strlen(word);
  if (length == 0 || length > longest_word) {
    return NULL;
  }
  const char *nearest = NULL;
  int allowed = length >= 6 ? (int)(length / 3) : length >= 3 ? 1 : 0;
  for (size_t i = 0; i < count; i++) {
    const size_t candidate_length = candidates[i] ? strlen(candidates[i]) : 0;
    if (candidate_length == 0 || candidate_length > longest_word) {
      continue;
    }
    const int distance = edit_distance(word, length, candidates[i], candidate_length);
    if (distance <= allowed) {
      nearest = candidates[i];
      allowed = distance - 1;
    }
  }
  return nearest;
}

ss_status ss_text_int(const char *string, const char *what, int64_t low, int64_t high, int64_t *value,
                      ss_error *error) {
  const char *digits = string + (string[0] == '-' || string[0] == '+');
  char *end = NULL;
  errno = 0;
  const long long number = isdigit((unsigned char)digits[0]) ? strtoll(string, &end, 10) : 0;
  if (!end || *end || errno || number < low || number > high) {
    return ss_fail(error, SS_USAGE, "%s must be a whole number from %" PRId64 " to %" PRId64 ", not \"%s\"", what, low,
                   high, string);
  }
  *value = number;
  return SS_OK;
}

const char *ss_text_read_decimal(const char *string, double *number) {
  const char *digits = string + (string[0] == '-' || string[0] == '+');
  if (!isdigit((unsigned char)digits[0]) && !(digits[0] == '.' && isdigit((unsigned char)digits[1]))) {
    return NULL;
  }
  if (digits[0] == '0' && (digits[1] == 'x' || digits[1] == 'X')) {
    return NULL;
  }
  const locale_t plain = newlocale(LC_ALL_MASK, "C", (locale_t)0); /* a point is a point in every country */
  if (!plain) {
    return NULL;
  }
  char *end;
  *number = strtod_l(string, &end, plain);
  freelocale(plain);
  return isfinite(*number) ? end : NULL;
}

void ss_text_write_decimal(double value, char text[32]) {
  snprintf(text, 32, "%g", value);
  for (char *c = text; *c; c++) {
    if (!strchr("0123456789+-einfa", *c)) {
      *c = '.';
    }
  }
}

ss_status ss_text_float(const char *string, const char *what, double low, double high, double *value, ss_error *error) {
  double number = 0;
  const char *end = ss_text_read_decimal(string, &number);
  if (!end || *end || number < low || number > high) {
    if (low == -HUGE_VAL && high == HUGE_VAL) {
      return ss_fail(error, SS_USAGE, "%s must be a number, not \"%s\"", what, string);
    }
    return ss_fail(error, SS_USAGE, "%s must be a number from %g to %g, not \"%s\"", what, low, high, string);
  }
  *value = number;
  return SS_OK;
}

ss_status ss_text_fraction(const char *string, const char *what, double *value, ss_error *error) {
  double number = 0;
  const char *end = ss_text_read_decimal(string, &number);
  if (end && end[0] == '%' && !end[1]) {
    number /= 100;
    end++;
  } else if (end && end[0] == '/') {
    double below = 0;
    end = ss_text_read_decimal(end + 1, &below);
    number = below > 0 ? number / below : -1;
  }
  if (!end || *end || !(number >= 0 && number <= 1)) {
    return ss_fail(error, SS_USAGE, "%s must be a share from 0 to 1, like 0.1, 10%% or 1/10, not \"%s\"", what, string);
  }
  *value = number;
  return SS_OK;
}

ss_status ss_text_bytes(const char *string, const char *what, uint64_t *value, ss_error *error) {
  static const struct {
    const char *unit;
    double bytes;
  } units[] = {
      {"", 1},     {"B", 1},    {"K", 1e3},   {"KB", 1e3},     {"M", 1e6},      {"MB", 1e6},     {"G", 1e9},
      {"GB", 1e9}, {"T", 1e12}, {"TB", 1e12}, {"KiB", 0x1p10}, {"MiB", 0x1p20}, {"GiB", 0x1p30}, {"TiB", 0x1p40},
  };
  double number = 0;
  const char *end = ss_text_read_decimal(string, &number);
  for (size_t i = 0; end && i < sizeof units / sizeof units[0]; i++) {
    if (strcasecmp(end, units[i].unit) == 0 && number >= 0 && number * units[i].bytes < 0x1p63) {
      *value = (uint64_t)llround(number * units[i].bytes);
      return SS_OK;
    }
  }
  return ss_fail(error, SS_USAGE, "%s must be a size like 500M, 4G or 2GiB, not \"%s\"", what, string);
}

ss_status ss_text_bool(const char *string, const char *what, bool *value, ss_error *error) {
  static const char *const words[] = {"0", "1", "false", "true", "no", "yes", "off", "on"};
  for (size_t i = 0; i < sizeof words / sizeof words[0]; i++) {
    if (strcasecmp(string, words[i]) == 0) {
      *value = i % 2 == 1;
      return SS_OK;
    }
  }
  return ss_fail(error, SS_USAGE, "%s must be 1 or 0 (true or false, yes or no, on or off), not \"%s\"", what, string);
}
