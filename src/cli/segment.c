/* selfsup segment RUN DATA */
#include "base/memory.h"
#include "cli/dense.h"
#include "eval/segmentation_task.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static const ss_flag flags[] = {SS_DENSE_FLAGS};

static const ss_option options[] = {
    {"classes", SS_OPTION_INT, "0", "classes of the masks, the background included (0: as DATA says)", 0, 255, NULL},
    SS_DENSE_OPTIONS};

enum { constant = SS_COLUMNS, row_count }; /* rows: the networks, then the constant prediction */

typedef struct result {
  bool known;
  ss_segmentation_metrics metrics;
  double iou[SS_MAP_VOID];
} result;

typedef struct segmenting {
  ss_dense_comparison compare;
  ss_segmentation *segmentation;
  ss_class_names classes;
  result rows[row_count];
} segmenting;

static const char *row_name(int row) {
  return row == constant ? "constant" : ss_column_title((ss_column)row);
}

static void take(void *context, ss_column network) {
  segmenting *own = context;
  own->rows[network].metrics = ss_segmentation_take(own->segmentation, own->rows[network].iou);
  own->rows[network].known = true;
}

static const char *class_name(const void *set, int label) {
  return ss_dense_set_class_name(set, label);
}

static void print_table(const segmenting *own) {
  ss_transfer_head(&own->compare.transfer, "semantic segmentation");
  printf("%-10s  %8s  %14s  %13s\n", "", "mIoU", "pixel accuracy", "mean accuracy");
  for (int row = 0; row < row_count; row++) {
    const ss_segmentation_metrics *metrics = &own->rows[row].metrics;
    if (own->rows[row].known) {
      printf("%-10s  %8.2f  %14.2f  %13.2f\n", row_name(row), metrics->mean_iou, metrics->pixel_accuracy,
             metrics->mean_accuracy);
    }
  }
  const double *ious[SS_COLUMNS];
  for (ss_column n = 0; n < SS_COLUMNS; n++) {
    ious[n] = own->rows[n].known ? own->rows[n].iou : NULL;
  }
  ss_class_names_print(&own->classes, "IoU", ious);
}

static ss_status add_row(const segmenting *own, int row, cJSON *json, ss_error *error) {
  const result *of = &own->rows[row];
  cJSON *object = NULL, *list = NULL;
  if (!of->known) {
    return ss_json_add_null(json, row_name(row), error);
  }
  SS_TRY(ss_json_add_object(json, row_name(row), &object, error));
  SS_TRY(ss_json_add_float(object, "miou", of->metrics.mean_iou, error));
  SS_TRY(ss_json_add_float(object, "pixel_accuracy", of->metrics.pixel_accuracy, error));
  SS_TRY(ss_json_add_float(object, "mean_accuracy", of->metrics.mean_accuracy, error));
  SS_TRY(ss_json_add_float(object, "weighted_iou", of->metrics.weighted_iou, error));
  if (row != constant) {
    SS_TRY(ss_json_add_float(object, "loss", own->compare.results[row].loss, error));
  }
  SS_TRY(ss_json_add_array(object, "iou", &list, error));
  for (int label = 0; label < own->classes.count; label++) {
    SS_TRY(ss_json_add_float(list, NULL, of->iou[label], error));
  }
  return SS_OK;
}

static ss_status fill_json(const void *context, cJSON *json, ss_error *error) {
  const segmenting *own = context;
  for (int row = 0; row < row_count; row++) {
    SS_TRY(add_row(own, row, json, error));
  }
  SS_TRY(ss_class_names_add(&own->classes, json, error));
  return ss_dense_comparison_json(&own->compare, json, error);
}

static ss_status segment(segmenting *own, const ss_arguments *arguments, ss_error *error) {
  ss_dense_comparison *compare = &own->compare;
  SS_TRY(ss_dense_comparison_open(arguments, SS_MAP_LABELS, compare, error));
  const int classes = ss_dense_set_class_count(compare->set);
  own->classes = (ss_class_names){compare->set, classes, class_name};
  SS_TRY(ss_segmentation_new(compare->train_values, classes, &own->segmentation, error));
  result *least = &own->rows[constant];
  SS_TRY(ss_segmentation_constant(compare->train_values, compare->test_values, classes, &least->metrics, least->iou,
                                  error));
  least->known = true;
  const ss_dense_task task = ss_segmentation_task(own->segmentation);
  SS_TRY(ss_dense_comparison_run(compare, arguments, &task, take, own, error));
  if (compare->transfer.columns.own_untrained) {
    own->rows[SS_UNTRAINED] = own->rows[SS_PRETRAINED];
  }
  print_table(own);
  return ss_json_output(arguments, fill_json, own, error);
}

static int run(const ss_arguments *arguments) {
  ss_error error = {""};
  segmenting *own = NULL;
  ss_status status = ss_alloc((void **)&own, 1, sizeof *own, "the segmentation", &error);
  if (status == SS_OK) {
    status = segment(own, arguments, &error);
    ss_segmentation_free(own->segmentation);
    ss_dense_comparison_close(&own->compare);
    free(own);
  }
  return ss_complain(status, &error);
}

const ss_command ss_command_segment = {
    .name = "segment",
    .operands = "RUN DATA",
    .summary = "measures a backbone by semantic segmentation: a class for each pixel",
    .more =
        "Trains a fully convolutional head (Long, Shelhamer and Darrell 2015) on the backbone's last layers, by\n"
        "softmax cross-entropy over the pixels that are not void, and prints mean intersection over union (the\n"
        "background counts), pixel accuracy and each class's IoU, in per cent. Beside it stand the same network\n"
        "untrained, untrained but rescaled to unit variance, and the most frequent class everywhere.\n"
        "\n"
        "DATA is a VOC devkit (JPEGImages, SegmentationClass, ImageSets/Segmentation/{train,val}.txt), a folder of\n"
        "images/ beside masks/ with equal names (PNGs with a palette or 8-bit grey: class numbers, 255 for void;\n"
        "classes.txt may name the classes), with train/ and val/ inside or around them, or "
        "world:images?n=2000&size=64\n"
        "or what `selfsup world images` wrote. Pictures are resized to a square; predictions are resized back and\n"
        "compared with the masks at their full size.",
    .least = 2,
    .most = 2,
    .flags = flags,
    .options = options,
    .run = run};
