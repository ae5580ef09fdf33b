#include "cli/dense.h"

#include "base/file.h"
#include "base/memory.h"
#include "base/system.h"
#include "engine/ways_cache.h"
#include "io/png.h"
#include "methods/sheet.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static void tell_bad(void *context, uint32_t sample, const char *message) {
  (void)context;
  (void)sample;
  fprintf(stderr, "skipped: %s\n", message);
}

static ss_status read_options(const ss_arguments *arguments, ss_dense_comparison *out, ss_error *error) {
  SS_TRY(ss_settings_new(arguments->command->options, NULL, &out->settings, error));
  SS_TRY(ss_arguments_apply(arguments, out->settings, error));
  const ss_settings *settings = out->settings;
  const bool finetune = ss_arguments_has(arguments, "finetune");
  const double rate = ss_settings_known(settings, "lr") ? ss_settings_float(settings, "lr") : finetune ? 0.0003 : 0.003;
  const int threads = (int)ss_settings_int(settings, "threads");
  out->options = (ss_dense_options){.size = (int)ss_settings_int(settings, "size"),
                                    .batch = (int)ss_settings_int(settings, "batch"),
                                    .epochs = (int)ss_settings_int(settings, "epochs"),
                                    .threads = threads ? threads : ss_system_processors(),
                                    .skips = (int)ss_settings_int(settings, "skips"),
                                    .finetune = finetune,
                                    .rate = (float)rate,
                                    .weight_decay = (float)ss_settings_float(settings, "weight-decay"),
                                    .min_scale = (float)ss_settings_float(settings, "min-scale"),
                                    .seed = (uint64_t)ss_settings_int(settings, "seed"),
                                    .max_bad = ss_settings_float(settings, "max-bad"),
                                    .bad = tell_bad};
  out->options.ways = ss_ways_new();
  if (!out->options.ways) {
    return ss_fail_memory(error, 1, "the kernels' choices");
  }
  return ss_ways_cache_load(out->options.ways, error);
}

/* That --sheet can be written is known before the first step. */
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

static ss_status open_set(const char *data, ss_map_kind kind, ss_dense_comparison *out, ss_error *error) {
  const int classes = ss_settings_has(out->settings, "classes") ? (int)ss_settings_int(out->settings, "classes") : 0;
  bool split_made = false;
  SS_TRY(ss_dense_set_open(data, kind, classes, &out->set, error));
  SS_TRY(ss_dense_set_parts(out->set, &out->train, &out->test, &split_made, error));
  if (split_made) {
    fprintf(stderr, "no test part in %s: every tenth picture is kept for testing, %u of %u\n", data, out->test.count,
            out->train.count + out->test.count);
  }
  SS_TRY(ss_subset_limit(ss_dense_set_source(out->set), &out->train, (uint32_t)ss_settings_int(out->settings, "limit"),
                         error));
  SS_TRY(ss_alloc((void **)&out->train_values, SS_MAP_VALUES, sizeof(uint64_t), "the maps' values", error));
  SS_TRY(ss_alloc((void **)&out->test_values, SS_MAP_VALUES, sizeof(uint64_t), "the maps' values", error));
  return ss_dense_set_survey(out->set, &out->train, &out->test, out->options.threads, out->train_values,
                             out->test_values, error);
}

static ss_status open_models(const ss_arguments *arguments, ss_dense_comparison *out, ss_error *error) {
  ss_dense_options *options = &out->options;
  SS_TRY(ss_model_open(arguments->operands[0], options->size, options->seed, &out->model, error));
  options->size = options->size ? options->size : out->model->backbone.size;
  const ss_feature_options how = {
      .size = options->size, .threads = options->threads, .max_bad = options->max_bad, .ways = options->ways};
  const ss_column_base base = {.model = out->model,
                               .source = ss_dense_set_source(out->set),
                               .train = &out->train,
                               .features = &how,
                               .seed = options->seed};
  return ss_columns_open(arguments, &base, !options->finetune, &out->columns, error);
}

ss_status ss_dense_comparison_open(const ss_arguments *arguments, ss_map_kind kind, ss_dense_comparison *out,
                                   ss_error *error) {
  memset(out, 0, sizeof *out);
  SS_TRY(read_options(arguments, out, error));
  SS_TRY(check_sheet(arguments, error));
  SS_TRY(open_set(arguments->operands[1], kind, out, error));
  return open_models(arguments, out, error);
}

void ss_dense_comparison_close(ss_dense_comparison *compare) {
  if (compare->options.ways) {
    ss_ways_cache_save(compare->options.ways);
  }
  ss_ways_free(compare->options.ways);
  ss_columns_close(&compare->columns);
  ss_model_free(compare->model);
  free(compare->train_values);
  free(compare->test_values);
  ss_subset_free(&compare->train);
  ss_subset_free(&compare->test);
  ss_dense_set_close(compare->set);
  ss_settings_free(compare->settings);
  memset(compare, 0, sizeof *compare);
}

/* Which network's epochs are told of. */
typedef struct teller {
  const char *network;
  int epochs;
} teller;

static void tell_epoch(void *context, int epoch, double loss) {
  const teller *of = context;
  fprintf(stderr, "%s: epoch %d of %d, loss %.4f\n", of->network, epoch, of->epochs, loss);
}

static ss_status run_networks(ss_dense_comparison *compare, const ss_dense_task *task, ss_dense_sheet *sheet,
                              ss_dense_take take, void *context, ss_error *error) {
  ss_dense_options options = compare->options;
  options.sheet = sheet;
  options.tell = tell_epoch;
  int column = 2; /* behind picture and truth */
  for (ss_column n = 0; n < SS_COLUMNS; n++) {
    if (!compare->columns.models[n]) {
      continue;
    }
    teller of = {ss_column_title(n), options.epochs};
    options.tell_context = &of;
    if (sheet) {
      sheet->column = column++;
    }
    SS_TRY(ss_dense_transfer(compare->columns.models[n], compare->set, &compare->train, &compare->test, task, &options,
                             &compare->results[n], error));
    take(context, n);
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
    columns += compare->columns.models[n] != NULL;
  }
  ss_image image = {0};
  ss_dense_sheet sheet = {
      .image = &image, .tile = tile, .rows = compare->test.count < rows ? (int)compare->test.count : rows};
  ss_status status = ss_sheet_new(&image, columns, sheet.rows, tile, error);
  status = status ? status : run_networks(compare, task, &sheet, take, context, error);
  status = status ? status : ss_png_write(path, &image, error);
  ss_image_free(&image);
  return status;
}

void ss_dense_comparison_head(const ss_dense_comparison *compare, const char *what) {
  const ss_dense_options *options = &compare->options;
  printf("%s, %s backbone: %u training and %u test pictures, %d px, %d epochs of batch %d\n\n", what,
         options->finetune ? "fine-tuned" : "frozen", compare->train.count, compare->test.count, options->size,
         options->epochs, options->batch);
}

ss_status ss_dense_comparison_json(const ss_dense_comparison *compare, cJSON *json, ss_error *error) {
  const ss_dense_options *options = &compare->options;
  SS_TRY(ss_json_add_bool(json, "finetune", options->finetune, error));
  SS_TRY(ss_json_add_int(json, "size", options->size, error));
  SS_TRY(ss_json_add_int(json, "epochs", options->epochs, error));
  SS_TRY(ss_json_add_int(json, "batch", options->batch, error));
  SS_TRY(ss_json_add_float(json, "lr", options->rate, error));
  SS_TRY(ss_json_add_int(json, "skips", options->skips, error));
  SS_TRY(ss_json_add_int(json, "train", compare->train.count, error));
  return ss_json_add_int(json, "test", compare->test.count, error);
}
