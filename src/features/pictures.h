/* Pictures in a view of one size, batch by batch, as a network reads them: to measure on, or to train a head on with
 * what it is to say of them. */
#ifndef SS_FEATURES_PICTURES_H
#define SS_FEATURES_PICTURES_H

#include "augment/view.h"
#include "data/loader.h"
#include "nets/model.h"

/* What of a picture is shown. */
typedef enum ss_picture_view {
  SS_PICTURE_CENTRE, /* the test view (ss_view_test): once, in order */
  SS_PICTURE_WHOLE,  /* all of it, resized to a square whatever its shape: once, in order */
  SS_PICTURE_CROP    /* in training: a random part of about the picture's own shape, mirrored half of the time, resized
                        likewise; without end, in a new order each epoch, whole batches alone */
} ss_picture_view;

/* What is to be said of each picture. */
typedef struct ss_picture_targets {
  size_t bytes; /* of one picture's; 0: there are none */
  /* Writes them, for the part of `image` that was drawn (not of SS_PICTURE_CENTRE). Called from any loader thread. */
  ss_status (*fill)(const void *context, uint32_t sample, const ss_image *image, const ss_view_draw *draw,
                    void *targets, ss_error *error);
  const void *context;
} ss_picture_targets;

typedef struct ss_picture_options {
  int size;      /* pixels a side */
  int batch;     /* pictures at a time */
  int threads;   /* of the loader; at least 1 */
  int64_t first; /* pictures before it are left out: a multiple of the batch, less than there are */
  ss_picture_view view;
  float min_scale; /* of SS_PICTURE_CROP: smallest share of a picture's area, above 0 to 1 */
  uint64_t seed;   /* of its order and parts */
  ss_picture_targets targets;
  double max_bad;
  ss_loader_bad bad; /* with a NULL context; may be NULL */
} ss_picture_options;

/* Writes a picture of the model's size as the model takes it: (H, W, 3), normalised RGB, lightness, Lab or edges. */
void ss_picture_for_model(const ss_model *model, const ss_image *picture, float *out);

/* How files are decoded for views of `size` pixels: JPEGs at the smallest scale that leaves twice as many, so that the
 * resize still does most of the work; as in training. */
ss_decode_options ss_pictures_decoding(int size);

typedef struct ss_pictures ss_pictures;

/* The subset's pictures as the model takes them. `model` must outlive it. */
ss_status ss_pictures_open(const ss_model *model, const ss_source *source, const ss_subset *subset,
                           const ss_picture_options *options, ss_pictures **out, ss_error *error);
void ss_pictures_close(ss_pictures *pictures);

/* Writes the next batch to images (batch, size, size, 3) and says how many there are (0: the end) and which. Rows
 * beyond are left alone. A picture that does not decode is an error beyond max_bad, else the next one stands for it. */
ss_status ss_pictures_next(ss_pictures *pictures, float *images, const uint32_t **samples, int64_t *count,
                           ss_error *error);
/* The targets of a row of the batch that came last, until the next one. */
void *ss_pictures_targets(const ss_pictures *pictures, int64_t row);

#endif
