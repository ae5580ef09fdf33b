/* selfsup detect RUN DATA */
#include "base/memory.h"
#include "base/system.h"
#include "cli/columns.h"
#include "cli/json_output.h"
#include "engine/ways_cache.h"
#include "eval/detection_sheet.h"
#include "io/png.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static const ss_flag flags[] = {
    SS_COLUMN_FLAGS,
    {"finetune", 0, NULL, "train the backbone too (default: it is frozen, and the detector alone learns)"},
    {"sheet", 0, "FILE.png", "draw test pictures with their boxes, and with those that each network found"},
    SS_JSON_FLAGS};

static const ss_option options[] = {
    {"epochs", SS_OPTION_INT, "20", "times each training picture is seen", 1, 100000, NULL},
    {"batch", SS_OPTION_INT, "16", "pictures a step", 1, 4096, NULL},
    {"size", SS_OPTION_INT, NULL, "pixels a side that pictures are resized to (default: as the run was trained)", 1,
     4096, NULL},
    {"channels", SS_OPTION_INT, "64", "of the detector's pyramid and head (FCOS has 256)", 8, 1024, NULL},
    {"lr", SS_OPTION_FLOAT, NULL, "learning rate at the start (default: 0.001, with --finetune 0.0003)", 1e-8, 100,
     NULL},
    {"weight-decay", SS_OPTION_FLOAT, "1e-4", "of AdamW", 0, 1, NULL},
    {"min-scale", SS_OPTION_FLOAT, "0.5", "smallest share of a training picture's area that is shown", 0.01, 1, NULL},
    {"limit", SS_OPTION_INT, "0", "use that many training pictures only (0: all)", 0, 4e9, NULL},
    {"threads", SS_OPTION_INT, NULL, "threads (default: the processors there are)", 1, 1024, NULL},
    {"device", SS_OPTION_CHOICE, "cpu", "cpu", 0, 0, "cpu"},
    {"seed", SS_OPTION_INT, "0", "of untrained networks, of the detector, of the order and the parts of pictures", 0,
     1e15, NULL},
    {"max-bad", SS_OPTION_FRACTION, "0.01", "share of pictures that may fail to decode", 0, 0, NULL},
    {0}};

/* What came of a network. */
typedef struct row {
  bool known;
  ss_detection_score score;
  double *per_class;
  ss_detections found;
  double loss;
} row;

typedef struct comparison {
  ss_settings *settings;
  ss_box_set *set;
  ss_subset train, test;
  ss_model *model;
  ss_columns columns; /* a row of the table each */
  row rows[SS_COLUMNS];
  ss_detection_options options;
} comparison;

static void close_comparison(comparison *compare) {
  if (compare->options.ways) {
    ss_ways_cache_save(compare->options.ways);
  }
  ss_ways_free(compare->options.ways);
  ss_columns_close(&compare->columns);
  ss_model_free(compare->model);
  for (ss_column n = 0; n < SS_COLUMNS; n++) {
    free(compare->rows[n].per_class);
    ss_detections_free(&compare->rows[n].found);
  }
  ss_subset_free(&compare->train);
  ss_subset_free(&compare->test);
  ss_box_set_close(compare->set);
  ss_settings_free(compare->settings);
}

static void tell_bad(void *context, uint32_t sample, const char *message) {
  (void)context;
  (void)sample;
  fprintf(stderr, "skipped: %s\n", message);
}

static ss_status read_options(const ss_arguments *arguments, comparison *out, ss_error *error) {
  SS_TRY(ss_settings_new(arguments->command->options, NULL, &out->settings, error));
  SS_TRY(ss_arguments_apply(arguments, out->settings, error));
  const ss_settings *settings = out->settings;
  const bool finetune = ss_arguments_has(arguments, "finetune");
  const double rate = ss_settings_known(settings, "lr") ? ss_settings_float(settings, "lr") : finetune ? 3e-4 : 1e-3;
  out->options = (ss_detection_options){.size = (int)ss_settings_int(settings, "size"),
                                        .batch = (int)ss_settings_int(settings, "batch"),
                                        .epochs = (int)ss_settings_int(settings, "epochs"),
                                        .threads = (int)ss_settings_int(settings, "threads"),
                                        .channels = (int)ss_settings_int(settings, "channels"),
                                        .finetune = finetune,
                                        .rate = (float)rate,
                                        .weight_decay = (float)ss_settings_float(settings, "weight-decay"),
                                        .min_scale = (float)ss_settings_float(settings, "min-scale"),
                                        .seed = (uint64_t)ss_settings_int(settings, "seed"),
                                        .max_bad = ss_settings_float(settings, "max-bad"),
                                        .bad = tell_bad,
                                        .ways = ss_ways_new()};
  out->options.threads = out->options.threads ? out->options.threads : ss_system_processors();
  return out->options.ways ? ss_ways_cache_load(out->options.ways, error)
                           : ss_fail_memory(error, 1, "the kernels' choices");
}

static ss_status open_models(const ss_arguments *arguments, comparison *out, ss_error *error) {
  ss_detection_options *detection = &out->options;
  SS_TRY(ss_model_open(arguments->operands[0], detection->size, detection->seed, &out->model, error));
  detection->size = detection->size ? detection->size : out->model->backbone.size;
  const ss_feature_options how = {
      .size = detection->size, .threads = detection->threads, .max_bad = detection->max_bad, .ways = detection->ways};
  const ss_column_base base = {.model = out->model,
                               .source = ss_box_set_source(out->set),
                               .train = &out->train,
                               .features = &how,
                               .seed = detection->seed};
  return ss_columns_open(arguments, &base, !detection->finetune, &out->columns, error);
}

static ss_status open_comparison(const ss_arguments *arguments, comparison *out, ss_error *error) {
  SS_TRY(read_options(arguments, out, error));
  SS_TRY(ss_box_set_open(arguments->operands[1], &out->set, error));
  SS_TRY(ss_box_set_parts(out->set, &out->train, &out->test, error));
  SS_TRY(ss_subset_limit(ss_box_set_source(out->set), &out->train, (uint32_t)ss_settings_int(out->settings, "limit"),
                         error));
  return open_models(arguments, out, error);
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

static ss_status run_networks(comparison *compare, ss_error *error) {
  const size_t classes = (size_t)ss_box_set_class_count(compare->set);
  ss_detection_options how = compare->options;
  how.tell = tell_epoch;
  for (ss_column n = 0; n < SS_COLUMNS; n++) {
    row *of = &compare->rows[n];
    if (!compare->columns.models[n]) {
      continue;
    }
    teller who = {ss_column_title(n), how.epochs};
    how.tell_context = &who;
    SS_TRY(ss_alloc((void **)&of->per_class, classes, sizeof(double), "the scores", error));
    SS_TRY(ss_detect(compare->columns.models[n], compare->set, &compare->train, &compare->test, &how, &of->score,
                     of->per_class, &of->found, &of->loss, error));
    of->known = true;
    fprintf(stderr, "%s: VOC AP50 %.2f %%\n", ss_column_title(n), of->score.voc_ap50);
  }
  if (compare->columns.own_untrained) {
    compare->rows[SS_UNTRAINED].known = true;
    compare->rows[SS_UNTRAINED].score = compare->rows[SS_PRETRAINED].score;
    compare->rows[SS_UNTRAINED].loss = compare->rows[SS_PRETRAINED].loss;
  }
  return SS_OK;
}

static ss_status write_sheet(const comparison *compare, const char *path, ss_error *error) {
  ss_detections shown[SS_COLUMNS];
  int count = 0;
  for (ss_column n = 0; n < SS_COLUMNS; n++) {
    if (compare->columns.models[n]) {
      shown[count++] = compare->rows[n].found;
    }
  }
  ss_image sheet = {0};
  ss_status status = ss_detection_sheet(compare->set, &compare->test, shown, count, &sheet, error);
  status = status ? status : ss_png_write(path, &sheet, error);
  ss_image_free(&sheet);
  return status;
}

static void print_table(const comparison *compare) {
  const ss_detection_options *how = &compare->options;
  printf("object detection (FCOS), %s backbone: %u training and %u test pictures, %d px, %d epochs of batch %d\n\n",
         how->finetune ? "fine-tuned" : "frozen", compare->train.count, compare->test.count, how->size, how->epochs,
         how->batch);
  printf("%-10s  %8s  %10s  %8s  %8s  %8s\n", "", "VOC AP50", "VOC07 AP50", "COCO AP", "AP50", "AP75");
  for (ss_column n = 0; n < SS_COLUMNS; n++) {
    const ss_detection_score *score = &compare->rows[n].score;
    if (compare->rows[n].known) {
      printf("%-10s  %8.2f  %10.2f  %8.2f  %8.2f  %8.2f\n", ss_column_title(n), score->voc_ap50, score->voc07_ap50,
             score->ap, score->ap50, score->ap75);
    }
  }
}

static void print_classes(const comparison *compare) {
  printf("\n%-14s", "VOC AP50");
  for (ss_column n = 0; n < SS_COLUMNS; n++) {
    if (compare->rows[n].per_class) {
      printf("  %10s", ss_column_title(n));
    }
  }
  for (int label = 0; label < ss_box_set_class_count(compare->set); label++) {
    printf("\n%-14s", ss_box_set_class_name(compare->set, label));
    for (ss_column n = 0; n < SS_COLUMNS; n++) {
      const double *per_class = compare->rows[n].per_class;
      if (per_class && isnan(per_class[label])) {
        printf("  %10s", "-");
      } else if (per_class) {
        printf("  %10.2f", per_class[label]);
      }
    }
  }
  printf("\n");
}

static ss_status add_row(const comparison *compare, ss_column n, cJSON *json, ss_error *error) {
  const row *of = &compare->rows[n];
  cJSON *object = NULL, *list = NULL;
  if (!of->known) {
    return ss_json_add_null(json, ss_column_title(n), error);
  }
  SS_TRY(ss_json_add_object(json, ss_column_title(n), &object, error));
  SS_TRY(ss_json_add_float(object, "voc_ap50", of->score.voc_ap50, error));
  SS_TRY(ss_json_add_float(object, "voc07_ap50", of->score.voc07_ap50, error));
  SS_TRY(ss_json_add_float(object, "ap", of->score.ap, error));
  SS_TRY(ss_json_add_float(object, "ap50", of->score.ap50, error));
  SS_TRY(ss_json_add_float(object, "ap75", of->score.ap75, error));
  SS_TRY(ss_json_add_float(object, "loss", of->loss, error));
  SS_TRY(ss_json_add_array(object, "voc_ap50_of_class", &list, error));
  for (int label = 0; of->per_class && label < ss_box_set_class_count(compare->set); label++) {
    SS_TRY(ss_json_add_float(list, NULL, of->per_class[label], error));
  }
  return SS_OK;
}

static ss_status fill_json(const void *context, cJSON *json, ss_error *error) {
  const comparison *compare = context;
  cJSON *list = NULL;
  for (ss_column n = 0; n < SS_COLUMNS; n++) {
    SS_TRY(add_row(compare, n, json, error));
  }
  SS_TRY(ss_json_add_array(json, "classes", &list, error));
  for (int label = 0; label < ss_box_set_class_count(compare->set); label++) {
    SS_TRY(ss_json_add_string(list, NULL, ss_box_set_class_name(compare->set, label), error));
  }
  SS_TRY(ss_json_add_bool(json, "finetune", compare->options.finetune, error));
  SS_TRY(ss_json_add_int(json, "size", compare->options.size, error));
  SS_TRY(ss_json_add_int(json, "epochs", compare->options.epochs, error));
  SS_TRY(ss_json_add_int(json, "train", compare->train.count, error));
  return ss_json_add_int(json, "test", compare->test.count, error);
}

static ss_status detect(const ss_arguments *arguments, comparison *compare, ss_error *error) {
  const char *sheet = ss_arguments_value(arguments, "sheet", NULL);
  SS_TRY(open_comparison(arguments, compare, error));
  SS_TRY(run_networks(compare, error));
  if (sheet) {
    SS_TRY(write_sheet(compare, sheet, error));
  }
  print_table(compare);
  print_classes(compare);
  return ss_json_output(arguments, fill_json, compare, error);
}

static int run(const ss_arguments *arguments) {
  ss_error error = {""};
  comparison compare = {0};
  const ss_status status = detect(arguments, &compare, &error);
  close_comparison(&compare);
  return ss_complain(status, &error);
}

const ss_command ss_command_detect = {
    .name = "detect",
    .operands = "RUN DATA",
    .summary = "measures a backbone by object detection: classes and boxes",
    .more =
        "Trains a detector without anchors (FCOS, Tian et al. 2019) on a small feature pyramid over the backbone's "
        "last\n"
        "layers, and prints average precision in per cent as Pascal VOC counts it (IoU 0.5; by the area under the\n"
        "curve, and by VOC 2007's eleven points) and as COCO does (mean over IoU 0.5 to 0.95, at 0.5, at 0.75).\n"
        "Beside it stand the same network untrained, and untrained but rescaled to unit variance.\n"
        "\n"
        "DATA is a VOC devkit (JPEGImages, Annotations, ImageSets/Main), or world:images?n=2000&size=64 or what\n"
        "`selfsup world images` wrote. Pictures are resized to a square.",
    .least = 2,
    .most = 2,
    .flags = flags,
    .options = options,
    .run = run};
