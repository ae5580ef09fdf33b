#include "support.h"

#include <stdio.h>
#include <string.h>

int support_times(const char *text, const char *part) {
  int times = 0;
  for (const char *at = text; (at = strstr(at, part)); at += strlen(part)) {
    times++;
  }
  return times;
}

void support_has(const ss_text *text, const char *part) {
  assert_false(text->failed);
  if (!text->data || !strstr(text->data, part)) {
    fail_msg("no \"%s\" in: %.4000s", part, text->data ? text->data : "nothing");
  }
}

static bool is_void(const char *name) {
  static const char *const names[] = {"img", "meta", "input", "!DOCTYPE"};
  for (size_t i = 0; i < sizeof names / sizeof *names; i++) {
    if (strcmp(names[i], name) == 0) {
      return true;
    }
  }
  return false;
}

void support_well_formed(const ss_text *text) {
  enum { deepest = 64 };
  char open[deepest][24];
  int depth = 0;
  assert_false(text->failed);
  for (const char *at = text->data; (at = strchr(at, '<')); at++) {
    char name[24] = "";
    const bool closes = at[1] == '/';
    assert_int_equal(sscanf(at + 1 + closes, "%23[A-Za-z0-9!]", name), 1);
    const char *end = strchr(at, '>');
    assert_non_null(end);
    if (closes) {
      if (depth == 0 || strcmp(open[depth - 1], name) != 0) {
        fail_msg("</%s> closes %s", name, depth ? open[depth - 1] : "nothing");
      }
      depth--;
    } else if (end[-1] != '/' && !is_void(name)) {
      assert_true(depth < deepest);
      snprintf(open[depth++], sizeof open[0], "%s", name);
    }
    if (!closes && (strcmp(name, "script") == 0 || strcmp(name, "style") == 0)) { /* their text is no markup */
      char ending[32];
      snprintf(ending, sizeof ending, "</%s>", name);
      end = strstr(at, ending);
      assert_non_null(end);
      end--;
    }
    at = end;
  }
  assert_int_equal(depth, 0);
}
