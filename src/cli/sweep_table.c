#include "cli/sweep_table.h"

#include "base/memory.h"
#include "report/plot.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
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

static bool same_line(const ss_sweep_row *a, const ss_sweep_row *b) {
  return strcmp(a->label, b->label) == 0 && strcmp(a->arch, b->arch) == 0;
}

/* Wider networks are darker. */
static int shade_of(const ss_sweep_row *rows, size_t count, int64_t width) {
  int narrower = 0;
  for (size_t i = 0; i < count; i++) {
    bool counted = rows[i].width >= width;
    for (size_t k = 0; k < i && !counted; k++) {
      counted = rows[k].width == rows[i].width;
    }
    narrower += !counted;
  }
  return narrower;
}

static bool begins_line(const ss_sweep_row *rows, size_t i) {
  bool first = rows[i].seeds > 0;
  for (size_t k = 0; k < i && first; k++) {
    first = !(rows[k].seeds && same_line(&rows[k], &rows[i]));
  }
  return first;
}

/* What a plot of some rows points to. */
typedef struct dot_words {
  char name[24], title[80];
} dot_words;

typedef struct drawing {
  const char **names, **notes;
  ss_plot_dot *dots;
  dot_words *words;
} drawing;

/* The dots of one line of the plot, `first` being its first row. */
static void add_line(const ss_sweep_row *rows, size_t count, size_t first, drawing *draw, ss_dot_plot *plot) {
  draw->names[plot->row_count] = rows[first].label;
  draw->notes[plot->row_count] = rows[first].arch;
  for (size_t i = first; i < count; i++) {
    if (rows[i].seeds && same_line(&rows[i], &rows[first])) {
      const ss_sweep_row *row = &rows[i];
      dot_words *words = &draw->words[plot->dot_count];
      snprintf(words->name, sizeof words->name, "%lld", (long long)row->width);
      snprintf(words->title, sizeof words->title, "width %lld: %.1f %% at %s", (long long)row->width,
               row->linear[row->best], row->layers[row->best]);
      draw->dots[plot->dot_count++] = (ss_plot_dot){.row = plot->row_count,
                                                    .value = row->linear[row->best],
                                                    .name = words->name,
                                                    .title = words->title,
                                                    .shade = shade_of(rows, count, row->width)};
    }
  }
  plot->row_count++;
}

static ss_status make_drawing(size_t count, drawing *draw, ss_error *error) {
  const size_t room = count > 0 ? count : 1;
  SS_TRY(ss_alloc((void **)&draw->names, room, sizeof *draw->names, "the plot", error));
  SS_TRY(ss_alloc((void **)&draw->notes, room, sizeof *draw->notes, "the plot", error));
  SS_TRY(ss_alloc((void **)&draw->dots, room, sizeof *draw->dots, "the plot", error));
  return ss_alloc((void **)&draw->words, room, sizeof *draw->words, "the plot", error);
}

ss_status ss_sweep_append_plot(const ss_sweep_row *rows, size_t count, ss_text *text, ss_error *error) {
  drawing draw = {0};
  const ss_status status = make_drawing(count, &draw, error);
  if (status == SS_OK) {
    ss_dot_plot plot = {.title = "Linear probe of the best layer, per cent, by width",
                        .names = draw.names,
                        .notes = draw.notes,
                        .dots = draw.dots};
    for (size_t i = 0; i < count; i++) {
      if (begins_line(rows, i)) {
        add_line(rows, count, i, &draw, &plot);
      }
    }
    ss_plot_append_dots(&plot, text);
  }
  free(draw.names);
  free(draw.notes);
  free(draw.dots);
  free(draw.words);
  return status;
}
