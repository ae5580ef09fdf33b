/* The interface of methods. A method is one file under methods/image/ (video/, sound/) that defines one ss_method, and
 * one line in methods/table.h.
 *
 * The trainer calls its slots in this order: configure once; survey for some pictures; loss when the graph is recorded;
 * views in loader threads for each sample; before_epoch, after_batch and after_step while training; picture now and
 * then. A method knows graphs and views, not devices, threads or files. */
#ifndef SS_METHODS_METHOD_H
#define SS_METHODS_METHOD_H

#include "augment/scratch.h"
#include "base/random.h"
#include "engine/operations.h"
#include "methods/option.h"
#include "nets/backbone.h"

#define SS_MAX_METHOD_INPUTS 8
#define SS_MAX_PLAYERS 2

typedef enum ss_modality { SS_MODALITY_IMAGE, SS_MODALITY_VIDEO, SS_MODALITY_SOUND } ss_modality;

typedef struct ss_paper {
  const char *title;
  const char *authors;
  const char *venue; /* "ICML 2020" */
} ss_paper;

/* Named settings: `pairs` is "key=value key=value", of the method's options and the training's. */
typedef struct ss_recipe {
  const char *name;
  const char *what;
  const char *pairs;
} ss_recipe;

/* An input of the graph that views fills: `views` tensors of `shape` for each sample. In the graph it is one tensor
 * (views * batch, shape...), view by view: all samples' first views, then all second ones ... */
typedef struct ss_method_input {
  const char *name;
  ss_dtype dtype; /* SS_F32 or SS_I32 */
  ss_shape shape; /* of one view; rank 0: a single number */
  int views;
} ss_method_input;

/* Takes features of the training samples of ranks first to first + count - 1: (count, dim) float32. */
typedef ss_status (*ss_feature_rows)(void *taker, const float *rows, int64_t first, int64_t count, int64_t dim,
                                     ss_error *error);

/* What features are asked for. */
typedef struct ss_feature_request {
  const char *model; /* a run, file or random:ARCH; NULL: the backbone as it is now */
  bool map;          /* the last layer's map, place by place (averaged down to at most 9,216 numbers), not its mean */
  ss_feature_rows take;
  void *taker;
} ss_feature_request;

/* A method configured for a run. */
typedef struct ss_task {
  const struct ss_method *method;
  const ss_settings *settings; /* the method's options and the training's (train/config.h) */
  ss_backbone_options backbone;
  int size;              /* pixels a side */
  int batch;             /* samples a step */
  int classes;           /* of the data; 0: no labels */
  uint32_t samples;      /* that are trained on */
  const int32_t *labels; /* (samples) theirs, by rank; -1: none */
  uint64_t seed;
  int threads; /* for what is computed outside of graphs */
  int64_t steps, steps_per_epoch;
  ss_method_input inputs[SS_MAX_METHOD_INPUTS]; /* set by configure */
  int input_count;
  void *state; /* the method's own; made by configure, freed by release */
  /* For before_epoch: hands over what a network makes of each training sample in the test view, in order of rank. */
  ss_status (*features)(void *context, const ss_feature_request *request, ss_error *error);
  void *features_context;
  const char *renewed; /* set by before_epoch: prefixes of parameters that it drew anew, whose optimiser forgets them */
} ss_task;

/* One sample on its way to views. */
typedef struct ss_sample {
  const ss_image *image;
  int label;      /* -1: none */
  uint32_t epoch; /* with index names the sample's random numbers */
  uint32_t index; /* in the source */
  uint32_t rank;  /* among the training samples, 0 to task->samples - 1; of a held-out sample: among those */
  bool held_out;  /* it is for the score */
  uint64_t seed;
  ss_view_scratch *scratch; /* this thread's */
  ss_image *work;           /* SS_WORK_IMAGES buffers of this thread */
} ss_sample;
#define SS_WORK_IMAGES 6

/* The random stream of one view of a sample. */
ss_random ss_sample_random(const ss_sample *sample, uint32_t view);

/* Where view `view` of input `input` of a sample is to be written: float32 or int32 as the input says. `slot` is what
 * views was given. */
void *ss_view_slot(const ss_task *task, void *slot, int input, int view);
/* Bytes of one view of an input, and of a sample's whole slot. */
size_t ss_view_bytes(const ss_method_input *input);
size_t ss_slot_bytes(const ss_task *task);

/* A number worth following beside the loss ("adversarial"), a scalar of the graph. */
typedef struct ss_report {
  const char *name;
  ss_tensor *value;
} ss_report;
#define SS_MAX_REPORTS 6

/* The graph being recorded for a method, and what it says of it. */
typedef struct ss_build {
  const ss_task *task;
  ss_graph *graph;
  ss_tensor *inputs[SS_MAX_METHOD_INPUTS]; /* in the order of task->inputs */
  int batch;                               /* samples */
  /* set by the method: */
  ss_tensor *losses[SS_MAX_PLAYERS]; /* scalars, one a player; NULL: it does not play (never the first) */
  ss_tensor *score;                  /* scalar: the pretext task's own score, a share (0 to 1) where score.per_cent */
  ss_tensor *chance;                 /* scalar: what knowing nothing scores on the same samples; NULL: score.chance */
  ss_report reports[SS_MAX_REPORTS]; /* ss_build_report's */
  int report_count;
  ss_tensor *embeddings; /* (M, D), watched for collapse; NULL: not a joint embedding */
  ss_tensor *prediction; /* what picture is to be shown; NULL: nothing */
  ss_tensor *carried;    /* float32, what after_batch is given (a queue's next keys); NULL: nothing */
} ss_build;

/* Has a scalar written to metrics.jsonl beside the loss; in an evaluation graph its mean over the held-out samples, as
 * "held_out.NAME". `name` must live as long as the program. */
void ss_build_report(ss_build *build, const char *name, ss_tensor *scalar);

/* Records the task's backbone on images (M, H, W, 3) as "backbone. ..." */
ss_backbone_layers ss_build_backbone(ss_build *build, ss_tensor *images);
/* The same network under another name (a momentum encoder: "momentum."). */
ss_backbone_layers ss_build_backbone_as(ss_build *build, ss_tensor *images, const char *scope);

/* The pretext task's score on held-out samples. */
typedef struct ss_score {
  const char *what; /* "accuracy of the predicted rotation" */
  bool higher_is_better;
  bool per_cent;                         /* the tensor is a share, shown as 0 to 100 */
  double (*chance)(const ss_task *task); /* in the same unit as it is shown; NULL: build.chance, measured, or none */
  bool of_training; /* measured on fresh views of training samples: the task's classes are those samples */
} ss_score;

/* A batch as the network saw it, for picture. */
typedef struct ss_shown {
  const void *inputs[SS_MAX_METHOD_INPUTS]; /* (views * batch, shape...) */
  const float *prediction;                  /* of build.prediction; NULL without one */
  int batch;
} ss_shown;

/* An array that belongs to the run besides parameters (a queue, centroids): saved in checkpoints. */
typedef struct ss_state_array {
  const char *name;
  ss_dtype dtype;
  ss_shape shape;
  void *values;
} ss_state_array;

/* A run that a method learns from, made first where the user names none. */
typedef struct ss_teacher {
  const char *method; /* that trains it */
  const char *option; /* of type text: names a run, file or random:ARCH; "": one is made in OUT-OPTION */
  const char *epochs; /* option: of the run that is made */
} ss_teacher;

typedef struct ss_method {
  const char *name;
  ss_modality modality;
  const char *summary; /* one line */
  ss_paper paper;
  const ss_option *options; /* ended by a zeroed one; NULL: none */
  const char *defaults;     /* training options that differ from the general ones: "lr=0.06 epochs=200" */
  const ss_recipe *recipes; /* ended by a zeroed one; NULL: none */
  const char *changes;      /* what differs from the paper for small images; NULL: nothing */
  int smallest_size;        /* pixels a side that it needs; 0: any */
  bool needs_labels;
  bool untrained; /* nothing is learned: the run is its initialisation */
  ss_score score;
  /* Prefixes of each player's parameters ("backbone.|decoder."), trained in turns; NULL: one player, all parameters. */
  const char *players[SS_MAX_PLAYERS];
  double player_rates[SS_MAX_PLAYERS]; /* a player's learning rate as a factor of --lr; 0: 1 */
  const ss_teacher *teacher;           /* NULL: none */
  int survey_pictures;                 /* how many training pictures survey is to see at most */

  /* Optional: the most training samples that the options allow (0: any number); the first so many are taken. */
  int64_t (*most_samples)(const ss_settings *settings);
  /* Checks options against each other and the data, fills task->inputs, makes task->state. */
  ss_status (*configure)(ss_task *task, ss_error *error);
  void (*release)(ss_task *task); /* also after a configure that failed */
  /* Optional: statistics of the data. Given training pictures, evenly chosen, one after the other and then NULL, after
   * configure and before anything else; the same ones at each start of a run. */
  ss_status (*survey)(ss_task *task, const ss_image *picture, ss_error *error);
  /* Writes one sample's views and free labels into `slot` (ss_view_slot). Runs in a loader thread. */
  ss_status (*views)(const ss_task *task, ss_sample *sample, void *slot, ss_error *error);
  /* Optional, where the one input is ss_sample_view of each of its views and nothing else: with which options. Such
   * views can be made on a GPU. */
  const struct ss_view_options *(*view_options)(const ss_task *task, int view);
  /* Records the losses and the score. In an evaluation graph (ss_graph_is_training) the score alone is read. */
  void (*loss)(ss_build *build);
  /* Draws what the network saw and predicted. */
  ss_status (*picture)(const ss_task *task, const ss_shown *shown, ss_image *out, ss_error *error);
  /* Optional: at the start of an epoch (new pseudo-labels), after each batch with the value of build.carried (a queue),
   * after each update (a momentum encoder); `step` updates have been made. */
  ss_status (*before_epoch)(ss_task *task, ss_parameters *parameters, int64_t epoch, ss_error *error);
  ss_status (*after_batch)(ss_task *task, ss_parameters *parameters, const float *carried, ss_error *error);
  ss_status (*after_step)(ss_task *task, ss_parameters *parameters, int64_t step, ss_error *error);
  /* Optional: the index-th array to be saved; false after the last. */
  bool (*state)(ss_task *task, size_t index, ss_state_array *array);
} ss_method;

/* All methods, ended by NULL, in the table's order. */
const ss_method *const *ss_methods(void);
/* The method of that name; SS_USAGE with the nearest name if there is none. */
ss_status ss_method_find(const char *name, const ss_method **out, ss_error *error);

#endif
