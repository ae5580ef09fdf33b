#include "report/html.h"

#include <math.h>
#include <string.h>

/* Bytes of the UTF-8 character at `at` (RFC 3629: the shortest form, no surrogates, up to U+10FFFF); 0: it is none. */
static size_t character_length(const unsigned char *at) {
  if (at[0] < 0x80) {
    return 1;
  }
  const size_t length = at[0] >= 0xC2 && at[0] <= 0xDF   ? 2
                        : (at[0] & 0xF0) == 0xE0         ? 3
                        : at[0] >= 0xF0 && at[0] <= 0xF4 ? 4
                                                         : 0;
  for (size_t i = 1; i < length; i++) {
    if ((at[i] & 0xC0) != 0x80) { /* also the string's end */
      return 0;
    }
  }
  const bool wrong = (at[0] == 0xE0 && at[1] < 0xA0) || (at[0] == 0xED && at[1] > 0x9F) ||
                     (at[0] == 0xF0 && at[1] < 0x90) || (at[0] == 0xF4 && at[1] > 0x8F);
  return wrong ? 0 : length;
}

void ss_html_escape(ss_text *text, const char *string) {
  while (*string) {
    const size_t length = character_length((const unsigned char *)string);
    const unsigned char first = (unsigned char)*string;
    if (length == 0 || (first < 0x20 && first != '\n' && first != '\t') || first == 0x7F) {
      ss_text_append(text, "\xEF\xBF\xBD");
    } else if (first == '&') {
      ss_text_append(text, "&amp;");
    } else if (first == '<') {
      ss_text_append(text, "&lt;");
    } else if (first == '>') {
      ss_text_append(text, "&gt;");
    } else if (first == '"') {
      ss_text_append(text, "&quot;");
    } else if (first == '\'') {
      ss_text_append(text, "&#39;");
    } else {
      ss_text_append_bytes(text, string, length);
    }
    string += length ? length : 1;
  }
}

void ss_html_data_uri(ss_text *text, const char *type, const uint8_t *bytes, size_t size) {
  static const char digits[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
  ss_text_printf(text, "data:%s;base64,", type);
  for (size_t i = 0; i < size; i += 3) { /* RFC 4648 */
    const unsigned one = bytes[i], two = i + 1 < size ? bytes[i + 1] : 0, three = i + 2 < size ? bytes[i + 2] : 0;
    const unsigned all = one << 16 | two << 8 | three;
    const char group[4] = {digits[all >> 18], digits[all >> 12 & 63], i + 1 < size ? digits[all >> 6 & 63] : '=',
                           i + 2 < size ? digits[all & 63] : '='};
    ss_text_append_bytes(text, group, sizeof group);
  }
}

void ss_html_img(ss_text *text, const ss_html_picture *picture, const char *class_name) {
  ss_text_printf(text, "<img class=\"%s\" width=\"%d\" height=\"%d\" alt=\"", class_name, picture->width,
                 picture->height);
  ss_html_escape(text, picture->text ? picture->text : "");
  ss_text_append(text, "\" src=\"");
  ss_html_data_uri(text, picture->type, picture->bytes, picture->size);
  ss_text_append(text, "\">");
}

static void append_whole(ss_text *text, long long size, bool negative) {
  ss_text_append(text, negative ? "−" : "");
  if (size >= 1000000) {
    ss_text_printf(text, "%lld,%03lld,%03lld", size / 1000000, size / 1000 % 1000, size % 1000);
  } else if (size >= 1000) {
    ss_text_printf(text, "%lld,%03lld", size / 1000, size % 1000);
  } else {
    ss_text_printf(text, "%lld", size);
  }
}

void ss_html_number(ss_text *text, double value) {
  const double size = fabs(value);
  if (!isfinite(value)) {
    ss_text_append(text, "–");
  } else if (size >= 1e9) {
    ss_text_printf(text, "%.3g", value);
  } else if (size >= 1000.0 || value == round(value)) {
    append_whole(text, llround(size), value < 0.0);
  } else {
    ss_text_printf(text, size >= 100.0 ? "%.0f" : size >= 10.0 ? "%.1f" : size >= 1.0 ? "%.2f" : "%.3g", value);
  }
}

void ss_html_per_cent(ss_text *text, double value) {
  if (isfinite(value)) {
    ss_text_printf(text, "%.1f\u202f%%", value);
  } else {
    ss_text_append(text, "–");
  }
}
