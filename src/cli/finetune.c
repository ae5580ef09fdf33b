/* selfsup finetune RUN DATA */
#include "eval/finetune.h"

#include "base/file.h"
#include "base/memory.h"
#include "cli/json_output.h"
#include "cli/score_table.h"
#include "train/config.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static const ss_flag flags[] = {SS_TEST_FLAG,
                                {"out", 'o', "FOLDER", "write the network there: backbone and whole classifier"},
                                SS_COLUMN_FLAGS,
                                SS_JSON_FLAGS};

static const ss_option options[] = {
    {"freeze-to", SS_OPTION_TEXT, "",
     "keep this layer and all before it as they are, train what follows: conv1, layer1 ... (default: train all)", 0, 0,
     NULL},
    {"reinit", SS_OPTION_BOOL, "1", "draw what follows the frozen layer anew, as the papers do; 0: start from RUN's", 0,
     0, NULL},
    SS_LABELS_OPTION,
    {"epochs", SS_OPTION_INT, "30", "passes over the training pictures", 1, 1e6, NULL},
    {"batch", SS_OPTION_INT, "64", "pictures a step (less for small data, where it is not given)", 2, 65536, NULL},
    {"lr", SS_OPTION_FLOAT, "0.03", "learning rate; divided by 10 after one and after two thirds of the epochs", 0,
     1000, NULL},
    {"momentum", SS_OPTION_FRACTION, "0.9", "of SGD", 0, 0, NULL},
    {"weight_decay", SS_OPTION_FLOAT, "5e-4", "weight decay, of every parameter that is trained", 0, 100, NULL},
    {"precision", SS_OPTION_CHOICE, NULL,
     "of training: f32, bf16, or a GPU's tf32 (default: bf16 where it is computed)", 0, 0, "f32|tf32|bf16"},
    SS_MEASURE_OPTIONS_BUT_BATCH};

typedef struct comparison {
  ss_measurement *measurement;
  const char *out; /* NULL: nothing is written */
  ss_finetune_options how;
  ss_columns columns;
  ss_score_table table; /* one row */
  ss_column now;        /* for tell */
} comparison;

static const char *frozen_layer(const comparison *compare) {
  return ss_settings_text(compare->measurement->settings, "freeze-to");
}

static void tell(void *context, const ss_finetune_epoch *epoch) {
  const comparison *compare = context;
  fprintf(stderr, "%s, epoch %d/%d: loss %.4f, lr %g, %.0f images/s\n", ss_column_title(compare->now), epoch->epoch,
          epoch->epochs, epoch->loss, epoch->rate, epoch->images_per_s);
}

/* How many layers are frozen: up to the one that --freeze-to names. */
static ss_status find_frozen(comparison *compare, ss_error *error) {
  const ss_settings *settings = compare->measurement->settings;
  const char *wanted = frozen_layer(compare);
  if (!*wanted) {
    return ss_settings_chosen(settings, "reinit")
               ? ss_fail(error, SS_USAGE, "--reinit is of what follows a frozen layer: name one with --freeze-to")
               : SS_OK;
  }
  const char *names[SS_MAX_LAYERS];
  int count = 0;
  SS_TRY(ss_feature_layers(compare->measurement->model, &count, names, error));
  char known[160] = "";
  for (int i = 0; i < count; i++) {
    if (strcmp(names[i], wanted) == 0) {
      compare->how.frozen_layers = i + 1;
      compare->how.reinitialise = ss_settings_bool(settings, "reinit");
      return SS_OK;
    }
    const size_t used = strlen(known);
    snprintf(known + used, sizeof known - used, "%s%s", i > 0 ? ", " : "", names[i]);
  }
  return ss_fail(error, SS_USAGE, "unknown layer: %s; the layers of %s are %s", wanted,
                 compare->measurement->model->arch, known);
}

static ss_status check_out(const char *out, ss_error *error) {
  char *path = NULL;
  SS_TRY(ss_path_join(&path, out, "backbone.safetensors", error));
  const ss_status status = ss_file_exists(path)
                               ? ss_fail(error, SS_FAILED, "there is a network already: %s; use another --out", path)
                               : SS_OK;
  free(path);
  return status;
}

/* What the options say, against each other and the data. */
static ss_status configure(comparison *compare, ss_error *error) {
  ss_measurement *measurement = compare->measurement;
  ss_settings *settings = measurement->settings;
  SS_TRY(find_frozen(compare, error));
  if (measurement->classes < 2) {
    return ss_fail(error, SS_FAILED, "fine-tuning needs at least two classes, and there is one: %s",
                   ss_source_path(measurement->source));
  }
  SS_TRY(ss_measurement_cut_labels(measurement, error));
  SS_TRY(ss_config_resolve_batch(settings, measurement->train.count, error));
  SS_TRY(ss_config_resolve_precision(settings, error));
  measurement->features.batch = 0; /* pictures that are only run through have a batch of their own */
  compare->how.epochs = (int)ss_settings_int(settings, "epochs");
  compare->how.batch = (int)ss_settings_int(settings, "batch");
  compare->how.size = measurement->features.size;
  compare->how.bf16 = strcmp(ss_settings_text(settings, "precision"), "bf16") == 0;
  compare->how.tf32 = strcmp(ss_settings_text(settings, "precision"), "tf32") == 0;
  compare->how.rate = (float)ss_settings_float(settings, "lr");
  compare->how.momentum = (float)ss_settings_float(settings, "momentum");
  compare->how.weight_decay = (float)ss_settings_float(settings, "weight_decay");
  compare->how.seed = measurement->seed;
  compare->how.threads = measurement->features.threads;
  compare->how.max_bad = measurement->features.max_bad;
  compare->how.bad = measurement->features.bad;
  compare->how.ways = measurement->ways;
  compare->how.device = measurement->features.device;
  compare->how.tell = tell;
  compare->how.context = compare;
  return compare->out ? check_out(compare->out, error) : SS_OK;
}

/* Fine-tunes the network of one column; the first one's result is kept for --out. */
static ss_status tune(comparison *compare, ss_model **tuned, ss_error *error) {
  const ss_measurement *measurement = compare->measurement;
  const ss_finetune_data data = {.source = measurement->source,
                                 .test_source = measurement->test_source,
                                 .train = &measurement->train,
                                 .test = &measurement->test,
                                 .classes = measurement->classes};
  ss_finetune_result result;
  SS_TRY(ss_finetune(compare->columns.models[compare->now], &data, &compare->how, &result, tuned, error));
  double *scores = compare->table.scores[compare->now][0];
  scores[0] = result.top1;
  scores[1] = result.top5;
  fprintf(stderr, "%s: %.2f %%\n", ss_column_title(compare->now), result.top1);
  return SS_OK;
}

/* ---- results ---- */

static void print_table(const comparison *compare) {
  const ss_measurement *measurement = compare->measurement;
  printf("fine-tuning, %d epochs%s: %u training and %u test pictures, %d classes\n\n", compare->how.epochs,
         compare->how.reinitialise ? ", what follows the frozen layer drawn anew" : "", measurement->train.count,
         measurement->test.count, measurement->classes);
  ss_score_table_print(&compare->table);
}

static ss_status fill_json(const void *context, cJSON *json, ss_error *error) {
  const comparison *compare = context;
  const ss_settings *settings = compare->measurement->settings;
  const char *layer = frozen_layer(compare);
  SS_TRY(ss_json_add_float(json, "labels", ss_settings_float(settings, "labels"), error));
  SS_TRY(*layer ? ss_json_add_string(json, "freeze_to", layer, error) : ss_json_add_null(json, "freeze_to", error));
  SS_TRY(ss_json_add_bool(json, "reinit", compare->how.reinitialise, error));
  SS_TRY(ss_json_add_int(json, "epochs", compare->how.epochs, error));
  SS_TRY(ss_json_add_int(json, "batch", compare->how.batch, error));
  SS_TRY(ss_json_add_float(json, "lr", ss_settings_float(settings, "lr"), error));
  SS_TRY(ss_json_add_string(json, "precision", ss_settings_text(settings, "precision"), error));
  SS_TRY(ss_json_add_int(json, "seed", ss_settings_int(settings, "seed"), error));
  SS_TRY(ss_score_table_add_row(&compare->table, 0, json, error));
  SS_TRY(ss_json_add_int(json, "classes", compare->measurement->classes, error));
  SS_TRY(ss_json_add_int(json, "train", compare->measurement->train.count, error));
  return ss_json_add_int(json, "test", compare->measurement->test.count, error);
}

static ss_status write_classifier(const comparison *compare, const ss_model *tuned, ss_error *error) {
  const int count = compare->measurement->classes;
  const char **names = NULL;
  char *path = NULL;
  ss_status status = ss_alloc((void **)&names, (size_t)count, sizeof *names, "the classes", error);
  for (int i = 0; i < count && status == SS_OK; i++) {
    names[i] = ss_source_class_name(compare->measurement->source, i);
  }
  if (status == SS_OK) {
    status = ss_path_join(&path, compare->out, "classifier.safetensors", error);
  }
  if (status == SS_OK) {
    status = ss_classifier_write(path, tuned, names, count, error);
  }
  free(path);
  free(names);
  return status;
}

/* The network is written as soon as it is there. */
static ss_status write_network(const comparison *compare, const ss_model *tuned, ss_error *error) {
  char *path = NULL;
  SS_TRY(ss_folder_make(compare->out, error));
  SS_TRY(write_classifier(compare, tuned, error));
  SS_TRY(ss_path_join(&path, compare->out, "backbone.safetensors", error));
  const ss_status status = ss_model_write(path, tuned->parameters, "backbone.", &tuned->backbone, SS_STORED_F32, error);
  free(path);
  return status;
}

static ss_status tell_results(const comparison *compare, const ss_arguments *arguments, ss_error *error) {
  if (compare->out) {
    SS_TRY(ss_json_output_write(compare->out, "finetune.json", fill_json, compare, error));
  }
  print_table(compare);
  return ss_json_output(arguments, fill_json, compare, error);
}

/* ---- the command ---- */

static ss_status tune_columns(comparison *compare, ss_error *error) {
  const char *layer = frozen_layer(compare);
  compare->table =
      (ss_score_table){.corner = *layer ? "frozen to" : "trained", .second = "top-5", .keys = {"top1", "top5"}};
  ss_score_table_start(&compare->table, *layer ? layer : "all");
  for (int c = 0; c < SS_COLUMNS; c++) {
    if (!compare->columns.models[c]) {
      continue;
    }
    compare->now = (ss_column)c;
    ss_model *tuned = NULL;
    const bool kept = c == SS_PRETRAINED && compare->out;
    SS_TRY(tune(compare, kept ? &tuned : NULL, error));
    const ss_status status = kept ? write_network(compare, tuned, error) : SS_OK;
    ss_model_free(tuned);
    SS_TRY(status);
  }
  ss_score_table_finish(&compare->table, &compare->columns);
  return SS_OK;
}

static ss_status finetune(const ss_arguments *arguments, ss_measurement *measurement, ss_error *error) {
  comparison compare = {
      .measurement = measurement, .out = ss_arguments_value(arguments, "out", NULL), .how = SS_FINETUNE_DEFAULTS};
  const ss_column_base base = ss_column_base_of(measurement);
  ss_status status = configure(&compare, error);
  if (status == SS_OK) {
    status = ss_columns_open(arguments, &base, true, &compare.columns, error);
  }
  if (status == SS_OK && compare.how.frozen_layers > 0) {
    status = ss_columns_check_layers(&compare.columns, "leave out --freeze-to", error);
  }
  if (status == SS_OK) {
    status = tune_columns(&compare, error);
  }
  if (status == SS_OK) {
    status = tell_results(&compare, arguments, error);
  }
  ss_columns_close(&compare.columns);
  return status;
}

static int run(const ss_arguments *arguments) {
  return ss_measurement_run(arguments, true, finetune);
}

const ss_command ss_command_finetune = {
    .name = "finetune",
    .operands = "RUN DATA",
    .summary = "trains a backbone on with labels, and measures it",
    .more =
        "A new linear classifier stands behind the averaged output; every layer is trained, or what follows the\n"
        "layer that --freeze-to names. Frozen layers do not change, their norms' statistics included; what follows\n"
        "is drawn anew unless --reinit=0. Freezing to the last layer leaves the classifier: a linear probe that\n"
        "sees random views. Beside it stand the same network untrained, and untrained with every layer scaled to\n"
        "unit variance on the data. SGD; views above 64 px are random crops of 8 to 100 % of a picture, up to 64 px\n"
        "shifts by up to an eighth; both are mirrored half of the time.\n\n"
        "--out FOLDER gets backbone.safetensors, which serves as RUN, classifier.safetensors, which torchvision's\n"
        "ResNets load with strict=True (fc.weight and fc.bias are there; the classes are named in its metadata),\n"
        "and the figures in finetune.json. RUN is a run folder, a .safetensors file, or an untrained network:\n"
        "random:resnet18?width=16&size=32. Without a test part and --test, every tenth picture of a class is the\n"
        "test part.\n\n"
        "  selfsup finetune runs/mine photos --labels 1%\n"
        "  selfsup finetune runs/mine photos --freeze-to layer2 --supervised runs/supervised",
    .least = 2,
    .most = 2,
    .flags = flags,
    .options = options,
    .run = run};
