/* What the processor can do, asked at run time. */
#ifndef SS_ENGINE_CPU_FEATURES_H
#define SS_ENGINE_CPU_FEATURES_H

#include <stdbool.h>
#include <stddef.h>

/* Whether bf16 arithmetic is in hardware (AVX-512 BF16 or AMX), so that `--precision bf16` is worth having: without it
 * convolutions in bf16 fall back on plain loops. */
bool ss_cpu_has_bf16(void);

/* Fills `names` with the instruction sets that matter to speed, as "avx2 avx512 avx512_bf16 amx_bf16"; "baseline" if
 * there are none. Always ends in 0. */
void ss_cpu_feature_names(char *names, size_t size);

#endif
