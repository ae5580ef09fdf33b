/* selfsup detect RUN DATA */
#include "base/memory.h"
#include "cli/transfer.h"
#include "eval/detection_sheet.h"
#include "io/png.h"

#include <stdio.h>
#include <stdlib.h>

static const ss_flag flags[] = {
    SS_COLUMN_FLAGS,
    {"finetune", 0, NULL, "train the backbone too (default: it is frozen, and the detector alone learns)"},
    {"sheet", 0, "FILE.png", "draw test pictures with their boxes, and with those that each network found"},
    SS_JSON_FLAGS};

static const ss_option options[] = {
    SS_TRANSFER_OPTIONS,
    {"channels", SS_OPTION_INT, "64", "of the detector's pyramid and head (FCOS has 256)", 8, 1024, NULL},
    SS_TRANSFER_RATE_OPTIONS("0.001"),
    SS_TRANSFER_LAST_OPTIONS("of untrained networks, of the detector, of the order and the parts of pictures")};

/* What came of a network. */
typedef struct row {
  bool known;
  ss_detection_score score;
  double *per_class;
  ss_detections found;
  double loss;
} row;

typedef struct comparison {
  ss_transfer transfer;
  ss_box_set *set;
  ss_class_names classes;
  row rows[SS_COLUMNS];
  ss_detection_options options;
} comparison;

static void close_comparison(comparison *compare) {
  for (ss_column n = 0; n < SS_COLUMNS; n++) {
    free(compare->rows[n].per_class);
    ss_detections_free(&compare->rows[n].found);
  }
  ss_transfer_close(&compare->transfer);
  ss_box_set_close(compare->set);
}

static void read_options(comparison *out) {
  const ss_transfer *transfer = &out->transfer;
  const ss_settings *settings = transfer->measurement.settings;
  const ss_feature_options *features = &transfer->measurement.features;
  out->options = (ss_detection_options){.size = features->size,
                                        .batch = (int)ss_settings_int(settings, "batch"),
                                        .epochs = (int)ss_settings_int(settings, "epochs"),
                                        .threads = features->threads,
                                        .channels = (int)ss_settings_int(settings, "channels"),
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

static const char *class_name(const void *set, int label) {
  return ss_box_set_class_name(set, label);
}

static ss_status open_comparison(const ss_arguments *arguments, comparison *out, ss_error *error) {
  ss_measurement *measurement = &out->transfer.measurement;
  SS_TRY(ss_transfer_open(arguments, 0.001, &out->transfer, error));
  read_options(out);
  SS_TRY(ss_box_set_open(arguments->operands[1], &out->set, error));
  out->classes = (ss_class_names){out->set, ss_box_set_class_count(out->set), class_name};
  SS_TRY(ss_box_set_parts(out->set, &measurement->train, &measurement->test, error));
  const ss_source *source = ss_box_set_source(out->set);
  SS_TRY(ss_measurement_limit(measurement, source, error));
  return ss_transfer_open_columns(arguments, source, &out->transfer, error);
}

static ss_status run_networks(comparison *compare, ss_error *error) {
  const ss_columns *columns = &compare->transfer.columns;
  const ss_measurement *measurement = &compare->transfer.measurement;
  const size_t classes = (size_t)compare->classes.count;
  ss_detection_options how = compare->options;
  for (ss_column n = 0; n < SS_COLUMNS; n++) {
    row *of = &compare->rows[n];
    if (!columns->models[n]) {
      continue;
    }
    ss_epoch_teller who = {ss_column_title(n), how.epochs};
    how.tell_context = &who;
    SS_TRY(ss_alloc((void **)&of->per_class, classes, sizeof(double), "the scores", error));
    SS_TRY(ss_detect(columns->models[n], compare->set, &measurement->train, &measurement->test, &how, &of->score,
                     of->per_class, &of->found, &of->loss, error));
    of->known = true;
    fprintf(stderr, "%s: VOC AP50 %.2f %%\n", ss_column_title(n), of->score.voc_ap50);
  }
  if (columns->own_untrained) {
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
    if (compare->transfer.columns.models[n]) {
      shown[count++] = compare->rows[n].found;
    }
  }
  ss_image sheet = {0};
  ss_status status = ss_detection_sheet(compare->set, &compare->transfer.measurement.test, shown, count, &sheet, error);
  status = status ? status : ss_png_write(path, &sheet, error);
  ss_image_free(&sheet);
  return status;
}

static void print_table(const comparison *compare) {
  const double *per_class[SS_COLUMNS];
  ss_transfer_head(&compare->transfer, "object detection (FCOS)");
  printf("%-10s  %8s  %10s  %8s  %8s  %8s\n", "", "VOC AP50", "VOC07 AP50", "COCO AP", "AP50", "AP75");
  for (ss_column n = 0; n < SS_COLUMNS; n++) {
    const ss_detection_score *score = &compare->rows[n].score;
    per_class[n] = compare->rows[n].per_class;
    if (compare->rows[n].known) {
      printf("%-10s  %8.2f  %10.2f  %8.2f  %8.2f  %8.2f\n", ss_column_title(n), score->voc_ap50, score->voc07_ap50,
             score->ap, score->ap50, score->ap75);
    }
  }
  ss_class_names_print(&compare->classes, "VOC AP50", per_class);
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
  for (int label = 0; of->per_class && label < compare->classes.count; label++) {
    SS_TRY(ss_json_add_float(list, NULL, of->per_class[label], error));
  }
  return SS_OK;
}

static ss_status fill_json(const void *context, cJSON *json, ss_error *error) {
  const comparison *compare = context;
  for (ss_column n = 0; n < SS_COLUMNS; n++) {
    SS_TRY(add_row(compare, n, json, error));
  }
  SS_TRY(ss_class_names_add(&compare->classes, json, error));
  SS_TRY(ss_json_add_bool(json, "finetune", compare->options.finetune, error));
  SS_TRY(ss_json_add_int(json, "size", compare->options.size, error));
  SS_TRY(ss_json_add_int(json, "epochs", compare->options.epochs, error));
  SS_TRY(ss_json_add_int(json, "train", compare->transfer.measurement.train.count, error));
  return ss_json_add_int(json, "test", compare->transfer.measurement.test.count, error);
}

static ss_status detect(const ss_arguments *arguments, comparison *compare, ss_error *error) {
  const char *sheet = ss_arguments_value(arguments, "sheet", NULL);
  SS_TRY(open_comparison(arguments, compare, error));
  SS_TRY(run_networks(compare, error));
  if (sheet) {
    SS_TRY(write_sheet(compare, sheet, error));
  }
  print_table(compare);
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
