/* selfsup: self-supervised visual learning. The public C API.
 *
 * Features of pictures, from a model that `selfsup pretrain` or ss_pretrain has made, or from torchvision's weights:
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
 * Learning from pictures that the program has in memory, a database or a camera: ss_pretrain. Whole programs are in
 * examples/: features.c, neighbours.c, pretrain.c.
 *
 * Errors. Every function that can fail returns an ss_status and, where it takes an ss_error (which may be NULL), leaves
 * one line there that says what is wrong, about which file or value, and what to do. No function prints, exits, or
 * changes signal handlers, the locale or the environment.
 *
 * Threads. There is no global state. A handle may be used by one thread at a time, different handles by different
 * threads at once. Functions compute with OpenMP, on `threads` processors.
 *
 * Memory. What a function returns through a handle is freed with that handle; texts live as long as what they describe;
 * those of methods and options always.
 *
 * Surroundings. Which kernels are fastest here is measured once and remembered in ${XDG_CACHE_HOME:-~/.cache}/selfsup,
 * as by the program; a folder that cannot be written is done without. OpenMP's threads spin for milliseconds when they
 * wait, and programs that share processors slow each other manyfold so: set OMP_WAIT_POLICY=passive and
 * GOMP_SPINCOUNT=1000 in the environment before the process starts, as `selfsup` does for itself.
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

/* ---- features ---- */

/* A frozen backbone that turns pictures into features. */
typedef struct ss_encoder ss_encoder;

/* Zeroed: the defaults. */
typedef struct ss_encoder_options {
  int size;    /* pixels a side that pictures are brought to; 0: the size the model was trained at */
  int batch;   /* pictures computed at a time, at most; 0: 256, less where a call brings fewer */
  int threads; /* 0: the processors this process may use */
  /* The layer whose features are wanted, a name of ss_encoder_layer. NULL: the backbone's output, averaged over all
   * places. A layer's map is averaged down to k x k places, k as large as gives at most 9,216 numbers (what
   * `selfsup probe` measures), or with whole_map left as it is. */
  const char *layer;
  int whole_map;
} ss_encoder_options;

/* What an encoder is, and how it sees pictures. */
typedef struct ss_encoder_info {
  const char *arch;   /* "resnet18" */
  int width;          /* channels of its first stage */
  int size;           /* pixels a side that pictures are brought to */
  const char *input;  /* what it is shown: "rgb", "lightness", "lab", "sobel" */
  float mean[3];      /* of "rgb": a value v of 0 to 1 of channel c is shown as (v - mean[c]) / deviation[c] */
  float deviation[3]; /* red, green, blue */
  size_t layers;      /* how many it has */
  int rows, columns;  /* places that a picture's features are of; 1, 1 of the backbone's output */
  size_t channels;    /* numbers a place */
} ss_encoder_info;

/* 8 bits a channel, red, green, blue interleaved, rows from the top without padding: width * height * 3 bytes, which
 * stay the caller's. */
typedef struct ss_picture {
  int width;
  int height;
  const uint8_t *pixels;
} ss_picture;

/* Opens `model`: a run folder, a .safetensors file (ours or torchvision's), or random:ARCH. options may be NULL. The
 * caller frees *encoder, which is NULL after an error. SS_FAILED when there is no such model or it is damaged, SS_USAGE
 * when its name, the layer's or an option is not understood. */
SS_API ss_status ss_encoder_open(const char *model, const ss_encoder_options *options, ss_encoder **encoder,
                                 ss_error *error);
SS_API void ss_encoder_free(ss_encoder *encoder); /* NULL is fine */

/* Numbers of a picture's features: rows * columns * channels. */
SS_API size_t ss_encoder_dim(const ss_encoder *encoder);
SS_API int ss_encoder_size(const ss_encoder *encoder); /* pixels a side that pictures are brought to */

/* Fills `info`; its texts are the encoder's. */
SS_API void ss_encoder_describe(const ss_encoder *encoder, ss_encoder_info *info);

/* The name of a layer, 0 the first: "conv1", "layer1", ...; NULL from info.layers on. */
SS_API const char *ss_encoder_layer(const ss_encoder *encoder, size_t index);

/* Writes the features of `count` pictures to features (count, rows, columns, channels): each picture's shorter side is
 * resized to the encoder's size, its centre cut out and normalised, then it goes through the backbone. SS_USAGE for a
 * picture without pixels or of no size. */
SS_API ss_status ss_encoder_run(ss_encoder *encoder, const ss_picture *pictures, size_t count, float *features,
                                ss_error *error);

/* The same of `count` JPEG, PNG, WebP, BMP, PGM or PPM files: what `selfsup embed` writes for them on this machine, to
 * the bit, with the same size, batch and threads. A large JPEG is decoded at a reduced scale, as in training, so that
 * its features differ a little from those of ss_encoder_run on all of its pixels. SS_FAILED, naming the first, when a
 * file is not there or not a picture; features are then undefined. */
SS_API ss_status ss_encoder_run_files(ss_encoder *encoder, const char *const *paths, size_t count, float *features,
                                      ss_error *error);

/* ---- handing a model on ---- */

/* Writes the backbone of `model` (as ss_encoder_open takes it) to `path`: FILE.safetensors with torchvision's names,
 * which torchvision's network loads with strict=True once its fc is an identity; or FILE.onnx, "images" (N, 3, size,
 * size) to "features" (N, D). The file appears whole or not at all. SS_USAGE for another ending. */
SS_API ss_status ss_export(const char *model, const char *path, ss_error *error);

/* ---- methods ---- */

typedef struct ss_method_info {
  const char *name;                    /* "simclr" */
  const char *summary;                 /* one line */
  const char *title, *authors, *venue; /* of the paper; "" where there is none */
  const char *defaults; /* training options that differ from the general defaults, "lr=0.06 epochs=200"; or "" */
  size_t options;       /* how many of its own it has */
} ss_method_info;

typedef struct ss_option_info {
  const char *name;
  const char *standard; /* the default, as text; NULL: found by the data and the machine */
  const char *help;     /* one line */
  const char *choices;  /* "sgd|lars|adam|adamw" where it is one of some words, else NULL */
} ss_option_info;

/* Method 0, 1, ...: fills `info` and returns 1; 0 when there is no such method. */
SS_API int ss_method_describe(size_t method, ss_method_info *info);
/* Option 0, 1, ... of a method: fills `info` and returns 1; 0 when there is no such option or method. */
SS_API int ss_method_option(size_t method, size_t option, ss_option_info *info);
/* The same of the options that training with any method has: "epochs", "batch", "arch", ... */
SS_API int ss_training_option(size_t option, ss_option_info *info);

/* ---- pretraining ---- */

/* Where a picture is put when it is asked for; the library's, valid during that call of `read` alone. */
typedef struct ss_canvas ss_canvas;

/* Memory for a picture of width x height, 8 bits a channel, red, green, blue interleaved, rows from the top without
 * padding: width * height * 3 bytes, to be filled before `read` returns. NULL when a side is not 1 to 65535 or there is
 * no memory. */
SS_API uint8_t *ss_canvas_resize(ss_canvas *canvas, int width, int height);
/* Or the bytes of a JPEG, PNG, WebP, BMP, PGM or PPM file, decoded here as pretraining from a folder decodes them.
 * SS_FAILED when they are no picture. */
SS_API ss_status ss_canvas_decode(ss_canvas *canvas, const void *bytes, size_t size, ss_error *error);
/* Or such a file. */
SS_API ss_status ss_canvas_read_file(ss_canvas *canvas, const char *path, ss_error *error);

/* The caller's pictures. The functions must give the same for the same index each time: the same seed then gives the
 * same bits, and a run can be resumed. */
typedef struct ss_picture_source {
  size_t count; /* at least 2, below 2^31 */
  /* Puts picture `index` (0 to count - 1) on the canvas with one of the functions above. Called from several threads at
   * once unless one_at_a_time; in an order of training's choosing, before training begins too (sizes, statistics); once
   * in an epoch, or once in all where the pictures fit into memory. Anything but SS_OK, with a line in `error`: the
   * picture cannot be read; it is told once (note), another one stands for it, and more than the option max-bad of them
   * end the run. SS_NO_MEMORY ends it at once. */
  ss_status (*read)(void *context, size_t index, ss_canvas *canvas, ss_error *error);
  /* The class of a picture, from 0; -1: none. Labels are used by methods that need them and by k-NN checks alone.
   * Called once for each picture, by the thread that called ss_pretrain. May be NULL: there are none. */
  int (*label)(void *context, size_t index);
  void *context;
  const char *name;  /* what messages and config.json call the pictures; NULL: "the caller's pictures" */
  int one_at_a_time; /* read is never called while another call of it has not returned */
} ss_picture_source;

/* What a run tells while it goes on. */
typedef struct ss_progress {
  int64_t step, steps; /* updates done, and in all */
  double epoch;        /* epochs done */
  double loss;         /* mean since the last report */
  double rate;         /* learning rate */
  double images_per_s; /* source images, since the last report */
  double seconds_left;
  double data_wait_fraction; /* of the time since the last report */
  double spread;             /* of the embeddings: 1 spread over all directions, 0 collapsed; NaN without embeddings */
} ss_progress;

/* The figures of a finished or interrupted run. */
typedef struct ss_train_result {
  int64_t steps;
  double epochs;
  int64_t images_seen;
  double images_per_s; /* steady state: without the first steps */
  double step_ms;      /* median */
  double data_wait_fraction;
  double loss;          /* of the last steps */
  double score, chance; /* of the method's own task on held-out pictures, and by guessing; NaN where there is none */
  double seconds;       /* of this call */
  double peak_rss_mb;   /* the most memory the process has held, in 10^6 bytes */
  int finished_before;  /* there was nothing left to do */
} ss_train_result;

/* A run to be made. Zeroed but for method, out, and one of data and pictures: the defaults. All of it stays the
 * caller's and must last until ss_pretrain returns. */
typedef struct ss_pretrain_options {
  const char *method;                /* "simclr": a name of ss_method_describe */
  const char *data;                  /* DATA as `selfsup pretrain` takes it: a folder, CIFAR files, tar shards, ... */
  const ss_picture_source *pictures; /* or the caller's own */
  /* "key=value", of ss_method_option and ss_training_option, ended by NULL; or NULL. */
  const char *const *settings;
  /* The run folder, made when it is missing; a run that is in it already is an error but with resume. */
  const char *out;
  int resume; /* goes on from the run's last checkpoint, to the same bits; without one, starts */
  /* Callbacks, each optional. */
  void *context;
  int (*progress)(void *context, const ss_progress *progress); /* every log_every updates; not 0: stop */
  int (*should_stop)(void *context);                           /* after every update; not 0: stop */
  /* One line worth reading, without a newline: a score, a picture that is skipped. From any thread, one at a time with
   * respect to itself but not to the others. */
  void (*note)(void *context, const char *line);
} ss_pretrain_options;

/* Learns a backbone without labels, into the run folder `out` (config.json, metrics.jsonl, checkpoint.safetensors,
 * backbone.safetensors, samples/), which ss_encoder_open then takes. What `selfsup pretrain` does. progress and
 * should_stop are called by the calling thread.
 *
 * SS_INTERRUPTED: stopped on request after the update at hand; the checkpoint is saved and the result filled. SS_USAGE:
 * an unknown method, option or value, with the nearest known one. SS_FAILED: no pictures, too many that cannot be read,
 * a loss that is not finite, a disk that is full; the last checkpoint stays. `result` may be NULL. */
SS_API ss_status ss_pretrain(const ss_pretrain_options *options, ss_train_result *result, ss_error *error);

#ifdef __cplusplus
}
#endif
#endif
