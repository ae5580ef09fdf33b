/* Pictures in the test view, batch by batch, as a network reads them. */
#ifndef SS_FEATURES_PICTURES_H
#define SS_FEATURES_PICTURES_H

#include "data/loader.h"
#include "nets/model.h"

typedef struct ss_picture_options {
  int size;      /* pixels a side */
  int batch;     /* pictures at a time */
  int threads;   /* of the loader; at least 1 */
  int64_t first; /* pictures before it are left out: a multiple of the batch, less than there are */
  double max_bad;
  ss_loader_bad bad; /* with a NULL context; may be NULL */
} ss_picture_options;

/* Writes a picture of the model's size as the model takes it: (H, W, 3), normalised RGB, lightness, Lab or edges. */
void ss_picture_for_model(const ss_model *model, const ss_image *picture, float *out);

/* How files are decoded for views of `size` pixels: JPEGs at the smallest scale that leaves twice as many, so that the
 * resize still does most of the work; as in training. */
ss_decode_options ss_pictures_decoding(int size);

typedef struct ss_pictures ss_pictures;

/* The subset's pictures once, in order, as the model takes them. `model` must outlive it. */
ss_status ss_pictures_open(const ss_model *model, const ss_source *source, const ss_subset *subset,
                           const ss_picture_options *options, ss_pictures **out, ss_error *error);
void ss_pictures_close(ss_pictures *pictures);

/* Writes the next batch to images (batch, size, size, 3) and says how many there are (0: the end) and which. Rows
 * beyond are left alone. A picture that does not decode is an error beyond max_bad, else the next one stands for it. */
ss_status ss_pictures_next(ss_pictures *pictures, float *images, const uint32_t **samples, int64_t *count,
                           ss_error *error);

#endif
