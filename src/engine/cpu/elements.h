/* Inside the CPU kernels: elements of float32 and bf16 alike, in loops that the compiler turns into vectors. */
#ifndef SS_ENGINE_CPU_ELEMENTS_H
#define SS_ENGINE_CPU_ELEMENTS_H

#include "base/bfloat16.h"
#include "base/compiler.h"
#include "engine/tensor.h"

/* Elements worked on at a time where types are converted: three such blocks of float32 fit the first cache. */
#define SS_BLOCK 1024
/* Elements that are one piece of a parallel loop; partial sums are per chunk, whatever the number of threads. */
#define SS_CHUNK 16384

/* Forces inlining, so that an argument that is constant at the call is one in the loop. */
#define SS_INLINE static inline __attribute__((always_inline))

/* As ss_bf16_from_float, without a branch. */
SS_INLINE ss_bf16 ss_element_narrow(float value) {
  uint32_t bits;
  memcpy(&bits, &value, sizeof bits);
  const uint32_t rounded = bits + 0x7FFFu + ((bits >> 16) & 1u);
  return (ss_bf16)(((bits & 0x7FFFFFFFu) > 0x7F800000u ? bits | 0x00400000u : rounded) >> 16);
}

/* e^x to about 1 ulp, 0 below -87.33 and infinite above 88.72: Cephes' reduction by ln 2 and its polynomial. */
SS_INLINE float ss_element_exp(float x) {
  const float clamped = x > 88.8f ? 88.8f : (x < -87.4f ? -87.4f : x);
  const float magic = 12582912.0f; /* 1.5 x 2^23: adding it rounds to a whole number */
  const float n = (clamped * 1.44269504088896341f + magic) - magic;
  const float r = (clamped - n * 0.693359375f) + n * 2.12194440e-4f;
  float p = 1.9875691500e-4f;
  p = p * r + 1.3981999507e-3f;
  p = p * r + 8.3334519073e-3f;
  p = p * r + 4.1665795894e-2f;
  p = p * r + 1.6666665459e-1f;
  p = p * r + 5.0000001201e-1f;
  p = p * r * r + r + 1.0f;
  /* 2^n in two factors, for n may be 128; a NaN has no n, and stays one through p */
  const int32_t whole = x == x ? (int32_t)n : 0;
  const int32_t half = whole >> 1;
  const uint32_t bits[2] = {(uint32_t)(half + 127) << 23, (uint32_t)(whole - half + 127) << 23};
  float first, second;
  memcpy(&first, &bits[0], sizeof first);
  memcpy(&second, &bits[1], sizeof second);
  const float result = p * first * second;
  return x < -87.33f ? 0.0f : result;
}

/* Elements [at, at + count) as float32: where they are, or converted into `buffer` (count <= SS_BLOCK). */
const float *ss_elements_read(const void *data, ss_dtype dtype, int64_t at, int64_t count, float *buffer);
/* As ss_elements_read, of elements at, at + stride, at + 2 stride ...; a stride of 0 repeats one. */
const float *ss_elements_read_strided(const void *data, ss_dtype dtype, int64_t at, int64_t stride, int64_t count,
                                      float *buffer);
/* Where float32 results for [at, at + count) are to be put: in place, or `buffer` and then ss_elements_write. */
float *ss_elements_target(void *data, ss_dtype dtype, int64_t at, float *buffer);
void ss_elements_write(void *data, ss_dtype dtype, int64_t at, int64_t count, const float *buffer);

/* One element. */
float ss_element_at(const void *data, ss_dtype dtype, int64_t at);
void ss_element_put(void *data, ss_dtype dtype, int64_t at, float value);

/* Copies bytes with several threads if they are many. */
void ss_elements_copy(void *to, const void *from, size_t bytes, int threads);

#endif
