#include "eval/segmentation_task.h"

#include "base/memory.h"
#include "io/png.h"
#include "methods/sheet.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

struct ss_segmentation {
  int classes;
  float *start;               /* (classes) logarithm of each class's share of the training part */
  int64_t *confusion;         /* (classes, classes) */
  int32_t *truth, *predicted; /* of a picture */
  size_t capacity;
};

ss_status ss_segmentation_new(const uint64_t *train_values, int classes, ss_segmentation **out, ss_error *error) {
  *out = NULL;
  if (classes < 2) {
    return ss_fail(error, SS_FAILED, "a segmentation needs at least two classes, and the masks have %d", classes);
  }
  ss_segmentation *segmentation = NULL;
  SS_TRY(ss_alloc((void **)&segmentation, 1, sizeof *segmentation, "the segmentation", error));
  segmentation->classes = classes;
  ss_status status = ss_alloc((void **)&segmentation->confusion, (size_t)classes * (size_t)classes, sizeof(int64_t),
                              "the confusion matrix", error);
  status = status
               ? status
               : ss_alloc((void **)&segmentation->start, (size_t)classes, sizeof(float), "the classes' shares", error);
  if (status != SS_OK) {
    ss_segmentation_free(segmentation);
    return status;
  }
  double all = 0.0;
  for (int label = 0; label < classes; label++) {
    all += (double)train_values[label] + 1.0; /* so that a class that does not occur has a logarithm */
  }
  for (int label = 0; label < classes; label++) {
    segmentation->start[label] = (float)log(((double)train_values[label] + 1.0) / all);
  }
  *out = segmentation;
  return SS_OK;
}

void ss_segmentation_free(ss_segmentation *segmentation) {
  if (segmentation) {
    free(segmentation->start);
    free(segmentation->confusion);
    free(segmentation->truth);
    free(segmentation->predicted);
    free(segmentation);
  }
}

static bool target_of(const void *context, uint16_t value, float zoom, ss_dense_target *target) {
  const ss_segmentation *own = context;
  (void)zoom;
  target->label = value < own->classes ? (int32_t)value : -1;
  return target->label >= 0;
}

/* Mean over the pixels of the batch that count: a label of -1 is left out. */
static ss_tensor *loss_of(const void *context, ss_graph *graph, ss_tensor *outputs, ss_tensor *targets,
                          ss_tensor *weights) {
  const ss_segmentation *own = context;
  (void)weights;
  ss_tensor *logits = ss_reshape(graph, outputs, ss_shape_of(-1, own->classes));
  return ss_cross_entropy(graph, logits, ss_reshape(graph, targets, ss_shape_of(-1)), NULL, NULL);
}

/* Room for a picture's classes; its truth, -1 for void. */
static ss_status take_truth(ss_segmentation *own, const ss_map *truth, size_t *count, ss_error *error) {
  *count = (size_t)truth->width * (size_t)truth->height;
  if (own->capacity < *count) {
    free(own->truth);
    free(own->predicted);
    own->predicted = NULL;
    own->capacity = 0;
    SS_TRY(ss_alloc((void **)&own->truth, *count, sizeof(int32_t), "the classes of pixels", error));
    SS_TRY(ss_alloc((void **)&own->predicted, *count, sizeof(int32_t), "the classes of pixels", error));
    own->capacity = *count;
  }
  for (size_t i = 0; i < *count; i++) {
    own->truth[i] = truth->values[i] == SS_MAP_VOID ? -1 : truth->values[i];
  }
  return SS_OK;
}

static ss_status measure(void *context, const float *outputs, const ss_map *truth, ss_error *error) {
  ss_segmentation *own = context;
  size_t count = 0;
  SS_TRY(take_truth(own, truth, &count, error));
  for (size_t i = 0; i < count; i++) {
    own->predicted[i] = ss_largest_of(outputs + i * (size_t)own->classes, own->classes);
  }
  ss_confusion_add(own->confusion, own->classes, own->truth, own->predicted, (int64_t)count);
  return SS_OK;
}

/* In Pascal VOC's colours. */
static ss_status draw(const void *context, const float *outputs, const ss_map *truth, ss_image *picture,
                      ss_error *error) {
  const ss_segmentation *own = context;
  uint8_t palette[SS_MAP_VOID + 1][3];
  ss_png_voc_palette(palette, SS_MAP_VOID + 1);
  SS_TRY(ss_image_resize_buffer(picture, truth->width, truth->height, 3, error));
  const size_t count = (size_t)truth->width * (size_t)truth->height;
  for (size_t i = 0; i < count; i++) {
    const int label = outputs ? ss_largest_of(outputs + i * (size_t)own->classes, own->classes) : truth->values[i];
    memcpy(picture->pixels + 3 * i, palette[label], 3);
  }
  return SS_OK;
}

ss_dense_task ss_segmentation_task(ss_segmentation *segmentation) {
  return (ss_dense_task){.outputs = segmentation->classes,
                         .start = segmentation->start,
                         .target_type = SS_I32,
                         .target = target_of,
                         .loss = loss_of,
                         .measure = measure,
                         .draw = draw,
                         .context = segmentation};
}

ss_segmentation_metrics ss_segmentation_take(ss_segmentation *segmentation, double *iou) {
  const int classes = segmentation->classes;
  const ss_segmentation_metrics metrics = ss_segmentation_measure(segmentation->confusion, classes, iou);
  memset(segmentation->confusion, 0, (size_t)classes * (size_t)classes * sizeof *segmentation->confusion);
  return metrics;
}

ss_status ss_segmentation_constant(const uint64_t *train_values, const uint64_t *test_values, int classes,
                                   ss_segmentation_metrics *metrics, double *iou, ss_error *error) {
  ss_segmentation *counted = NULL;
  SS_TRY(ss_segmentation_new(train_values, classes, &counted, error));
  int constant = 0;
  for (int label = 1; label < classes; label++) {
    constant = train_values[label] > train_values[constant] ? label : constant;
  }
  for (int label = 0; label < classes; label++) {
    counted->confusion[(size_t)label * (size_t)classes + (size_t)constant] = (int64_t)test_values[label];
  }
  *metrics = ss_segmentation_take(counted, iou);
  ss_segmentation_free(counted);
  return SS_OK;
}
