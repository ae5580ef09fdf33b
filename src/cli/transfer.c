#include "cli/transfer.h"

#include "base/file.h"
#include "base/system.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

static ss_status check_sheet(const ss_arguments *arguments, ss_error *error) {
  const char *path = ss_arguments_value(arguments, "sheet", NULL);
  ss_file_writer *writer = NULL;
  if (!path) {
    return SS_OK;
  }
  SS_TRY(ss_file_writer_open(&writer, path, SS_FILE_UNSYNCED, error));
  ss_file_writer_abandon(&writer);
  return SS_OK;
}

ss_status ss_transfer_open(const ss_arguments *arguments, double frozen_rate, ss_transfer *out, ss_error *error) {
  memset(out, 0, sizeof *out);
  ss_measurement *measurement = &out->measurement;
  SS_TRY(ss_measurement_open_model(arguments, measurement, error));
  SS_TRY(check_sheet(arguments, error));
  const ss_settings *settings = measurement->settings;
  out->finetune = ss_arguments_has(arguments, "finetune");
  const double rate = out->finetune ? 0.0003 : frozen_rate;
  out->rate = (float)(ss_settings_known(settings, "lr") ? ss_settings_float(settings, "lr") : rate);
  ss_feature_options *features = &measurement->features;
  features->size = features->size ? features->size : measurement->model->backbone.size;
  features->threads = features->threads ? features->threads : ss_system_processors();
  features->batch = 0;
  return SS_OK;
}

ss_status ss_transfer_open_columns(const ss_arguments *arguments, const ss_source *source, ss_transfer *out,
                                   ss_error *error) {
  ss_column_base base = ss_column_base_of(&out->measurement);
  base.source = source;
  return ss_columns_open(arguments, &base, !out->finetune, &out->columns, error);
}

void ss_transfer_close(ss_transfer *transfer) {
  ss_columns_close(&transfer->columns);
  ss_measurement_close(&transfer->measurement);
}

void ss_tell_epoch(void *context, int epoch, double loss) {
  const ss_epoch_teller *of = context;
  fprintf(stderr, "%s: epoch %d of %d, loss %.4f\n", of->network, epoch, of->epochs, loss);
}

void ss_transfer_head(const ss_transfer *transfer, const char *what) {
  const ss_measurement *measurement = &transfer->measurement;
  printf("%s, %s backbone: %u training and %u test pictures, %d px, %d epochs of batch %d\n\n", what,
         transfer->finetune ? "fine-tuned" : "frozen", measurement->train.count, measurement->test.count,
         measurement->features.size, (int)ss_settings_int(measurement->settings, "epochs"),
         (int)ss_settings_int(measurement->settings, "batch"));
}

static const char *name_or_number(const ss_class_names *classes, int label, char number[16]) {
  const char *name = classes->name(classes->set, label);
  snprintf(number, 16, "%d", label);
  return name ? name : number;
}

void ss_class_names_print(const ss_class_names *classes, const char *title, const double *const values[SS_COLUMNS]) {
  printf("\n%-14s", title);
  for (ss_column n = 0; n < SS_COLUMNS; n++) {
    if (values[n]) {
      printf("  %10s", ss_column_title(n));
    }
  }
  for (int label = 0; label < classes->count; label++) {
    char number[16];
    printf("\n%-14s", name_or_number(classes, label, number));
    for (ss_column n = 0; n < SS_COLUMNS; n++) {
      if (values[n] && isnan(values[n][label])) {
        printf("  %10s", "-");
      } else if (values[n]) {
        printf("  %10.2f", values[n][label]);
      }
    }
  }
  printf("\n");
}

ss_status ss_class_names_add(const ss_class_names *classes, cJSON *json, ss_error *error) {
  cJSON *list = NULL;
  SS_TRY(ss_json_add_array(json, "classes", &list, error));
  for (int label = 0; label < classes->count; label++) {
    char number[16];
    SS_TRY(ss_json_add_string(list, NULL, name_or_number(classes, label, number), error));
  }
  return SS_OK;
}
