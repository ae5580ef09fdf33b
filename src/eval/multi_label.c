#include "eval/multi_label.h"

#include "base/memory.h"

#include <stdlib.h>

typedef enum shown { ABSENT, PRESENT, UNCLEAR } shown;

/* Whether a picture shows a class. */
static shown shows(const ss_box_set *set, uint32_t sample, int label) {
  size_t count = 0;
  const ss_labelled_box *boxes = ss_box_set_boxes(set, sample, &count);
  shown found = ABSENT;
  for (size_t i = 0; i < count && found != PRESENT; i++) {
    if (boxes[i].label == label) {
      found = boxes[i].difficult ? UNCLEAR : PRESENT;
    }
  }
  return found;
}

/* Both (subset count, classes), owned. */
typedef struct sets {
  float *targets, *weights;
} sets;

static void free_sets(sets *of) {
  free(of->targets);
  free(of->weights);
}

static ss_status make_sets(const ss_box_set *set, const ss_subset *subset, sets *of, ss_error *error) {
  const size_t classes = (size_t)ss_box_set_class_count(set), count = subset->count * classes;
  SS_TRY(ss_alloc((void **)&of->targets, count, sizeof *of->targets, "the labels", error));
  SS_TRY(ss_alloc((void **)&of->weights, count, sizeof *of->weights, "the labels", error));
  for (uint32_t i = 0; i < subset->count; i++) {
    for (size_t c = 0; c < classes; c++) {
      const shown seen = shows(set, subset->samples[i], (int)c);
      of->targets[i * classes + c] = seen == PRESENT ? 1.0f : 0.0f;
      of->weights[i * classes + c] = seen == UNCLEAR ? 0.0f : 1.0f;
    }
  }
  return SS_OK;
}

/* A picture that shows a class is a box to be found, each logit one that was found, and all boxes are the same: so the
 * devkit's average precision of boxes is its average precision of pictures. */
static void make_boxes(const ss_box_set *set, const ss_subset *subset, const float *logits, ss_true_box *truth,
                       size_t *truth_count, ss_found_box *found) {
  const ss_bounding_box whole = {.right = 1.0f, .bottom = 1.0f};
  const int classes = ss_box_set_class_count(set);
  *truth_count = 0;
  for (uint32_t i = 0; i < subset->count; i++) {
    for (int c = 0; c < classes; c++) {
      const size_t at = (size_t)i * (size_t)classes + (size_t)c;
      const shown seen = shows(set, subset->samples[i], c);
      found[at] = (ss_found_box){.picture = (int32_t)i, .label = c, .score = logits[at], .box = whole};
      if (seen != ABSENT) {
        truth[(*truth_count)++] =
            (ss_true_box){.picture = (int32_t)i, .label = c, .box = whole, .ignored = seen == UNCLEAR};
      }
    }
  }
}

ss_status ss_multi_label_score(const ss_box_set *set, const ss_subset *subset, const float *logits,
                               ss_detection_score *score, double *per_class, ss_error *error) {
  const int classes = ss_box_set_class_count(set);
  const size_t count = subset->count * (size_t)classes;
  ss_true_box *truth = NULL;
  ss_found_box *found = NULL;
  size_t truth_count = 0;
  ss_status status = ss_alloc((void **)&truth, count, sizeof *truth, "the labels", error);
  status = status ? status : ss_alloc((void **)&found, count, sizeof *found, "the labels", error);
  if (status == SS_OK) {
    make_boxes(set, subset, logits, truth, &truth_count, found);
    const ss_boxes boxes = {.truth = truth,
                            .truth_count = truth_count,
                            .found = found,
                            .found_count = count,
                            .pictures = (int)subset->count,
                            .classes = classes};
    status = ss_detection_measure(&boxes, score, per_class, error);
  }
  free(truth);
  free(found);
  return status;
}

ss_status ss_multi_label_probe(const ss_box_set *set, const ss_subset *train, ss_features *train_features,
                               const ss_subset *test, ss_features *test_features, const ss_probe_options *how,
                               ss_detection_score *score, double *per_class, ss_error *error) {
  const int classes = ss_box_set_class_count(set);
  sets labels = {0};
  float *logits = NULL;
  ss_status status = make_sets(set, train, &labels, error);
  status =
      status ? status : ss_alloc((void **)&logits, test->count * (size_t)classes, sizeof *logits, "the scores", error);
  const ss_label_sets given = {.targets = labels.targets, .weights = labels.weights, .classes = classes};
  status = status ? status : ss_probe_label_sets(train_features, test_features, &given, how, logits, error);
  status = status ? status : ss_multi_label_score(set, test, logits, score, per_class, error);
  free(logits);
  free_sets(&labels);
  return status;
}
