/* The operations that a graph is recorded from. N: batch, H, W: height, width, D: depth (time), C, I, O: channels.
 * All accept NULL tensors (after a mistake) and then return NULL. */
#ifndef SS_ENGINE_OPERATIONS_H
#define SS_ENGINE_OPERATIONS_H

#include "engine/graph.h"

/* ---- convolution.c: weights in PyTorch's order, made as scope.name.weight (and .bias) ---- */

/* Spatial attributes in the order (D,) H, W; a zero kernel entry is an error, zero stride or dilation means 1,
 * zero groups means 1. */
typedef struct ss_convolution_options {
  int kernel[3];
  int stride[3];
  int padding[3];
  int dilation[3];
  int groups;
  bool bias;
  bool zero_bias;             /* starts at zero, as torchvision's VGG, instead of PyTorch's default */
  ss_initializer initializer; /* of the weight; zeroed struct: SS_INIT_KAIMING_UNIFORM as PyTorch's default */
} ss_convolution_options;

/* (N, L, I) -> (N, OL, O), OL as OH below; the options' first entries count; weight (O, I/groups, k). */
ss_tensor *ss_convolution1d(ss_graph *graph, ss_tensor *x, int output_channels, const ss_convolution_options *options,
                            const char *name);
/* (N, H, W, I) -> (N, OH, OW, O), OH = floor((H + 2 padding - dilation (kernel - 1) - 1) / stride) + 1. */
ss_tensor *ss_convolution2d(ss_graph *graph, ss_tensor *x, int output_channels, const ss_convolution_options *options,
                            const char *name);
/* (N, D, H, W, I) -> (N, OD, OH, OW, O). */
ss_tensor *ss_convolution3d(ss_graph *graph, ss_tensor *x, int output_channels, const ss_convolution_options *options,
                            const char *name);
/* (N, H, W, I) -> (N, OH, OW, O), OH = (H - 1) stride - 2 padding + dilation (kernel - 1) + output_padding + 1; weight
 * (I, O/groups, kh, kw). */
ss_tensor *ss_transposed_convolution2d(ss_graph *graph, ss_tensor *x, int output_channels,
                                       const ss_convolution_options *options, const int output_padding[2],
                                       const char *name);
ss_tensor *ss_transposed_convolution3d(ss_graph *graph, ss_tensor *x, int output_channels,
                                       const ss_convolution_options *options, const int output_padding[3],
                                       const char *name);
/* As ss_convolution2d/3d by rank, with given weight (O, I/groups, ...) and bias (O) or NULL. */
ss_tensor *ss_convolution_with(ss_graph *graph, ss_tensor *x, ss_tensor *weight, ss_tensor *bias,
                               const ss_convolution_options *options);

/* ---- matmul.c ---- */

/* (N, I) -> (N, O) = x weight^T + bias; weight (O, I) made as scope.name.weight with PyTorch's default initialisation.
 */
ss_tensor *ss_linear(ss_graph *graph, ss_tensor *x, int outputs, bool bias, const char *name);
ss_tensor *ss_linear_with(ss_graph *graph, ss_tensor *x, ss_tensor *weight, ss_tensor *bias);
/* alpha a b for (M, K) and (K, N), or batched (B, M, K) and (B, K, N); a transposed operand is given as (K, M) or (N,
 * K). Result float32 if both are float32, else the compute type. */
ss_tensor *ss_matmul(ss_graph *graph, ss_tensor *a, bool transpose_a, ss_tensor *b, bool transpose_b, float alpha);

/* ---- gru.c ---- */

/* A gated recurrent unit over time (Cho et al., EMNLP 2014), PyTorch's GRU of one layer: (N, T, I) -> (N, T, H),
 * float32, from a state of zeros. Gates r, z, n in this order: r = sigmoid(W_ir x + b_ir + W_hr h + b_hr), z likewise,
 * n = tanh(W_in x + b_in + r (W_hn h + b_hn)), h <- (1 - z) n + z h. Parameters scope.name.weight_ih_l0 (3H, I),
 * .weight_hh_l0 (3H, H), .bias_ih_l0 and .bias_hh_l0 (3H). What x gives is made for all times at once, in the compute
 * type. */
ss_tensor *ss_gru(ss_graph *graph, ss_tensor *x, int hidden, const char *name);

/* ---- normalization.c ---- */

typedef struct ss_batch_norm_options {
  float epsilon;  /* 0: 1e-5 */
  float momentum; /* of the running statistics as in PyTorch; 0: 0.1 */
  int groups;     /* the batch is that many parts (views) with statistics of their own; 0: ss_graph_norm_parts */
  bool no_affine; /* no weight and bias */
  bool no_bias;   /* weight but no bias */
} ss_batch_norm_options;

/* (N, ..., C), any rank from 2; statistics over all but C. Parameters scope.name.weight, .bias, buffers .running_mean,
 * .running_var, .num_batches_tracked. Running variance is unbiased, as PyTorch's. options may be NULL. */
ss_tensor *ss_batch_norm(ss_graph *graph, ss_tensor *x, const ss_batch_norm_options *options, const char *name);
/* Over the last axis, epsilon 1e-5, affine: scope.name.weight, .bias. */
ss_tensor *ss_layer_norm(ss_graph *graph, ss_tensor *x, const char *name);
/* x / (k + alpha / size sum x^2 over `size` neighbouring channels)^beta (AlexNet, section 3.3; PyTorch's
 * LocalResponseNorm). */
ss_tensor *ss_local_response_norm(ss_graph *graph, ss_tensor *x, int size, float alpha, float beta, float k);
/* x / max(||x||_2, 1e-12) over the last axis. */
ss_tensor *ss_l2_normalize(ss_graph *graph, ss_tensor *x);
/* Over the last axis. */
ss_tensor *ss_softmax(ss_graph *graph, ss_tensor *x);
ss_tensor *ss_log_softmax(ss_graph *graph, ss_tensor *x);
/* Each element zero with `probability` in training, the rest divided by (1 - probability); drawn from Philox by seed,
 * step, node and element. */
ss_tensor *ss_dropout(ss_graph *graph, ss_tensor *x, float probability);

/* ---- elementwise.c ---- */

ss_tensor *ss_relu(ss_graph *graph, ss_tensor *x);
ss_tensor *ss_leaky_relu(ss_graph *graph, ss_tensor *x, float slope);
/* x > 0 ? x : slope x with a learned slope for each channel (He et al., Delving Deep into Rectifiers, ICCV 2015),
 * scope.name.weight (C), 0.25 at first; prelu.c. */
ss_tensor *ss_prelu(ss_graph *graph, ss_tensor *x, const char *name);
ss_tensor *ss_sigmoid(ss_graph *graph, ss_tensor *x);
ss_tensor *ss_tanh(ss_graph *graph, ss_tensor *x);
ss_tensor *ss_exp(ss_graph *graph, ss_tensor *x);
ss_tensor *ss_log(ss_graph *graph, ss_tensor *x);
ss_tensor *ss_sqrt(ss_graph *graph, ss_tensor *x);
ss_tensor *ss_square(ss_graph *graph, ss_tensor *x);
ss_tensor *ss_abs(ss_graph *graph, ss_tensor *x);
/* scale x + offset */
ss_tensor *ss_affine(ss_graph *graph, ss_tensor *x, float scale, float offset);
/* Binary operations broadcast as NumPy does; of two types the result is float32 if either is. */
ss_tensor *ss_add(ss_graph *graph, ss_tensor *a, ss_tensor *b);
ss_tensor *ss_subtract(ss_graph *graph, ss_tensor *a, ss_tensor *b);
ss_tensor *ss_multiply(ss_graph *graph, ss_tensor *a, ss_tensor *b);
ss_tensor *ss_divide(ss_graph *graph, ss_tensor *a, ss_tensor *b);
ss_tensor *ss_cast(ss_graph *graph, ss_tensor *x, ss_dtype dtype);
/* The same values, with no gradient going back. */
ss_tensor *ss_stop_gradient(ss_graph *graph, ss_tensor *x);

/* ---- reduction.c ---- */

/* Over the axes whose bits are set in `axes`; reduced axes stay with length 1 if keep, else go. float32 result. */
ss_tensor *ss_reduce_sum(ss_graph *graph, ss_tensor *x, unsigned axes, bool keep);
ss_tensor *ss_reduce_mean(ss_graph *graph, ss_tensor *x, unsigned axes, bool keep);
ss_tensor *ss_reduce_max(ss_graph *graph, ss_tensor *x, unsigned axes, bool keep);
/* (N, ..., C) -> (N, C): mean over all places. The input's type. */
ss_tensor *ss_global_average_pool(ss_graph *graph, ss_tensor *x);
/* x repeated to `shape`, which it must broadcast to. */
ss_tensor *ss_broadcast(ss_graph *graph, ss_tensor *x, ss_shape shape);

/* ---- shape.c ---- */

/* One dim may be -1. */
ss_tensor *ss_reshape(ss_graph *graph, ss_tensor *x, ss_shape shape);
/* [begin, end) of one axis. */
ss_tensor *ss_slice(ss_graph *graph, ss_tensor *x, int axis, int64_t begin, int64_t end);
ss_tensor *ss_concatenate(ss_graph *graph, ss_tensor *const *parts, int count, int axis); /* at most 8 parts */
/* Axis i of the result is axis order[i] of x. */
ss_tensor *ss_transpose(ss_graph *graph, ss_tensor *x, const int *order);
/* Rows (first axis) by index: indices (M) int32 -> (M, ...). An index out of range reads as row 0 and is never out of
 * bounds. */
ss_tensor *ss_gather(ss_graph *graph, ss_tensor *x, ss_tensor *indices);
typedef enum ss_pad_mode { SS_PAD_ZERO, SS_PAD_REFLECT, SS_PAD_REPLICATE } ss_pad_mode;
/* before[i] and after[i] elements added on axis i. */
ss_tensor *ss_pad(ss_graph *graph, ss_tensor *x, const int *before, const int *after, ss_pad_mode mode);
/* (N, H, W, C r^2) -> (N, rH, rW, C), the channel order of PyTorch's PixelShuffle. */
ss_tensor *ss_pixel_shuffle(ss_graph *graph, ss_tensor *x, int factor);

/* ---- pooling.c ---- */

typedef struct ss_pool_options {
  int kernel[3]; /* (D,) H, W by the rank of x */
  int stride[3]; /* zero: the kernel's */
  int padding[3];
  bool count_padding; /* average pooling divides by the whole window, as PyTorch's default does */
} ss_pool_options;
ss_tensor *ss_max_pool(ss_graph *graph, ss_tensor *x, const ss_pool_options *options);
ss_tensor *ss_average_pool(ss_graph *graph, ss_tensor *x, const ss_pool_options *options);
/* (N, H, W, C) -> (N, h, w, C), windows as PyTorch's AdaptiveAvgPool2d. */
ss_tensor *ss_adaptive_average_pool(ss_graph *graph, ss_tensor *x, int height, int width);
ss_tensor *ss_adaptive_max_pool(ss_graph *graph, ss_tensor *x, int height, int width);
/* (N, H, W, C) -> (N, h, w, C), PyTorch's interpolate(mode="bilinear", align_corners=False, antialias=False). */
ss_tensor *ss_resize_bilinear(ss_graph *graph, ss_tensor *x, int height, int width);

/* ---- loss.c: float32 scalars (1), the mean over samples (or elements) unless weights are given ---- */

/* logits (N, K) with labels (N) int32, or targets (N, K) that sum to one, or both: labels (N, M) int32 and targets
 * (N, M) float32 without a gradient, the few classes that share row i and their shares, which sum to one; a class may
 * come twice, one outside 0..K-1 has no share. weights (N) or NULL: sum w l / sum w. A label (N) outside 0..K-1 makes
 * its sample count as weight 0 (PyTorch's ignore_index). */
ss_tensor *ss_cross_entropy(ss_graph *graph, ss_tensor *logits, ss_tensor *labels, ss_tensor *targets,
                            ss_tensor *weights);
/* Mean over all elements, of logits; weights as target's shape or NULL (then multiplied, still divided by the count).
 */
ss_tensor *ss_binary_cross_entropy(ss_graph *graph, ss_tensor *logits, ss_tensor *targets, ss_tensor *weights);
ss_tensor *ss_l1_loss(ss_graph *graph, ss_tensor *prediction, ss_tensor *target, ss_tensor *weights);
ss_tensor *ss_l2_loss(ss_graph *graph, ss_tensor *prediction, ss_tensor *target,
                      ss_tensor *weights); /* mean (p - t)^2 */
ss_tensor *ss_smooth_l1_loss(ss_graph *graph, ss_tensor *prediction, ss_tensor *target, float beta, ss_tensor *weights);
/* Mean of max(0, margin - sign prediction), sign +1 or -1. */
ss_tensor *ss_hinge_loss(ss_graph *graph, ss_tensor *prediction, ss_tensor *sign, float margin);
/* (N, D) each: mean of max(0, ||a - p||_2 - ||a - n||_2 + margin), PyTorch's TripletMarginLoss (its epsilon 1e-6). */
ss_tensor *ss_triplet_loss(ss_graph *graph, ss_tensor *anchor, ss_tensor *positive, ss_tensor *negative, float margin);
/* queries (N, D), positives (N, D), negatives (M, D) or NULL (then the other positives serve): -log softmax of the
 * positive at temperature; embeddings are normalised inside (van den Oord 2018, equation 4; MoCo, equation 1). */
ss_tensor *ss_info_nce(ss_graph *graph, ss_tensor *queries, ss_tensor *positives, ss_tensor *negatives,
                       float temperature);
/* (2N, D): views i and i + N of the same sample; mean over all 2N (SimCLR, equation 1). Normalised inside. */
ss_tensor *ss_nt_xent(ss_graph *graph, ss_tensor *embeddings, float temperature);
/* (N, D) each: -mean of the rows' cosines (BYOL, equation 2, but for a factor and a constant; lightly's
 * NegativeCosineSimilarity). */
ss_tensor *ss_negative_cosine_similarity(ss_graph *graph, ss_tensor *predictions, ss_tensor *targets);
/* The share (0 to 1) of rows of logits (N, K) whose largest is the label (N); not differentiable. */
ss_tensor *ss_accuracy(ss_graph *graph, ss_tensor *logits, ss_tensor *labels);

#endif
