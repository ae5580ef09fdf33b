/* Shapes, and whether the processor can. */
#include "engine/cpu/amx_convolution.h"

#include "engine/cpu/amx_tile.h"

#if defined(__x86_64__) && defined(__linux__)

#include <cpuid.h>
#include <stdatomic.h>
#include <sys/syscall.h>
#include <unistd.h>

#define REQUEST_PERMISSION 0x1023 /* ARCH_REQ_XCOMP_PERM */
#define TILE_DATA 18              /* the state component that must be asked for */

static bool processor_has_amx(void) {
  unsigned a = 0, b = 0, c = 0, d = 0;
  if (!__get_cpuid(1, &a, &b, &c, &d) || !(c & (1u << 27))) { /* XGETBV */
    return false;
  }
  unsigned low = 0, high = 0;
  __asm__ volatile("xgetbv" : "=a"(low), "=d"(high) : "c"(0));
  const unsigned states = 0x6u | 0xE0u | 0x60000u; /* SSE and AVX, AVX-512, tile configuration and data */
  if ((low & states) != states || !__get_cpuid_count(7, 0, &a, &b, &c, &d)) {
    return false;
  }
  const unsigned avx512 = (1u << 16) | (1u << 17) | (1u << 30) | (1u << 31); /* F, DQ, BW, VL */
  const unsigned amx = (1u << 22) | (1u << 24);                              /* AMX-BF16, AMX-TILE */
  if ((b & avx512) != avx512 || (d & amx) != amx || a < 1 || !__get_cpuid_count(7, 1, &a, &b, &c, &d)) {
    return false;
  }
  return (a & (1u << 5)) != 0; /* AVX512-BF16 */
}

bool ss_amx_available(void) {
  static atomic_int known; /* 0 not yet, 1 no, 2 yes */
  int state = atomic_load(&known);
  if (state == 0) {
    state = processor_has_amx() && syscall(SYS_arch_prctl, REQUEST_PERMISSION, TILE_DATA) == 0 ? 2 : 1;
    atomic_store(&known, state);
  }
  return state == 2;
}

#else

bool ss_amx_available(void) {
  return false;
}

#endif

int ss_amx_convolution_out_height(const ss_amx_convolution *shape) {
  return (shape->height + 2 * shape->padding - shape->kernel) / shape->stride + 1;
}

int ss_amx_convolution_out_width(const ss_amx_convolution *shape) {
  return (shape->width + 2 * shape->padding - shape->kernel) / shape->stride + 1;
}

bool ss_amx_convolution_supports(const ss_amx_convolution *shape) {
  const bool first_layer =
      shape->input_channels <= 4 && shape->kernel * shape->input_channels <= 64 && shape->kernel <= 11;
  const bool channels =
      shape->input_channels > 0 && (first_layer || (shape->input_channels % SS_AMX_BLOCK == 0 && shape->kernel <= 7));
  const int most_stride = first_layer ? 4 : 2;
  return channels && shape->batch > 0 && shape->batch % SS_AMX_BLOCK == 0 && shape->output_channels > 0 &&
         shape->output_channels % SS_AMX_BLOCK == 0 && shape->kernel >= 1 && shape->stride >= 1 &&
         shape->stride <= most_stride && shape->padding >= 0 && shape->padding < shape->kernel && shape->height > 0 &&
         shape->width > 0 && shape->height + 2 * shape->padding >= shape->kernel &&
         shape->width + 2 * shape->padding >= shape->kernel;
}

bool ss_amx_convolution_supports_backward_data(const ss_amx_convolution *shape) {
  return ss_amx_convolution_supports(shape) && shape->input_channels % SS_AMX_BLOCK == 0;
}

#if !defined(__x86_64__)

/* Elsewhere ss_amx_available() is false, and nothing below is called. */

size_t ss_amx_convolution_forward_scratch(const ss_amx_convolution *shape, int threads) {
  (void)shape;
  (void)threads;
  return 0;
}

size_t ss_amx_convolution_data_scratch(const ss_amx_convolution *shape, int threads) {
  (void)shape;
  (void)threads;
  return 0;
}

size_t ss_amx_convolution_weight_scratch(const ss_amx_convolution *shape, int threads) {
  (void)shape;
  (void)threads;
  return 0;
}

void ss_amx_convolution_forward(const ss_amx_convolution *shape, const uint16_t *x, const float *weights,
                                const float *bias, uint16_t *y, void *scratch, int threads) {
  (void)shape;
  (void)x;
  (void)weights;
  (void)bias;
  (void)y;
  (void)scratch;
  (void)threads;
}

void ss_amx_convolution_backward_data(const ss_amx_convolution *shape, const uint16_t *dy, const float *weights,
                                      uint16_t *dx, void *scratch, int threads) {
  (void)shape;
  (void)dy;
  (void)weights;
  (void)dx;
  (void)scratch;
  (void)threads;
}

void ss_amx_convolution_backward_weight(const ss_amx_convolution *shape, const uint16_t *x, const uint16_t *dy,
                                        float *dw, void *scratch, int threads) {
  (void)shape;
  (void)x;
  (void)dy;
  (void)dw;
  (void)scratch;
  (void)threads;
}

#endif
