/* Fine-tuning: a backbone trained on with labels, all of it or what lies behind a frozen layer, and measured. */
#ifndef SS_EVAL_FINETUNE_H
#define SS_EVAL_FINETUNE_H

#include "data/loader.h"
#include "engine/ways.h"
#include "nets/model.h"

/* How an epoch went. */
typedef struct ss_finetune_epoch {
  int epoch, epochs; /* done, and in all */
  double loss;       /* mean over the epoch */
  double rate;
  double images_per_s;
} ss_finetune_epoch;

typedef struct ss_finetune_options {
  int epochs;        /* the rate is divided by 10 after one and after two thirds of them */
  int batch;         /* at most the training pictures there are */
  int size;          /* pixels a side; 0: the model's */
  int frozen_layers; /* from the first on, as ss_feature_layers orders them; 0: every layer is trained */
  bool reinitialise; /* what lies behind the frozen layers is drawn anew (Yosinski et al. 2014, section 2; Noroozi and
                        Favaro 2016, section 4.1) */
  bool bf16, tf32;   /* in training, at most one of them; what is measured is float32 */
  float rate;
  float momentum, weight_decay;
  uint64_t seed;
  int threads; /* 0: the processors there are */
  double max_bad;
  ss_loader_bad bad;       /* told of pictures that do not decode, with a NULL context; may be NULL */
  ss_ways *ways;           /* kernel choices; may be NULL */
  const ss_device *device; /* what computes the network; NULL: the processors */
  void (*tell)(void *context, const ss_finetune_epoch *epoch); /* after each epoch; may be NULL */
  void *context;
} ss_finetune_options;
/* 30 epochs of SGD in batches of 64, rate 0.03 divided by 10 at epochs 10 and 20, momentum 0.9, weight decay 5e-4. */
#define SS_FINETUNE_DEFAULTS \
  { .epochs = 30, .batch = 64, .rate = 0.03f, .momentum = 0.9f, .weight_decay = 5e-4f, .max_bad = 0.01, }

/* The samples trained on and those measured on; all are labelled, 0 to classes - 1. */
typedef struct ss_finetune_data {
  const ss_source *source, *test_source;
  const ss_subset *train, *test;
  int classes;
} ss_finetune_data;

/* On the test view of the test part, in per cent; top5 is 100 when there are at most five classes. */
typedef struct ss_finetune_result {
  double top1, top5;
  double loss; /* of training, over the last epoch */
} ss_finetune_result;

/* Fine-tunes a copy of `start` on random views (eval/classification_view.h) with a new classifier behind it, and
 * measures it. `tuned`, unless NULL, gets the result, the classifier in its store as ss_classifier_write expects it. */
ss_status ss_finetune(const ss_model *start, const ss_finetune_data *data, const ss_finetune_options *options,
                      ss_finetune_result *result, ss_model **tuned, ss_error *error);

#endif
