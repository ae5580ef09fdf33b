/* One bit an element: what a ReLU let through. Bit i % 8 of mask[i / 8] is element i's. */
#ifndef SS_ENGINE_CPU_RELU_MASK_H
#define SS_ENGINE_CPU_RELU_MASK_H

#include <stdint.h>

/* ReLU in place, NaN stays; sets the mask's bits where values were positive, unless `mask` is NULL. Bits past `count`
 * in the last byte are zero. */
void ss_relu_mask_make(float *values, uint8_t *mask, int64_t count);
/* out[i] = in[i] where the bit is set, else zero; out may be in. */
void ss_relu_mask_apply(float *out, const float *in, const uint8_t *mask, int64_t count);

#endif
