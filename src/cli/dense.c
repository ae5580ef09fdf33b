#include "cli/dense.h"

#include "base/memory.h"
#include "io/png.h"
#include "methods/sheet.h"

#include <stdlib.h>
#include <string.h>

static void read_options(ss_dense_comparison *out) {
  const ss_transfer *transfer = &out->transfer;
  const ss_settings *settings = transfer->measurement.settings;
  const ss_feature_options *features = &transfer->measurement.features;
  out->options = (ss_dense_options){.size = features->size,
                                    .batch = (int)ss_settings_int(settings, "batch"),
                                    .epochs = (int)ss_settings_int(settings, "epochs"),
                                    .threads = features->threads,
                                    .skips = (int)ss_settings_int(settings, "skips"),
                                    .finetune = transfer->finetune,
                                    .rate = transfer->rate,
                                    .weight_decay = (float)ss_settings_float(settings, "weight-decay"),
                                    .min_scale = (float)ss_settings_float(settings, "min-scale"),
                                    .seed = transfer->measurement.seed,
                                    .max_bad = features->max_bad,
                                    .bad = features->bad,
                                    .ways = features->ways,
                                    .device = features->device,
                                    .tell = ss_tell_epoch};
}

static ss_status open_set(const char *data, ss_map_kind kind, ss_dense_comparison *out, ss_error *error) {
  ss_measurement *measurement = &out->transfer.measurement;
  const ss_settings *settings = measurement->settings;
  const int classes = ss_settings_has(settings, "classes") ? (int)ss_settings_int(settings, "classes") : 0;
  bool split_made = false;
  SS_TRY(ss_dense_set_open(data, kind, classes, &out->set, error));
  SS_TRY(ss_dense_set_parts(out->set, &measurement->train, &measurement->test, &split_made, error));
  if (split_made) {
    ss_measurement_tell_split(measurement, data, "picture");
  }
  SS_TRY(ss_measurement_limit(measurement, ss_dense_set_source(out->set), error));
  SS_TRY(ss_alloc((void **)&out->train_values, SS_MAP_VALUES, sizeof(uint64_t), "the maps' values", error));
  SS_TRY(ss_alloc((void **)&out->test_values, SS_MAP_VALUES, sizeof(uint64_t), "the maps' values", error));
  return ss_dense_set_survey(out->set, &measurement->train, &measurement->test, measurement->features.threads,
                             out->train_values, out->test_values, error);
}

ss_status ss_dense_comparison_open(const ss_arguments *arguments, ss_map_kind kind, ss_dense_comparison *out,
                                   ss_error *error) {
  memset(out, 0, sizeof *out);
  SS_TRY(ss_transfer_open(arguments, 0.003, &out->transfer, error));
  read_options(out);
  SS_TRY(open_set(arguments->operands[1], kind, out, error));
  return ss_transfer_open_columns(arguments, ss_dense_set_source(out->set), &out->transfer, error);
}

void ss_dense_comparison_close(ss_dense_comparison *compare) {
  free(compare->train_values);
  free(compare->test_values);
  ss_transfer_close(&compare->transfer);
  ss_dense_set_close(compare->set);
  memset(compare, 0, sizeof *compare);
}

static ss_status run_networks(ss_dense_comparison *compare, const ss_dense_task *task, ss_dense_sheet *sheet,
                              ss_dense_take take, void *context, ss_error *error) {
  const ss_columns *columns = &compare->transfer.columns;
  const ss_measurement *measurement = &compare->transfer.measurement;
  ss_dense_options options = compare->options;
  options.sheet = sheet;
  int column = 2; /* behind picture and truth */
  for (ss_column n = 0; n < SS_COLUMNS; n++) {
    if (!columns->models[n]) {
      continue;
    }
    ss_epoch_teller of = {ss_column_title(n), options.epochs};
    options.tell_context = &of;
    if (sheet) {
      sheet->column = column++;
    }
    SS_TRY(ss_dense_transfer(columns->models[n], compare->set, &measurement->train, &measurement->test, task, &options,
                             &compare->results[n], error));
    take(context, n);
  }
  if (columns->own_untrained) {
    compare->results[SS_UNTRAINED] = compare->results[SS_PRETRAINED];
  }
  return SS_OK;
}

ss_status ss_dense_comparison_run(ss_dense_comparison *compare, const ss_arguments *arguments,
                                  const ss_dense_task *task, ss_dense_take take, void *context, ss_error *error) {
  enum { rows = 8, tile = 128 };
  const char *path = ss_arguments_value(arguments, "sheet", NULL);
  if (!path) {
    return run_networks(compare, task, NULL, take, context, error);
  }
  int columns = 2;
  for (int n = 0; n < SS_COLUMNS; n++) {
    columns += compare->transfer.columns.models[n] != NULL;
  }
  ss_image image = {0};
  const uint32_t pictures = compare->transfer.measurement.test.count;
  ss_dense_sheet sheet = {.image = &image, .tile = tile, .rows = pictures < rows ? (int)pictures : rows};
  ss_status status = ss_sheet_new(&image, columns, sheet.rows, tile, error);
  status = status ? status : run_networks(compare, task, &sheet, take, context, error);
  status = status ? status : ss_png_write(path, &image, error);
  ss_image_free(&image);
  return status;
}

ss_status ss_dense_comparison_json(const ss_dense_comparison *compare, cJSON *json, ss_error *error) {
  const ss_dense_options *options = &compare->options;
  SS_TRY(ss_json_add_bool(json, "finetune", options->finetune, error));
  SS_TRY(ss_json_add_int(json, "size", options->size, error));
  SS_TRY(ss_json_add_int(json, "epochs", options->epochs, error));
  SS_TRY(ss_json_add_int(json, "batch", options->batch, error));
  SS_TRY(ss_json_add_float(json, "lr", options->rate, error));
  SS_TRY(ss_json_add_int(json, "skips", options->skips, error));
  SS_TRY(ss_json_add_int(json, "train", compare->transfer.measurement.train.count, error));
  return ss_json_add_int(json, "test", compare->transfer.measurement.test.count, error);
}
