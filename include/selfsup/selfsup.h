/* selfsup: self-supervised visual learning. The public C API.
 *
 *   #include <selfsup/selfsup.h>
 *
 *   ss_error error;
 *   ss_encoder *encoder;
 *   if (ss_encoder_open("runs/mine", NULL, &encoder, &error) != SS_OK) { ... error.message ... }
 *   float *features = malloc(ss_encoder_dim(encoder) * sizeof(float));
 *   ss_picture picture = {.width = 640, .height = 480, .pixels = rgb};
 *   ss_encoder_run(encoder, &picture, 1, features, &error);
 *   ss_encoder_free(encoder);
 *
 * Every function that can fail returns an ss_status and, where it takes an ss_error, leaves one line there that says
 * what is wrong, about which file or value, and what to do. No function prints, exits, or keeps global state. A handle
 * may be used by one thread at a time; different handles by different threads at once.
 */
#ifndef SELFSUP_SELFSUP_H
#define SELFSUP_SELFSUP_H

#include <stddef.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

#define SS_API __attribute__((visibility("default")))

/* The outcome of a call. SS_USAGE: the caller's words are wrong (an unknown option, a value out of range). SS_FAILED:
 * the world's are (a missing file, corrupt data). SS_INTERRUPTED: stopped on request, state saved. */
typedef enum ss_status {
  SS_OK = 0,
  SS_FAILED = 1,
  SS_USAGE = 2,
  SS_NO_MEMORY = 3,
  SS_INTERRUPTED = 4,
} ss_status;

/* One line of explanation, without a final full stop or newline; empty while nothing failed. */
typedef struct ss_error {
  char message[512];
} ss_error;

/* The library's version, "0.1.0". */
SS_API const char *ss_version(void);

/* A frozen backbone that turns pictures into features. */
typedef struct ss_encoder ss_encoder;

/* Zeroed: the defaults. */
typedef struct ss_encoder_options {
  int size;    /* pixels a side that pictures are brought to; 0: the size the model was trained at */
  int batch;   /* pictures computed at a time; 0: 16 */
  int threads; /* 0: the processors this process may use */
} ss_encoder_options;

/* 8 bits a channel, red, green, blue interleaved, rows from the top without padding: width * height * 3 bytes, which
 * stay the caller's. */
typedef struct ss_picture {
  int width;
  int height;
  const uint8_t *pixels;
} ss_picture;

/* Opens `model`: a run folder, a .safetensors file (ours or torchvision's), or random:ARCH. options may be NULL. The
 * caller frees *encoder. SS_FAILED when there is no such model or it is damaged, SS_USAGE when its name is not
 * understood. */
SS_API ss_status ss_encoder_open(const char *model, const ss_encoder_options *options, ss_encoder **encoder,
                                 ss_error *error);
SS_API void ss_encoder_free(ss_encoder *encoder); /* NULL is fine */

SS_API size_t ss_encoder_dim(const ss_encoder *encoder); /* numbers a picture's features have */
SS_API int ss_encoder_size(const ss_encoder *encoder);   /* pixels a side that pictures are brought to */

/* Writes the features of `count` pictures to features (count, dim): each picture's shorter side is resized to the
 * encoder's size, its centre cut out, normalised, and the backbone's output averaged over all places; what `selfsup
 * embed` writes, to the bit. SS_USAGE for a picture without pixels or of no size. */
SS_API ss_status ss_encoder_run(ss_encoder *encoder, const ss_picture *pictures, size_t count, float *features,
                                ss_error *error);

#ifdef __cplusplus
}
#endif
#endif
