/* What a device could do at best, measured: what profiles compare with. */
#ifndef SS_ENGINE_PEAK_H
#define SS_ENGINE_PEAK_H

#include "engine/device.h"

typedef struct ss_peak {
  double f32_flops;  /* a second: products of float32, a multiply-add counted as two */
  double bf16_flops; /* of bf16 pairs into float32 */
  double bytes;      /* a second: reading two arrays and writing a third, larger than the caches */
} ss_peak;

/* The processors with that number of threads, in registers: AMX tiles, AVX-512 or AVX2, float32 also as six products of
 * bf16 parts. A device with memory of its own by its libraries' products of large matrices, float32 as TF32 if that is
 * wanted. A second or less; all zero if there is no memory for it. */
ss_peak ss_peak_measure(const ss_device *device, bool tf32, int threads);

#endif
