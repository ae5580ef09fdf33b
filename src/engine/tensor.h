/* Tensors of the graph: shapes, data types, layouts. */
#ifndef SS_ENGINE_TENSOR_H
#define SS_ENGINE_TENSOR_H

#include "base/status.h"

#include <stdbool.h>
#include <stdint.h>

#define SS_MAX_RANK 5

typedef enum ss_dtype { SS_F32, SS_BF16, SS_I32, SS_I64, SS_U8 } ss_dtype;

/* How a (N, ..., C) tensor lies in memory. SS_LAYOUT_BLOCK16, of (N, H, W, C) with N a multiple of 16, is
 * [N/16][H][W][16][C]: sixteen images side by side at each pixel, what the AMX convolutions read. Channels are last in
 * both, so element-wise operations and norms do not care. */
typedef enum ss_layout { SS_LAYOUT_PLAIN, SS_LAYOUT_BLOCK16 } ss_layout;

/* Axes outermost first, channels last: (N, C), (N, H, W, C), (N, D, H, W, C). A scalar is (1). */
typedef struct ss_shape {
  int rank;
  int64_t dims[SS_MAX_RANK];
} ss_shape;

typedef struct ss_tensor ss_tensor;

/* ss_shape_of(3, 4) is the shape (3, 4). */
#define ss_shape_of(...) \
  ss_shape_make((int)(sizeof((int64_t[]){__VA_ARGS__}) / sizeof(int64_t)), (const int64_t[]){__VA_ARGS__})
ss_shape ss_shape_make(int rank, const int64_t *dims);
int64_t ss_shape_count(ss_shape shape); /* the number of elements */
bool ss_shape_equal(ss_shape a, ss_shape b);
/* Writes "(128, 32, 32, 3)" to `text` and returns it. */
const char *ss_shape_text(ss_shape shape, char text[80]);

size_t ss_dtype_size(ss_dtype dtype);
const char *ss_dtype_name(ss_dtype dtype); /* "f32", "bf16", ... */

ss_shape ss_tensor_shape(const ss_tensor *tensor);
int64_t ss_tensor_dim(const ss_tensor *tensor, int axis); /* axis < 0 counts from the last */
int ss_tensor_rank(const ss_tensor *tensor);
ss_dtype ss_tensor_dtype(const ss_tensor *tensor);
ss_layout ss_tensor_layout(const ss_tensor *tensor);

#endif
