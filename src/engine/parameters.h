/* What a network has learned: named values that outlive the graphs that use them. */
#ifndef SS_ENGINE_PARAMETERS_H
#define SS_ENGINE_PARAMETERS_H

#include "engine/device.h"
#include "engine/tensor.h"

/* How a new parameter is filled; drawn from Philox by seed and name, so the same name has the same numbers whatever
 * else the network has. fan_in and fan_out as in PyTorch: dims[1] (dims[0]) x the kernel's area. */
typedef enum ss_initializer_kind {
  SS_INIT_CONSTANT,               /* scale */
  SS_INIT_NORMAL,                 /* deviation: scale */
  SS_INIT_UNIFORM,                /* [-scale, scale) */
  SS_INIT_KAIMING_NORMAL_FAN_OUT, /* deviation sqrt(2 / fan_out): torchvision's ResNet and VGG convolutions */
  SS_INIT_KAIMING_UNIFORM         /* bound 1 / sqrt(fan_in): PyTorch's default for linear and convolution weights */
} ss_initializer_kind;

typedef struct ss_initializer {
  ss_initializer_kind kind;
  float scale;
} ss_initializer;

#define SS_INIT_ZEROS ((ss_initializer){SS_INIT_CONSTANT, 0.0f})
#define SS_INIT_ONES ((ss_initializer){SS_INIT_CONSTANT, 1.0f})

typedef enum ss_parameter_flags {
  SS_TRAINABLE = 1,   /* has a gradient; without it: a buffer (running statistics, counters) */
  SS_NORM_OR_BIAS = 2 /* excluded from weight decay and LARS's adaptation on request */
} ss_parameter_flags;

/* dtype is SS_F32, or SS_I64 for counters, SS_I32 for labels. Weights have PyTorch's order: convolution (O, I/groups,
 * kh, kw), linear (O, I), transposed convolution (I, O/groups, kh, kw). */
typedef struct ss_parameter {
  char *name;
  ss_dtype dtype;
  ss_shape shape;
  int64_t count;
  unsigned flags;
  void *value; /* owned by the store, aligned to 64 bytes; ss_parameters_settle says when it may be used */
  void *there; /* the engine's: its copy in a device's memory, or NULL */
} ss_parameter;

typedef struct ss_parameters ss_parameters;

/* An empty store; NULL when there is no memory. `seed` draws the initial values. */
ss_parameters *ss_parameters_new(uint64_t seed);
void ss_parameters_free(ss_parameters *parameters);

size_t ss_parameters_count(const ss_parameters *parameters);
ss_parameter *ss_parameters_at(const ss_parameters *parameters, size_t index);       /* in order of creation */
ss_parameter *ss_parameters_find(const ss_parameters *parameters, const char *name); /* NULL: none */

/* Whether the name starts with one of `prefixes`, which '|' separates ("backbone.|decoder."); "" is every name's. */
bool ss_parameter_matches(const ss_parameter *parameter, const char *prefixes);

/* The parameter of that name, made and initialised if it is new. Another shape or type than it has: SS_FAILED. */
ss_status ss_parameters_get(ss_parameters *parameters, const char *name, ss_dtype dtype, ss_shape shape,
                            ss_initializer initializer, unsigned flags, ss_parameter **out, ss_error *error);

/* A plan on a device with memory of its own computes with copies there. Before `value` is written, and before it is
 * read after such a plan has run or an optimiser has updated from it, settle: brings the newest values to the host,
 * from where the next run takes them again. Costs nothing where all is on the host. */
ss_status ss_parameters_settle(ss_parameters *parameters, ss_error *error);

/* Writes `count` elements from element `at` on into a parameter, on the host and wherever else its newest values are:
 * what only the host writes, in this way, can be read from `value` at any time. */
ss_status ss_parameters_write(ss_parameters *parameters, ss_parameter *parameter, int64_t at, const void *values,
                              int64_t count, ss_error *error);

/* target = momentum x target + (1 - momentum) x source for each parameter target_prefix + X that has a source_prefix +
 * X; counters are copied. momentum 0 copies. SS_FAILED when a target has no source of its shape. (MoCo, equation 2;
 * BYOL, equation 1.) Buffers (running statistics) are left alone unless `buffers`. */
ss_status ss_parameters_average(ss_parameters *parameters, const char *target_prefix, const char *source_prefix,
                                float momentum, bool buffers, ss_error *error);

#endif
