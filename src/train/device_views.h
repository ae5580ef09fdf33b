/* Inside the trainer: views that a GPU makes of pictures in its memory, where a method's views are random ones
 * (ss_method.view_options) and the training pictures fit. The loader's threads only draw; the views are the same to the
 * byte. */
#ifndef SS_TRAIN_DEVICE_VIEWS_H
#define SS_TRAIN_DEVICE_VIEWS_H

#include "augment/view.h"
#include "data/source.h"
#include "engine/pictures.h"
#include "engine/plan.h"
#include "methods/method.h"

typedef struct ss_device_views ss_device_views;

/* Decodes the pictures of `train`, as `decoding` says, and takes them to the device. NULL in *out, and SS_OK, where the
 * device has no memory of its own, the method's views are others, or the pictures do not fit. `bytes` says how much
 * they take, 0 where it was not asked. */
ss_status ss_device_views_open(const ss_task *task, const ss_device *device, const ss_source *source,
                               const ss_subset *train, const ss_decode_options *decoding, ss_device_views **out,
                               int64_t *bytes, ss_error *error);
void ss_device_views_close(ss_device_views *views); /* NULL is fine */

/* What was drawn, in the engine's terms. */
ss_device_view ss_device_view_of(const ss_view_options *options, const ss_view_draw *draw, int64_t picture);

size_t ss_device_views_slot_bytes(const ss_device_views *views);

/* In a loader thread: draws the sample's views into its slot. */
void ss_device_views_draw(const ss_device_views *views, const ss_sample *sample, void *slot);

/* Has the views of `count` slots made into the plan's input. */
ss_status ss_device_views_make(ss_device_views *views, ss_plan *plan, const ss_tensor *input, const void *slots,
                               uint32_t count, ss_error *error);

#endif
