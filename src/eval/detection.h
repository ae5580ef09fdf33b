/* Transfer to object detection: a detector's head on a backbone, trained and tested on pictures with boxes. */
#ifndef SS_EVAL_DETECTION_H
#define SS_EVAL_DETECTION_H

#include "engine/ways.h"
#include "eval/box_pairs.h"

typedef struct ss_detection_options {
  int size;      /* pixels a side that pictures are resized to; 0: the model's */
  int batch;     /* pictures a step, at most the training pictures there are */
  int epochs;    /* at least 1 */
  int threads;   /* 0: the processors there are */
  int channels;  /* of the pyramid and the head */
  bool finetune; /* the backbone learns too, its batch norms by the batch's statistics; else it is left as it is */
  float rate, weight_decay; /* of AdamW; the rate warms up over a tenth of the steps, at most 100, and falls by
                               half a cosine */
  float min_scale;          /* of the random part of the picture (box_pairs.h), above 0 to 1 */
  uint64_t seed;            /* of the order, the parts of pictures and the head's initial weights */
  double max_bad;
  ss_loader_bad bad;                                   /* may be NULL */
  ss_ways *ways;                                       /* kernel choices; may be NULL */
  const ss_device *device;                             /* what computes the network; NULL: the processors */
  void (*tell)(void *context, int epoch, double loss); /* after each epoch, from 1; may be NULL */
  void *tell_context;
} ss_detection_options;

/* What was found in the test pictures, in their order; boxes in shares of the picture's sides. */
typedef struct ss_detections {
  ss_found_box *boxes; /* owned; `picture` counts the test subset's pictures */
  size_t count, capacity;
} ss_detections;
void ss_detections_free(ss_detections *detections);

/* Trains a detector on a copy of the model, tests it on `test` (which it scores; per_class (classes) or NULL as
 * ss_detection_measure), and hands over what it found unless `found` is NULL. `last_loss`, unless NULL, is the mean
 * over the last epoch. */
ss_status ss_detect(const ss_model *model, const ss_box_set *set, const ss_subset *train, const ss_subset *test,
                    const ss_detection_options *options, ss_detection_score *score, double *per_class,
                    ss_detections *found, double *last_loss, ss_error *error);

#endif
