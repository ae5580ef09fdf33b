/* Transfer to dense tasks: a fully convolutional head on a backbone, trained and tested on pictures with a map each. */
#ifndef SS_EVAL_DENSE_TRANSFER_H
#define SS_EVAL_DENSE_TRANSFER_H

#include "engine/ways.h"
#include "eval/dense_pairs.h"

/* What is predicted at each pixel. `context` is the task's own. */
typedef struct ss_dense_task {
  int outputs;          /* numbers a pixel */
  const float *start;   /* (outputs) where they begin: the best constant, before anything is learned */
  ss_dtype target_type; /* SS_I32 or SS_F32 */
  ss_dense_target_of target;

  /* The loss of outputs (N, H, W, outputs) with targets (N, H, W) and the weights of ss_dense_batch. */
  ss_tensor *(*loss)(const void *context, ss_graph *graph, ss_tensor *outputs, ss_tensor *targets, ss_tensor *weights);

  /* Takes a test picture: outputs (height, width, outputs) in the size of its map. */
  ss_status (*measure)(void *context, const float *outputs, const ss_map *truth, ss_error *error);

  /* Draws outputs of that size, or with NULL the map, as a picture. */
  ss_status (*draw)(const void *context, const float *outputs, const ss_map *truth, ss_image *picture, ss_error *error);

  void *context;
} ss_dense_task;

/* A sheet to be drawn on, one row a test picture: picture, truth, then one column a network. */
typedef struct ss_dense_sheet {
  ss_image *image; /* made with ss_sheet_new */
  int tile, rows;
  int column; /* where this network's predictions go */
} ss_dense_sheet;

typedef struct ss_dense_options {
  int size;      /* pixels a side; 0: the model's */
  int batch;     /* pictures a step */
  int epochs;    /* at least one step is made */
  int threads;   /* 0: the processors there are */
  int skips;     /* of the head (fcn_head.h) */
  bool finetune; /* the backbone learns too, its batch norms by the batch's statistics; else it is left as it is */
  float rate, weight_decay; /* AdamW; the rate falls as (1 - step / steps)^0.9 */
  float min_scale;          /* of the random part of the picture (dense_pairs.h), above 0 to 1 */
  uint64_t seed;            /* of the order and the parts of pictures */
  double max_bad;
  ss_loader_bad bad;                                   /* may be NULL */
  ss_ways *ways;                                       /* kernel choices; may be NULL */
  const ss_device *device;                             /* what computes the network; NULL: the processors */
  ss_dense_sheet *sheet;                               /* may be NULL */
  void (*tell)(void *context, int epoch, double loss); /* after each epoch, from 1; may be NULL */
  void *tell_context;
} ss_dense_options;

typedef struct ss_dense_result {
  double first_loss, loss; /* means over the first and the last epoch */
  int64_t steps;
} ss_dense_result;

/* Trains a head, the parameters "head. ..." of the model, and with finetune its backbone. */
ss_status ss_dense_train(ss_model *model, const ss_dense_set *set, const ss_subset *train, const ss_dense_task *task,
                         const ss_dense_options *options, ss_dense_result *result, ss_error *error);

/* Gives each test picture's outputs, resized bilinearly to the size of its map, to the task. */
ss_status ss_dense_test(ss_model *model, const ss_dense_set *set, const ss_subset *test, const ss_dense_task *task,
                        const ss_dense_options *options, ss_error *error);

/* Both, with a copy of the model. */
ss_status ss_dense_transfer(const ss_model *model, const ss_dense_set *set, const ss_subset *train,
                            const ss_subset *test, const ss_dense_task *task, const ss_dense_options *options,
                            ss_dense_result *result, ss_error *error);

#endif
