/* Transformer layers: attention over a set of vectors (Vaswani et al., Attention Is All You Need, NIPS 2017). */
#ifndef SS_METHODS_ATTENTION_H
#define SS_METHODS_ATTENTION_H

#include "engine/operations.h"

typedef struct ss_transformer_options {
  int heads;       /* a divisor of D */
  int inner;       /* outputs of the first of the feed-forward part's two layers */
  float dropout;   /* of attention weights, of the inner layer and before each sum */
  bool norm_first; /* layer norm before each part; otherwise after its sum, as in the paper */
} ss_transformer_options;

/* (B, T, D) -> (B, T, D): multi-head self-attention, softmax(q k' / sqrt(D / heads)) v by head (section 3.2.2).
 * Parameters of torch.nn.MultiheadAttention: in_proj_weight (3D, D), in_proj_bias, out_proj.weight, out_proj.bias. */
ss_tensor *ss_self_attention(ss_graph *graph, ss_tensor *x, int heads, float dropout, const char *name);

/* (B, T, D) -> (B, T, D): self-attention and a feed-forward part of two linear layers with a ReLU between, each with a
 * residual sum and a layer norm (section 3.1). Parameters of torch.nn.TransformerEncoderLayer: self_attn. ..., linear1,
 * linear2, norm1, norm2. */
ss_tensor *ss_transformer_layer(ss_graph *graph, ss_tensor *x, const ss_transformer_options *options, const char *name);

/* (B, T, D) -> (B, D): attention pooling (Trinh et al., Selfie, 2019): the output of `layers` transformer
 * layers at a learned vector u0 put before the others. Parameters NAME.u0 and NAME.layers.0. ... */
ss_tensor *ss_attention_pool(ss_graph *graph, ss_tensor *x, int layers, const ss_transformer_options *options,
                             const char *name);

#endif
