/* A detector's head without anchors: FCOS (Tian, Shen, Chen, He, ICCV 2019), in the form that torchvision has it, on a
 * small feature pyramid (Lin et al., CVPR 2017) over a backbone's last layers.
 *
 * Each place of each level says which class it sees, how far the edges of that object's box are, and how near it is to
 * the box's centre. A level's places are `stride` pixels apart; place (x, y) stands for the pixel ((x + 1/2) stride,
 * (y + 1/2) stride). Places are counted level by level, the finest first, row by row. */
#ifndef SS_EVAL_FCOS_H
#define SS_EVAL_FCOS_H

#include "eval/detection_metrics.h"
#include "nets/backbone.h"

#define SS_FCOS_LEVELS 3

typedef struct ss_fcos_level {
  int layer;          /* of the backbone */
  int64_t side;       /* places a row, and rows */
  double stride;      /* pixels */
  double least, most; /* it answers for boxes whose farthest edge is between, in pixels */
} ss_fcos_level;

/* Which places there are. */
typedef struct ss_fcos_grid {
  ss_fcos_level levels[SS_FCOS_LEVELS];
  int count;
  int64_t places; /* of all levels */
  int classes;
  int size; /* pixels a side of the pictures */
} ss_fcos_grid;

/* The levels are the last layers of different sizes, at most three. A level is asked for boxes whose farthest edge is
 * 4 to 8 strides away, the finest for all below, the coarsest for all above (torchvision's; the paper's section 3.2).
 * SS_FAILED for a backbone whose maps are not square. */
ss_status ss_fcos_grid_of(const ss_backbone_layers *layers, int size, int classes, ss_fcos_grid *grid, ss_error *error);

/* What the places of one picture should say. All are (places, ...), written whole. */
typedef struct ss_fcos_targets {
  float *classes;    /* (places, classes): 1 of the object's class, else 0 */
  float *distances;  /* (places, 4): left, top, right, bottom edge, in strides; 1 where there is no object */
  float *objects;    /* (places): 1 where there is an object, else 0 */
  float *centreness; /* (places): sqrt(min(l, r) / max(l, r) x min(t, b) / max(t, b)) (equation 3) */
} ss_fcos_targets;

/* A place has the smallest of the boxes that it lies in, within 1.5 strides of the box's centre, and that its level is
 * asked for. Boxes in pixels of the network's input; their picture does not matter. Returns how many places have one.
 */
int64_t ss_fcos_assign(const ss_fcos_grid *grid, const ss_true_box *boxes, size_t count, ss_fcos_targets *targets);

/* What the network says: logits (N, P, classes), distances (N, P, 4) in strides, centreness as logits (N, P). */
typedef struct ss_fcos_answers {
  ss_tensor *logits, *distances, *centreness;
} ss_fcos_answers;

/* Records the pyramid and the head, which all levels share, with parameters "detector. ...", `channels` wide. */
ss_fcos_answers ss_fcos_build(ss_graph *graph, const ss_backbone_layers *layers, const ss_fcos_grid *grid,
                              int channels);

/* The loss (equation 2) as torchvision sums it: focal loss (alpha 1/4, gamma 2), generalised IoU of the boxes and
 * binary cross-entropy of the centreness, each over the batch's places with an object, whose number's inverse is
 * `per_object` (1); the others as ss_fcos_targets, with the batch in front. */
typedef struct ss_fcos_truth {
  ss_tensor *classes, *distances, *objects, *centreness, *per_object;
} ss_fcos_truth;
ss_tensor *ss_fcos_loss(ss_graph *graph, const ss_fcos_answers *answers, const ss_fcos_truth *truth);

#define SS_FCOS_MOST_FOUND 100

/* The boxes of one picture, from its rows of the answers (float32): score sqrt(class x centreness) above 0.05, at most
 * 1,000 places and classes a level, cut at the picture's edges, non-maximum suppression at 0.6, at most
 * SS_FCOS_MOST_FOUND. `found` is room for levels x 1,000; *count says how many there are. `picture` is written into
 * each. */
#define SS_FCOS_ROOM (SS_FCOS_LEVELS * 1000)
void ss_fcos_decode(const ss_fcos_grid *grid, const float *logits, const float *distances, const float *centreness,
                    int32_t picture, ss_found_box *found, size_t *count);

#endif
