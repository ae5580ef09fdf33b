#include "cli/columns.h"

#include "eval/rescale.h"

#include <string.h>

const char *ss_column_title(ss_column column) {
  static const char *const titles[] = {"pretrained", "random", "rescaled", "supervised"};
  return titles[column];
}

ss_column_base ss_column_base_of(const ss_measurement *measurement) {
  return (ss_column_base){.model = measurement->model,
                          .source = measurement->source,
                          .train = &measurement->train,
                          .features = &measurement->features,
                          .seed = measurement->seed};
}

ss_status ss_columns_open(const ss_arguments *arguments, const ss_column_base *base, bool rescaled, ss_columns *columns,
                          ss_error *error) {
  memset(columns, 0, sizeof *columns);
  const ss_model *model = base->model;
  const bool alone = ss_arguments_has(arguments, "alone");
  const bool untrained = strncmp(arguments->operands[0], "random:", strlen("random:")) == 0;
  columns->own_untrained = untrained && !alone;
  if (!alone && !untrained) {
    SS_TRY(ss_model_untrained(model, base->seed, &columns->owned[SS_UNTRAINED], error));
  }
  const char *name = ss_arguments_value(arguments, "supervised", NULL);
  if (name) {
    SS_TRY(ss_model_open(name, base->features->size, base->seed, &columns->owned[SS_SUPERVISED], error));
  }
  if (rescaled && !alone) {
    const ss_model *plain = untrained ? model : columns->owned[SS_UNTRAINED];
    SS_TRY(ss_rescaled_model(plain, base->source, base->train, base->features, &columns->owned[SS_RESCALED], error));
  }
  columns->models[SS_PRETRAINED] = model;
  for (int c = SS_UNTRAINED; c < SS_COLUMNS; c++) {
    columns->models[c] = columns->owned[c];
  }
  return SS_OK;
}

void ss_columns_close(ss_columns *columns) {
  for (int c = 0; c < SS_COLUMNS; c++) {
    ss_model_free(columns->owned[c]);
  }
}

ss_status ss_columns_check_layers(const ss_columns *columns, const char *instead, ss_error *error) {
  const ss_model *model = columns->models[SS_PRETRAINED], *other = columns->models[SS_SUPERVISED];
  if (!other) {
    return SS_OK;
  }
  const char *names[SS_MAX_LAYERS], *others[SS_MAX_LAYERS];
  int count = 0, other_count = 0;
  SS_TRY(ss_feature_layers(model, &count, names, error));
  SS_TRY(ss_feature_layers(other, &other_count, others, error));
  bool same = count == other_count;
  for (int i = 0; i < count && same; i++) {
    same = strcmp(names[i], others[i]) == 0;
  }
  return same ? SS_OK
              : ss_fail(error, SS_FAILED, "%s and the supervised run's %s have other layers; %s", model->backbone.arch,
                        other->backbone.arch, instead);
}
