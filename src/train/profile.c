#include "train/profile.h"

#include "base/file.h"
#include "base/text.h"
#include "train/run.h"

#include <stdlib.h>
#include <string.h>

static int slowest_first(const void *a, const void *b) {
  const ss_node_profile *x = a, *y = b;
  return (y->seconds > x->seconds) - (y->seconds < x->seconds);
}

/* Nodes of the same operation, kernel and shape are one row. */
static size_t merge(ss_node_profile *rows, size_t count, int64_t *nodes) {
  size_t merged = 0;
  for (size_t i = 0; i < count; i++) {
    size_t k = 0;
    while (k < merged && (strcmp(rows[k].operation, rows[i].operation) != 0 || strcmp(rows[k].way, rows[i].way) != 0 ||
                          strcmp(rows[k].output_shape, rows[i].output_shape) != 0)) {
      k++;
    }
    if (k == merged) {
      rows[merged] = rows[i];
      nodes[merged++] = 1;
    } else {
      rows[k].seconds += rows[i].seconds;
      nodes[k]++;
    }
  }
  return merged;
}

ss_status ss_profile_write(const ss_plan *plan, const char *out, ss_error *error) {
  const size_t count = ss_plan_node_count(plan);
  ss_node_profile *rows = calloc(count ? count : 1, sizeof *rows);
  int64_t *nodes = calloc(count ? count : 1, sizeof *nodes);
  char *path = NULL;
  ss_status status = rows && nodes ? ss_run_path(out, "profile.txt", &path, error)
                                   : ss_fail_memory(error, count * sizeof *rows, "the profile");
  if (status == SS_OK) {
    double total = 0.0;
    int64_t runs = 1;
    for (size_t i = 0; i < count; i++) {
      rows[i] = ss_plan_profile(plan, i);
      total += rows[i].seconds;
      runs = rows[i].runs > runs ? rows[i].runs : runs;
    }
    const size_t merged = merge(rows, count, nodes);
    qsort(rows, merged, sizeof *rows, slowest_first);
    ss_text text = {0};
    ss_text_printf(&text, "%.1f ms a step over %lld steps\n\n%9s %6s  %-28s %-12s %s\n", 1e3 * total / (double)runs,
                   (long long)runs, "ms", "share", "operation", "kernel", "output");
    for (size_t i = 0; i < merged; i++) {
      ss_text_printf(&text, "%9.2f %5.1f%%  %-28s %-12s %s\n", 1e3 * rows[i].seconds / (double)runs,
                     total > 0.0 ? 100.0 * rows[i].seconds / total : 0.0, rows[i].operation, rows[i].way,
                     rows[i].output_shape);
    }
    status = ss_text_check(&text, error);
    if (status == SS_OK) {
      status = ss_file_write(path, text.data, text.length, SS_FILE_UNSYNCED, error);
    }
    ss_text_free(&text);
  }
  free(path);
  free(rows);
  free(nodes);
  return status;
}
