#include "methods/image/turns.h"

#include "augment/rotate.h"

ss_status ss_turned_views(const ss_task *task, const ss_view_options *crop, ss_sample *sample, void *slot, int images,
                          int labels, ss_error *error) {
  ss_random random = ss_sample_random(sample, 0);
  ss_image *upright = &sample->work[0], *turned = &sample->work[1];
  SS_TRY(ss_view_random(sample->image, crop, &random, sample->scratch, upright, error));
  for (int k = 0; k < SS_TURNS; k++) {
    SS_TRY(ss_rotate_quarters(upright, k, turned, error));
    ss_image_to_float(turned, 3, crop->mean, crop->deviation, false, ss_view_slot(task, slot, images, k));
    *(int32_t *)ss_view_slot(task, slot, labels, k) = k;
  }
  return SS_OK;
}

ss_turn_prediction ss_predict_turns(ss_graph *graph, ss_tensor *features, ss_tensor *labels, const char *head) {
  ss_tensor *logits = ss_linear(graph, features, SS_TURNS, true, head);
  return (ss_turn_prediction){.logits = logits,
                              .loss = ss_cross_entropy(graph, logits, labels, NULL, NULL),
                              .accuracy = ss_accuracy(graph, logits, labels)};
}
