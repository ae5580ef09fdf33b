#include "cli/sweep_table.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

static double number_or_nan(const cJSON *object, const char *key) {
  const cJSON *item = cJSON_GetObjectItemCaseSensitive(object, key);
  return cJSON_IsNumber(item) ? item->valuedouble : NAN;
}

static ss_status add_layers(ss_sweep_row *row, const cJSON *probe, ss_error *error) {
  const cJSON *list = NULL, *layer = NULL;
  SS_TRY(ss_json_get_array(probe, "probe", "layers", &list, error));
  int index = 0;
  cJSON_ArrayForEach(layer, list) {
    const char *name = NULL;
    double top1 = 0.0;
    SS_TRY(ss_json_get_string(layer, "probe: layers", "name", &name, error));
    SS_TRY(ss_json_get_float(layer, "probe: layers", "top1", &top1, error));
    if (index == SS_SWEEP_LAYERS) {
      return ss_fail(error, SS_FAILED, "probe: more than %d layers", SS_SWEEP_LAYERS);
    }
    snprintf(row->layers[index], sizeof row->layers[index], "%s", name);
    row->linear[index++] += top1;
  }
  row->layer_count = index;
  return index > 0 ? SS_OK : ss_fail(error, SS_FAILED, "probe: no layers");
}

ss_status ss_sweep_row_add(ss_sweep_row *row, const cJSON *pretrain, const cJSON *probe, const cJSON *knn,
                           ss_error *error) {
  const cJSON *pretext = NULL;
  double top1 = 0.0;
  SS_TRY(ss_json_get_object(pretrain, "pretrain", "pretext", &pretext, error));
  SS_TRY(ss_json_get_float(knn, "knn", "top1", &top1, error));
  SS_TRY(add_layers(row, probe, error));
  row->score += number_or_nan(pretext, "score");
  row->chance += number_or_nan(pretext, "chance");
  row->knn += top1;
  row->seeds++;
  return SS_OK;
}

void ss_sweep_row_finish(ss_sweep_row *row) {
  if (row->seeds == 0) {
    return;
  }
  row->score /= row->seeds;
  row->chance /= row->seeds;
  row->knn /= row->seeds;
  for (int i = 0; i < row->layer_count; i++) {
    row->linear[i] /= row->seeds;
    row->best = row->linear[i] > row->linear[row->best] ? i : row->best;
  }
}

static void append_number(ss_text *text, double value) {
  if (isnan(value)) {
    ss_text_append(text, " |");
  } else {
    ss_text_printf(text, fabs(value) >= 10.0 ? " %.1f |" : " %.3g |", value);
  }
}

void ss_sweep_append_table(const ss_sweep_row *rows, size_t count, ss_text *text) {
  ss_text_append(text,
                 "| method | backbone | width | seeds | pretext | chance | best layer | linear | k-NN |\n"
                 "|---|---|---|---|---|---|---|---|---|\n");
  for (size_t i = 0; i < count; i++) {
    const ss_sweep_row *row = &rows[i];
    if (row->seeds) {
      ss_text_printf(text, "| %s | %s | %lld | %d |", row->label, row->arch, (long long)row->width, row->seeds);
      append_number(text, row->score);
      append_number(text, row->chance);
      ss_text_printf(text, " %s | %.1f | %.1f |\n", row->layers[row->best], row->linear[row->best], row->knn);
    }
  }
}

/* ---- the plot ---- */

enum { plot_width = 800, label_width = 300, line_height = 30, plot_top = 54, plot_bottom = 44, plot_right = 30 };

typedef struct scale {
  double low, high, step;
} scale;

/* Whole steps around all accuracies. */
static scale find_scale(const ss_sweep_row *rows, size_t count) {
  double low = 100.0, high = 0.0;
  for (size_t i = 0; i < count; i++) {
    if (rows[i].seeds) {
      low = fmin(low, rows[i].linear[rows[i].best]);
      high = fmax(high, rows[i].linear[rows[i].best]);
    }
  }
  scale found = {.low = 0.0, .high = 0.0, .step = high - low > 40.0 ? 10.0 : high - low > 12.0 ? 5.0 : 1.0};
  found.low = found.step * floor((low - 0.3 * found.step) / found.step);
  found.high = found.step * ceil((high + 0.3 * found.step) / found.step);
  return found;
}

static double across(const scale *of, double value) {
  return label_width + (plot_width - label_width - plot_right) * (value - of->low) / (of->high - of->low);
}

/* The text as it may stand in XML. */
static void append_escaped(ss_text *text, const char *string) {
  for (; *string; string++) {
    switch (*string) {
      case '<':
        ss_text_append(text, "&lt;");
        break;
      case '&':
        ss_text_append(text, "&amp;");
        break;
      default:
        ss_text_append_bytes(text, string, 1);
    }
  }
}

static bool same_line(const ss_sweep_row *a, const ss_sweep_row *b) {
  return strcmp(a->label, b->label) == 0 && strcmp(a->arch, b->arch) == 0;
}

/* Wider networks are darker. */
static const char *colour_of(const ss_sweep_row *rows, size_t count, int64_t width) {
  static const char *const colours[] = {"#8db8e8", "#5b93d6", "#2f6db8", "#174a8b", "#0b2d5c"};
  size_t narrower = 0;
  for (size_t i = 0; i < count; i++) {
    bool counted = rows[i].width >= width;
    for (size_t k = 0; k < i && !counted; k++) {
      counted = rows[k].width == rows[i].width;
    }
    narrower += !counted;
  }
  return colours[narrower < 4 ? narrower : 4];
}

static void append_axis(const scale *of, int height, ss_text *text) {
  const int steps = (int)lround((of->high - of->low) / of->step);
  for (int i = 0; i <= steps; i++) {
    const double value = of->low + i * of->step, x = across(of, value);
    ss_text_printf(text,
                   "<line x1=\"%.1f\" y1=\"%d\" x2=\"%.1f\" y2=\"%d\" stroke=\"#dde1e6\"/>\n"
                   "<text x=\"%.1f\" y=\"%d\" text-anchor=\"middle\" fill=\"#5a6470\">%g</text>\n",
                   x, plot_top - 8, x, height - plot_bottom + 4, x, height - plot_bottom + 22, value);
  }
}

/* The dots of one line, `first` being its first row, and what joins them. */
static void append_line(const ss_sweep_row *rows, size_t count, size_t first, const scale *of, double y,
                        ss_text *text) {
  double left = INFINITY, right = -INFINITY;
  for (size_t i = first; i < count; i++) {
    if (rows[i].seeds && same_line(&rows[i], &rows[first])) {
      left = fmin(left, across(of, rows[i].linear[rows[i].best]));
      right = fmax(right, across(of, rows[i].linear[rows[i].best]));
    }
  }
  ss_text_printf(text, "<text x=\"18\" y=\"%.1f\" fill=\"#1d252e\">", y + 4.0);
  append_escaped(text, rows[first].label);
  ss_text_printf(text, "</text>\n<text x=\"%d\" y=\"%.1f\" text-anchor=\"end\" fill=\"#8a94a0\">", label_width - 20,
                 y + 4.0);
  append_escaped(text, rows[first].arch);
  ss_text_append(text, "</text>\n");
  ss_text_printf(text,
                 "<line x1=\"%.1f\" y1=\"%.1f\" x2=\"%.1f\" y2=\"%.1f\" stroke=\"#b8c2cc\" stroke-width=\"2\"/>\n",
                 left, y, right, y);
  for (size_t i = first; i < count; i++) {
    if (rows[i].seeds && same_line(&rows[i], &rows[first])) {
      const double x = across(of, rows[i].linear[rows[i].best]);
      ss_text_printf(
          text,
          "<circle cx=\"%.1f\" cy=\"%.1f\" r=\"6\" fill=\"%s\"><title>width %lld: %.1f %% at %s</title></circle>\n"
          "<text x=\"%.1f\" y=\"%.1f\" text-anchor=\"middle\" font-size=\"10\" fill=\"#5a6470\">%lld</text>\n",
          x, y, colour_of(rows, count, rows[i].width), (long long)rows[i].width, rows[i].linear[rows[i].best],
          rows[i].layers[rows[i].best], x, y - 9.0, (long long)rows[i].width);
    }
  }
}

static bool begins_line(const ss_sweep_row *rows, size_t i) {
  bool first = rows[i].seeds > 0;
  for (size_t k = 0; k < i && first; k++) {
    first = !(rows[k].seeds && same_line(&rows[k], &rows[i]));
  }
  return first;
}

void ss_sweep_append_plot(const ss_sweep_row *rows, size_t count, ss_text *text) {
  int lines = 0;
  for (size_t i = 0; i < count; i++) {
    lines += begins_line(rows, i);
  }
  const int height = plot_top + lines * line_height + plot_bottom;
  const scale of = find_scale(rows, count);
  ss_text_printf(text,
                 "<svg xmlns=\"http://www.w3.org/2000/svg\" viewBox=\"0 0 %d %d\" width=\"%d\" height=\"%d\" "
                 "font-family=\"system-ui, sans-serif\" font-size=\"13\">\n"
                 "<rect width=\"100%%\" height=\"100%%\" fill=\"#ffffff\"/>\n"
                 "<text x=\"%d\" y=\"24\" fill=\"#1d252e\" font-size=\"15\">Linear probe of the best layer, per cent, "
                 "by width</text>\n",
                 plot_width, height, plot_width, height, 18);
  if (lines > 0) {
    append_axis(&of, height, text);
  }
  double y = plot_top + line_height / 2.0;
  for (size_t i = 0; i < count; i++) {
    if (begins_line(rows, i)) {
      append_line(rows, count, i, &of, y, text);
      y += line_height;
    }
  }
  ss_text_append(text, "</svg>\n");
}
