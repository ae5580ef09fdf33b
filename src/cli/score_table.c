#include "cli/score_table.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

void ss_score_table_start(ss_score_table *table, const char *row) {
  table->row_count = 1;
  table->rows[0] = row;
  table->layers[0] = SS_LAST_LAYER;
  table->best = 0;
  for (int c = 0; c < SS_COLUMNS; c++) {
    for (int i = 0; i < SS_MAX_LAYERS; i++) {
      table->scores[c][i][0] = table->scores[c][i][1] = NAN;
    }
  }
}

ss_status ss_score_table_open(const ss_arguments *arguments, const ss_settings *settings, const ss_column_base *base,
                              ss_columns *columns, ss_score_table *table, ss_error *error) {
  const bool all = strcmp(ss_settings_text(settings, "layers"), "all") == 0;
  ss_score_table_start(table, "last");
  SS_TRY(ss_columns_open(arguments, base, all, columns, error));
  if (!all) {
    return SS_OK;
  }
  SS_TRY(ss_feature_layers(base->model, &table->row_count, table->rows, error));
  for (int i = 0; i < table->row_count; i++) {
    table->layers[i] = i;
  }
  return ss_columns_check_layers(columns, "compare --layers last", error);
}

void ss_score_table_finish(ss_score_table *table, const ss_columns *columns) {
  if (columns->own_untrained) {
    memcpy(table->scores[SS_UNTRAINED], table->scores[SS_PRETRAINED], sizeof table->scores[SS_PRETRAINED]);
  }
  for (int i = 0; i < table->row_count; i++) {
    if (table->scores[SS_PRETRAINED][i][0] > table->scores[SS_PRETRAINED][table->best][0]) {
      table->best = i;
    }
  }
}

ss_status ss_score_table_measure(ss_score_table *table, const ss_columns *columns, uint64_t pictures,
                                 ss_score_layers score, void *context, ss_error *error) {
  const int most = ss_features_layers_at_once(pictures);
  for (ss_column c = 0; c < SS_COLUMNS; c++) {
    for (int first = 0; first < table->row_count && columns->models[c]; first += most) {
      const int left = table->row_count - first;
      SS_TRY(score(context, c, first, left < most ? left : most, error));
    }
  }
  ss_score_table_finish(table, columns);
  return SS_OK;
}

static bool is_shown(const ss_score_table *table, ss_column column) {
  return !isnan(table->scores[column][0][0]);
}

void ss_score_table_print(const ss_score_table *table) {
  printf("%-10s", table->corner);
  for (ss_column c = 0; c < SS_COLUMNS; c++) {
    if (is_shown(table, c)) {
      printf("  %10s %6s", ss_column_title(c), table->second);
    }
  }
  printf("\n");
  for (int i = 0; i < table->row_count; i++) {
    printf("%-10s", table->rows[i]);
    for (ss_column c = 0; c < SS_COLUMNS; c++) {
      if (is_shown(table, c)) {
        printf("  %10.2f %6.2f", table->scores[c][i][0], table->scores[c][i][1]);
      }
    }
    printf("%s\n", table->row_count > 1 && i == table->best ? "  best" : "");
  }
}

ss_status ss_score_table_add_row(const ss_score_table *table, int row, cJSON *json, ss_error *error) {
  static const struct {
    ss_column column;
    int score;
    const char *prefix;
  } members[] = {{SS_PRETRAINED, 0, ""},       {SS_PRETRAINED, 1, ""},        {SS_UNTRAINED, 0, "random_"},
                 {SS_UNTRAINED, 1, "random_"}, {SS_RESCALED, 0, "rescaled_"}, {SS_SUPERVISED, 0, "supervised_"}};
  for (size_t i = 0; i < sizeof members / sizeof *members; i++) {
    char key[40];
    snprintf(key, sizeof key, "%s%s", members[i].prefix, table->keys[members[i].score]);
    SS_TRY(ss_json_add_float(json, key, table->scores[members[i].column][row][members[i].score], error));
  }
  return SS_OK;
}

ss_status ss_score_table_add_layers(const ss_score_table *table, cJSON *json, ss_error *error) {
  cJSON *list = NULL;
  SS_TRY(ss_json_add_array(json, "layers", &list, error));
  for (int i = 0; i < table->row_count; i++) {
    cJSON *layer = NULL;
    SS_TRY(ss_json_add_object(list, NULL, &layer, error));
    SS_TRY(ss_json_add_string(layer, "name", table->rows[i], error));
    SS_TRY(ss_score_table_add_row(table, i, layer, error));
  }
  return ss_json_add_string(json, "best", table->rows[table->best], error);
}
