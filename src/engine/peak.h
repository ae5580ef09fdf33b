/* What this machine could do at best, measured: what profiles compare with. */
#ifndef SS_ENGINE_PEAK_H
#define SS_ENGINE_PEAK_H

/* Each with the number of threads it was measured on; a fraction of a second of work in all. */
typedef struct ss_peak {
  double f32_flops;  /* a second: multiply-adds of float32 in registers, counted as two */
  double bf16_flops; /* of bf16 pairs into float32: AMX tiles, AVX-512 BF16, or f32_flops where there is neither */
  double bytes;      /* a second: reading two arrays and writing a third, larger than the caches of a core */
} ss_peak;

/* All zero if there is no memory for it. */
ss_peak ss_peak_measure(int threads);

#endif
