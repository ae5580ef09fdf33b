#include "engine/cpu/peak.h"

#include "base/clock.h"
#include "base/memory.h"
#include "engine/cpu/amx_tile.h"
#include "engine/cpu/features.h"

#include <omp.h>
#include <stdint.h>

enum {
  chains = 12, /* independent sums: enough to fill the latency of two units */
  rounds = 2000,
  repeats = 5,
  array_floats = 16 << 20
};

/* Runs `rounds` rounds; returns the floating-point operations made. Results go to `sink` so that they are not left out.
 */
typedef double (*burst)(float *sink);

#if defined(__x86_64__)

__attribute__((target("avx512f"))) static double burst_avx512(float *sink) {
  __m512 sums[chains], a = _mm512_set1_ps(0.999f), b = _mm512_set1_ps(1e-3f);
  for (int i = 0; i < chains; i++) {
    sums[i] = _mm512_set1_ps((float)i);
  }
  for (int r = 0; r < rounds; r++) {
#pragma GCC unroll 12
    for (int i = 0; i < chains; i++) {
      sums[i] = _mm512_fmadd_ps(sums[i], a, b);
    }
  }
  for (int i = 1; i < chains; i++) {
    sums[0] = _mm512_add_ps(sums[0], sums[i]);
  }
  *sink += _mm512_reduce_add_ps(sums[0]);
  return 2.0 * 16 * chains * rounds;
}

__attribute__((target("avx2,fma"))) static double burst_avx2(float *sink) {
  __m256 sums[chains], a = _mm256_set1_ps(0.999f), b = _mm256_set1_ps(1e-3f);
  for (int i = 0; i < chains; i++) {
    sums[i] = _mm256_set1_ps((float)i);
  }
  for (int r = 0; r < rounds; r++) {
#pragma GCC unroll 12
    for (int i = 0; i < chains; i++) {
      sums[i] = _mm256_fmadd_ps(sums[i], a, b);
    }
  }
  for (int i = 1; i < chains; i++) {
    sums[0] = _mm256_add_ps(sums[0], sums[i]);
  }
  float out[8];
  _mm256_storeu_ps(out, sums[0]);
  *sink += out[0];
  return 2.0 * 8 * chains * rounds;
}

__attribute__((target("avx512f,avx512bf16"))) static double burst_avx512_bf16(float *sink) {
  __m512 sums[chains];
  const __m512bh a = _mm512_cvtne2ps_pbh(_mm512_set1_ps(0.5f), _mm512_set1_ps(0.25f));
  for (int i = 0; i < chains; i++) {
    sums[i] = _mm512_set1_ps((float)i);
  }
  for (int r = 0; r < rounds; r++) {
#pragma GCC unroll 12
    for (int i = 0; i < chains; i++) {
      sums[i] = _mm512_dpbf16_ps(sums[i], a, a);
    }
  }
  for (int i = 1; i < chains; i++) {
    sums[0] = _mm512_add_ps(sums[0], sums[i]);
  }
  *sink += _mm512_reduce_add_ps(sums[0]);
  return 2.0 * 32 * chains * rounds;
}

SS_AMX static double burst_amx(float *sink) {
  float zeros[256] = {0.0f};
  ss_amx_configure();
  _tile_zero(0);
  _tile_zero(1);
  _tile_zero(2);
  _tile_zero(3);
  _tile_loadd(4, zeros, 64);
  _tile_loadd(5, zeros, 64);
  for (int r = 0; r < rounds; r++) {
    _tile_dpbf16ps(0, 4, 5);
    _tile_dpbf16ps(1, 4, 5);
    _tile_dpbf16ps(2, 4, 5);
    _tile_dpbf16ps(3, 4, 5);
  }
  _tile_stored(0, zeros, 64);
  SS_AMX_FENCE();
  ss_amx_release();
  *sink += zeros[0];
  return 2.0 * 16 * 16 * 32 * 4 * rounds;
}

#endif

/* Four numbers at a time: what every 64-bit processor has. */
static double burst_plain(float *sink) {
  typedef float four __attribute__((vector_size(16)));
  four sums[chains] = {0};
  const four a = {0.999f, 0.999f, 0.999f, 0.999f}, b = {1e-3f, 1e-3f, 1e-3f, 1e-3f};
  for (int r = 0; r < rounds; r++) {
#pragma GCC unroll 12
    for (int i = 0; i < chains; i++) {
      sums[i] = sums[i] * a + b;
    }
  }
  for (int i = 0; i < chains; i++) {
    *sink += sums[i][0];
  }
  return 2.0 * 4 * chains * rounds;
}

static burst f32_burst(void) {
#if defined(__x86_64__)
  if (__builtin_cpu_supports("avx512f")) {
    return burst_avx512;
  }
  if (__builtin_cpu_supports("avx2") && __builtin_cpu_supports("fma")) {
    return burst_avx2;
  }
#endif
  return burst_plain;
}

static burst bf16_burst(void) {
#if defined(__x86_64__)
  if (ss_amx_available()) {
    return burst_amx;
  }
  if (ss_cpu_has_bf16()) {
    return burst_avx512_bf16;
  }
#endif
  return f32_burst();
}

/* Operations a second of all threads together, the best of a few tries. */
static double measure_flops(burst run, int threads) {
  double best = 0.0;
  for (int k = 0; k < repeats; k++) {
    double flops = 0.0, begin = 0.0;
    float sink = 0.0f;
#pragma omp parallel num_threads(threads) reduction(+ : flops, sink)
    {
      run(&sink); /* wakes the thread and the unit up */
#pragma omp barrier
#pragma omp master
      begin = ss_clock_seconds();
      for (int i = 0; i < 20; i++) {
        flops += run(&sink);
      }
    }
    const double seconds = ss_clock_seconds() - begin;
    const double rate = sink > -1e30f && seconds > 0.0 ? flops / seconds : 0.0;
    best = rate > best ? rate : best;
  }
  return best;
}

static void fill(float *out, float value, int threads) {
#pragma omp parallel for simd num_threads(threads) schedule(static)
  for (int64_t i = 0; i < array_floats; i++) {
    out[i] = value;
  }
}

static void sweep(const float *a, const float *b, float *c, int threads) {
#pragma omp parallel for simd num_threads(threads) schedule(static)
  for (int64_t i = 0; i < array_floats; i++) {
    c[i] = a[i] + 0.5f * b[i];
  }
}

static double measure_bytes(int threads) {
  const size_t bytes = sizeof(float) * array_floats;
  float *a = ss_alloc_aligned(bytes), *b = ss_alloc_aligned(bytes), *c = ss_alloc_aligned(bytes);
  double best = 0.0;
  if (a && b && c) {
    fill(a, 1.0f, threads); /* makes the pages too */
    fill(b, 2.0f, threads);
    fill(c, 0.0f, threads);
    for (int k = 0; k < repeats; k++) {
      const double begin = ss_clock_seconds();
      sweep(a, b, c, threads);
      const double seconds = ss_clock_seconds() - begin, rate = seconds > 0.0 ? 3.0 * (double)bytes / seconds : 0.0;
      best = rate > best ? rate : best;
    }
  }
  ss_free_aligned(a, bytes);
  ss_free_aligned(b, bytes);
  ss_free_aligned(c, bytes);
  return best;
}

ss_peak ss_cpu_peak_measure(int threads) {
  const double vector = measure_flops(f32_burst(), threads), bf16 = measure_flops(bf16_burst(), threads);
  const double as_parts = bf16 / 6.0; /* of three bf16 numbers each, without the least */
  return (ss_peak){
      .f32_flops = as_parts > vector ? as_parts : vector, .bf16_flops = bf16, .bytes = measure_bytes(threads)};
}
