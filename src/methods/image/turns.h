/* The four turns of a picture and telling them apart (Gidaris, Singh, Komodakis, "Unsupervised Representation Learning
 * by Predicting Image Rotations", ICLR 2018): what rotation and s4l share. */
#ifndef SS_METHODS_IMAGE_TURNS_H
#define SS_METHODS_IMAGE_TURNS_H

#include "augment/view.h"
#include "methods/method.h"

#define SS_TURNS 4

/* Writes a random crop's four turns to the views of input `images` and 0 to 3 to those of input `labels`: exact turns,
 * no pixel is interpolated, so nothing but the content tells them apart (section 2.1). */
ss_status ss_turned_views(const ss_task *task, const ss_view_options *crop, ss_sample *sample, void *slot, int images,
                          int labels, ss_error *error);

typedef struct ss_turn_prediction {
  ss_tensor *logits, *loss, *accuracy;
} ss_turn_prediction;

/* Features (4N, D) -> linear (4N, 4), named `head` -> softmax cross-entropy (equation 2). */
ss_turn_prediction ss_predict_turns(ss_graph *graph, ss_tensor *features, ss_tensor *labels, const char *head);

#endif
