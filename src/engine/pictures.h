/* Pictures kept in a GPU's memory, and random views of them made there: crop, resize, flip, change of colour, blur,
 * solarise, normalise. A view has the bytes that ss_view_make gives on the processors, and the floats that
 * ss_image_to_float gives of them (augment/view.h); what is drawn comes in plain numbers, as the engine does not know
 * that room.
 *
 *     ss_device_pictures_open(device, 50000, 50000 * 32 * 32 * 3, &pictures, error);
 *     ss_device_pictures_add(pictures, pixels, 32, 32, 3, error);              // once for each
 *     ss_device_pictures_views(pictures, views, 512, 32, mean, deviation,
 *                              ss_plan_input_place(plan, input), error);       // before each run
 */
#ifndef SS_ENGINE_PICTURES_H
#define SS_ENGINE_PICTURES_H

#include "engine/device.h"

#include <stdint.h>

enum { SS_VIEW_BRIGHTNESS, SS_VIEW_CONTRAST, SS_VIEW_SATURATION, SS_VIEW_HUE, SS_VIEW_CHANGES };

#define SS_VIEW_NEVER_SOLARIZE 256
#define SS_VIEW_MAX_FACTOR 1e6f /* of a change of colour: its products with a byte are whole numbers of 32 bits */
#define SS_VIEW_MAX_SIGMA 100.0f

/* One view, done in the order of the fields. */
typedef struct ss_device_view {
  int64_t picture;                  /* by the order in which they were added, from 0 */
  int32_t left, top, width, height; /* the crop, inside the picture; resized (bilinear, antialiased) to the view */
  int32_t flip;                     /* 1: left and right are mirrored */
  int32_t changes;                  /* of colour, 0 to 4 */
  int32_t change[SS_VIEW_CHANGES];  /* the first `changes` are done, in this order: SS_VIEW_BRIGHTNESS ... */
  float factor[SS_VIEW_CHANGES]; /* by SS_VIEW_BRIGHTNESS ...: 0 to 1e6, 1 changes nothing; hue's a turn, -0.5..0.5 */
  int32_t gray;                  /* 1: loses its colour */
  float sigma;                   /* of the blur in pixels of the view, 0 (none) to 100 */
  int32_t solarize_from;         /* values from here on are inverted, 0 to 256 (never) */
} ss_device_view;

typedef struct ss_device_pictures ss_device_pictures;

/* Room in the device's memory for `count` pictures of `bytes` bytes in all. SS_NO_MEMORY where the device has less;
 * SS_FAILED for a device without memory of its own (NULL: the processors). Used by one thread at a time. */
ss_status ss_device_pictures_open(const ss_device *device, int64_t count, int64_t bytes, ss_device_pictures **out,
                                  ss_error *error);

/* Adds the next picture: pixels[(y * width + x) * channels + c], 1 (grey) or 3 channels, sides up to
 * SS_IMAGE_MAX_SIDE. The pixels are the caller's again on return. SS_USAGE where there is no room for it. */
ss_status ss_device_pictures_add(ss_device_pictures *pictures, const uint8_t *pixels, int width, int height,
                                 int channels, ss_error *error);

/* Makes `count` views into `out`, memory of the device: (count, size, size, 3) float32, (pixel / 255 - mean) /
 * deviation; grey pictures are repeated to three channels. Queued behind the device's work before it; the views are
 * the caller's again on return. SS_USAGE for a view that is out of its ranges: then none is made. Working memory grows
 * with the views and with the largest picture: SS_NO_MEMORY where there is none. */
ss_status ss_device_pictures_views(ss_device_pictures *pictures, const ss_device_view *views, int64_t count, int size,
                                   const float mean[3], const float deviation[3], void *out, ss_error *error);

/* After the work that uses them. NULL is fine. */
void ss_device_pictures_close(ss_device_pictures *pictures);

#endif
