#include "eval/detection_metrics.h"

#include "base/memory.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

enum { coco_most = 100, coco_recalls = 101, coco_thresholds = 10, voc07_recalls = 11 };

/* What became of a found box. */
typedef enum verdict { WRONG, RIGHT, NEITHER } verdict;

/* One class's boxes while it is measured. */
typedef struct class_boxes {
  ss_found_box *found; /* the surest first */
  size_t found_count;
  ss_true_box *truth; /* by picture, the ignored ones of a picture last */
  size_t truth_count;
  size_t wanted; /* truth that is not ignored */
  size_t *first; /* (pictures + 1) where a picture's truth begins */
  bool *taken;   /* (truth_count) */
  verdict *verdicts;
  double *precision;      /* (found_count) */
  uint32_t *picture_rank; /* (found_count) how many surer ones its picture has */
  uint32_t *counts;       /* (pictures) being counted */
} class_boxes;

/* Sorted with their places as the last key, so that the order is always the same. */
typedef struct ordered {
  ss_found_box box;
  size_t place;
} ordered;

static int by_score(const void *a, const void *b) {
  const ordered *x = a, *y = b;
  if (x->box.score != y->box.score) {
    return x->box.score > y->box.score ? -1 : 1;
  }
  return x->place < y->place ? -1 : 1;
}

static ss_status sort_found(ss_found_box *found, size_t count, ss_error *error) {
  ordered *order = NULL;
  SS_TRY(ss_alloc((void **)&order, count + 1, sizeof *order, "the boxes found", error));
  for (size_t i = 0; i < count; i++) {
    order[i] = (ordered){.box = found[i], .place = i};
  }
  qsort(order, count, sizeof *order, by_score);
  for (size_t i = 0; i < count; i++) {
    found[i] = order[i].box;
  }
  free(order);
  return SS_OK;
}

static void close_class(class_boxes *of) {
  free(of->found);
  free(of->truth);
  free(of->first);
  free(of->taken);
  free(of->verdicts);
  free(of->precision);
  free(of->picture_rank);
  free(of->counts);
}

static ss_status open_class(const ss_boxes *boxes, class_boxes *of, ss_error *error) {
  static const char what[] = "the boxes";
  const size_t pictures = (size_t)boxes->pictures;
  SS_TRY(ss_alloc((void **)&of->found, boxes->found_count + 1, sizeof *of->found, what, error));
  SS_TRY(ss_alloc((void **)&of->truth, boxes->truth_count + 1, sizeof *of->truth, what, error));
  SS_TRY(ss_alloc((void **)&of->first, pictures + 1, sizeof *of->first, what, error));
  SS_TRY(ss_alloc((void **)&of->taken, boxes->truth_count + 1, sizeof *of->taken, what, error));
  SS_TRY(ss_alloc((void **)&of->verdicts, boxes->found_count + 1, sizeof *of->verdicts, what, error));
  SS_TRY(ss_alloc((void **)&of->precision, boxes->found_count + 1, sizeof *of->precision, what, error));
  SS_TRY(ss_alloc((void **)&of->picture_rank, boxes->found_count + 1, sizeof *of->picture_rank, what, error));
  return ss_alloc((void **)&of->counts, pictures + 1, sizeof *of->counts, what, error);
}

/* A class's true boxes by picture, in each those that are not ignored first, else in the order they were given. */
static void select_truth(const ss_boxes *boxes, int label, class_boxes *of) {
  const size_t pictures = (size_t)boxes->pictures;
  memset(of->first, 0, (pictures + 1) * sizeof *of->first);
  of->truth_count = of->wanted = 0;
  for (size_t i = 0; i < boxes->truth_count; i++) {
    if (boxes->truth[i].label == label) {
      of->first[boxes->truth[i].picture + 1]++;
      of->truth_count++;
      of->wanted += !boxes->truth[i].ignored;
    }
  }
  for (size_t picture = 0; picture < pictures; picture++) {
    of->first[picture + 1] += of->first[picture];
  }
  memset(of->counts, 0, (pictures + 1) * sizeof *of->counts);
  for (int ignored = 0; ignored <= 1; ignored++) {
    for (size_t i = 0; i < boxes->truth_count; i++) {
      const ss_true_box *box = &boxes->truth[i];
      if (box->label == label && (int)box->ignored == ignored) {
        of->truth[of->first[box->picture] + of->counts[box->picture]++] = *box;
      }
    }
  }
}

/* A class's found boxes, the surest first. */
static ss_status select_found(const ss_boxes *boxes, int label, class_boxes *of, ss_error *error) {
  of->found_count = 0;
  for (size_t i = 0; i < boxes->found_count; i++) {
    if (boxes->found[i].label == label) {
      of->found[of->found_count++] = boxes->found[i];
    }
  }
  SS_TRY(sort_found(of->found, of->found_count, error));
  memset(of->counts, 0, ((size_t)boxes->pictures + 1) * sizeof *of->counts);
  for (size_t i = 0; i < of->found_count; i++) {
    of->picture_rank[i] = of->counts[of->found[i].picture]++;
  }
  return SS_OK;
}

/* VOCevaldet: the most overlapped of all, taken or not. */
static verdict judge_voc(class_boxes *of, const ss_found_box *found) {
  double most = -1.0;
  size_t best = 0;
  for (size_t t = of->first[found->picture]; t < of->first[found->picture + 1]; t++) {
    const double iou = ss_bounding_box_iou(&found->box, &of->truth[t].box);
    if (iou > most) {
      most = iou;
      best = t;
    }
  }
  if (most < 0.5) {
    return WRONG;
  }
  if (of->truth[best].ignored) {
    return NEITHER;
  }
  const verdict result = of->taken[best] ? WRONG : RIGHT;
  of->taken[best] = true;
  return result;
}

/* cocoeval's evaluateImg: the most overlapped that is not taken, the later of equals; an ignored one only where no
 * other is overlapped enough. */
static verdict judge_coco(class_boxes *of, const ss_found_box *found, double threshold) {
  double most = threshold < 1.0 - 1e-10 ? threshold : 1.0 - 1e-10;
  size_t best = SIZE_MAX;
  for (size_t t = of->first[found->picture]; t < of->first[found->picture + 1]; t++) {
    if (of->taken[t]) {
      continue;
    }
    if (best != SIZE_MAX && !of->truth[best].ignored && of->truth[t].ignored) {
      break;
    }
    const double iou = ss_bounding_box_iou(&found->box, &of->truth[t].box);
    if (iou >= most) {
      most = iou;
      best = t;
    }
  }
  if (best == SIZE_MAX) {
    return WRONG;
  }
  of->taken[best] = true;
  return of->truth[best].ignored ? NEITHER : RIGHT;
}

/* Judges all of a class's found boxes; `most` a picture. */
static void judge(class_boxes *of, bool coco, double threshold, uint32_t most) {
  memset(of->taken, 0, (of->truth_count + 1) * sizeof *of->taken);
  for (size_t i = 0; i < of->found_count; i++) {
    const ss_found_box *found = &of->found[i];
    of->verdicts[i] = of->picture_rank[i] >= most ? NEITHER
                      : coco                      ? judge_coco(of, found, threshold)
                                                  : judge_voc(of, found);
  }
}

/* Precision behind each found box that counts, made falling by taking the best of what follows (the envelope). Returns
 * how many count; recall[i] = right[i] / wanted goes up by one right one where rights says so. */
static size_t envelope(const class_boxes *of, size_t *rights) {
  size_t count = 0, right = 0;
  for (size_t i = 0; i < of->found_count; i++) {
    if (of->verdicts[i] == NEITHER) {
      continue;
    }
    right += of->verdicts[i] == RIGHT;
    rights[count] = right;
    of->precision[count] = (double)right / (double)(count + 1);
    count++;
  }
  for (size_t i = count; i-- > 1;) {
    of->precision[i - 1] = fmax(of->precision[i - 1], of->precision[i]);
  }
  return count;
}

/* The area under the envelope: each right one adds a step of recall at the precision it was found at. */
static double area(const class_boxes *of, const size_t *rights, size_t count) {
  double sum = 0.0;
  for (size_t i = 0; i < count; i++) {
    if (rights[i] > (i > 0 ? rights[i - 1] : 0)) {
      sum += of->precision[i];
    }
  }
  return sum / (double)of->wanted;
}

/* Mean of the envelope at `places` recalls from 0 to 1; 0 where that recall is not reached. The recalls are multiples
 * of a step, as the devkit's and COCO's are: their last bits decide between neighbours. */
static double at_recalls(const class_boxes *of, const size_t *rights, size_t count, int places) {
  const double step = 1.0 / (places - 1);
  double sum = 0.0;
  size_t i = 0;
  for (int place = 0; place < places; place++) {
    const double recall = place * step;
    while (i < count && (double)rights[i] / (double)of->wanted < recall) {
      i++;
    }
    sum += i < count ? of->precision[i] : 0.0;
  }
  return sum / places;
}

/* Sums of the classes' average precisions, 0 to 1. */
typedef struct sums {
  double voc, voc07, coco[coco_thresholds];
  int classes;
} sums;

static void measure_class(class_boxes *of, size_t *rights, sums *total, double *voc) {
  judge(of, false, 0.5, UINT32_MAX);
  size_t count = envelope(of, rights);
  *voc = area(of, rights, count);
  total->voc += *voc;
  total->voc07 += at_recalls(of, rights, count, voc07_recalls);
  for (int t = 0; t < coco_thresholds; t++) {
    judge(of, true, 0.5 + 0.05 * t, coco_most);
    count = envelope(of, rights);
    total->coco[t] += at_recalls(of, rights, count, coco_recalls);
  }
  total->classes++;
}

static ss_status measure_classes(const ss_boxes *boxes, class_boxes *of, sums *total, double *per_class,
                                 ss_error *error) {
  size_t *rights = NULL;
  SS_TRY(ss_alloc((void **)&rights, boxes->found_count + 1, sizeof *rights, "the boxes", error));
  ss_status status = SS_OK;
  for (int label = 0; label < boxes->classes && status == SS_OK; label++) {
    double voc = NAN;
    select_truth(boxes, label, of);
    status = select_found(boxes, label, of, error);
    if (status == SS_OK && of->wanted > 0) {
      measure_class(of, rights, total, &voc);
    }
    if (per_class) {
      per_class[label] = 100.0 * voc;
    }
  }
  free(rights);
  return status;
}

static ss_status check(const ss_boxes *boxes, ss_error *error) {
  bool good = boxes->pictures >= 0 && boxes->classes >= 0;
  for (size_t i = 0; i < boxes->truth_count && good; i++) {
    const ss_true_box *box = &boxes->truth[i];
    good = box->picture >= 0 && box->picture < boxes->pictures && box->label >= 0 && box->label < boxes->classes;
  }
  for (size_t i = 0; i < boxes->found_count && good; i++) {
    const ss_found_box *box = &boxes->found[i];
    good = box->picture >= 0 && box->picture < boxes->pictures && box->label >= 0 && box->label < boxes->classes &&
           !isnan(box->score);
  }
  return good ? SS_OK
              : ss_fail(error, SS_FAILED, "boxes with a picture, a class or a score out of range cannot be measured");
}

ss_status ss_detection_measure(const ss_boxes *boxes, ss_detection_score *score, double *per_class, ss_error *error) {
  *score = (ss_detection_score){NAN, NAN, NAN, NAN, NAN};
  SS_TRY(check(boxes, error));
  class_boxes of = {0};
  sums total = {0};
  ss_status status = open_class(boxes, &of, error);
  if (status == SS_OK) {
    status = measure_classes(boxes, &of, &total, per_class, error);
  }
  close_class(&of);
  if (status != SS_OK || total.classes == 0) {
    return status;
  }
  const double to_per_cent = 100.0 / total.classes;
  double sum = 0.0;
  for (int t = 0; t < coco_thresholds; t++) {
    sum += total.coco[t];
  }
  *score = (ss_detection_score){.voc_ap50 = total.voc * to_per_cent,
                                .voc07_ap50 = total.voc07 * to_per_cent,
                                .ap = sum / coco_thresholds * to_per_cent,
                                .ap50 = total.coco[0] * to_per_cent,
                                .ap75 = total.coco[5] * to_per_cent};
  return SS_OK;
}
