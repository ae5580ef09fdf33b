#include "engine/cpu/elements.h"

SS_MULTIVERSION static void widen_bf16(const ss_bf16 *in, float *out, int64_t count) {
#pragma omp simd
  for (int64_t i = 0; i < count; i++) {
    out[i] = ss_bf16_to_float(in[i]);
  }
}

SS_MULTIVERSION static void narrow_bf16(const float *in, ss_bf16 *out, int64_t count) {
#pragma omp simd
  for (int64_t i = 0; i < count; i++) {
    out[i] = ss_element_narrow(in[i]);
  }
}

SS_MULTIVERSION static void widen_i32(const int32_t *in, float *out, int64_t count) {
#pragma omp simd
  for (int64_t i = 0; i < count; i++) {
    out[i] = (float)in[i];
  }
}

SS_MULTIVERSION static void widen_u8(const uint8_t *in, float *out, int64_t count) {
#pragma omp simd
  for (int64_t i = 0; i < count; i++) {
    out[i] = (float)in[i];
  }
}

const float *ss_elements_read(const void *data, ss_dtype dtype, int64_t at, int64_t count, float *buffer) {
  switch (dtype) {
    case SS_F32:
      return (const float *)data + at;
    case SS_BF16:
      widen_bf16((const ss_bf16 *)data + at, buffer, count);
      break;
    case SS_I32:
      widen_i32((const int32_t *)data + at, buffer, count);
      break;
    case SS_U8:
      widen_u8((const uint8_t *)data + at, buffer, count);
      break;
    case SS_I64:
      for (int64_t i = 0; i < count; i++) {
        buffer[i] = (float)((const int64_t *)data)[at + i];
      }
      break;
  }
  return buffer;
}

const float *ss_elements_read_strided(const void *data, ss_dtype dtype, int64_t at, int64_t stride, int64_t count,
                                      float *buffer) {
  if (stride == 1) {
    return ss_elements_read(data, dtype, at, count, buffer);
  }
  if (stride == 0) {
    const float value = ss_element_at(data, dtype, at);
    for (int64_t i = 0; i < count; i++) {
      buffer[i] = value;
    }
    return buffer;
  }
  for (int64_t i = 0; i < count; i++) {
    buffer[i] = ss_element_at(data, dtype, at + i * stride);
  }
  return buffer;
}

float *ss_elements_target(void *data, ss_dtype dtype, int64_t at, float *buffer) {
  return dtype == SS_F32 ? (float *)data + at : buffer;
}

void ss_elements_write(void *data, ss_dtype dtype, int64_t at, int64_t count, const float *buffer) {
  if (dtype == SS_BF16) {
    narrow_bf16(buffer, (ss_bf16 *)data + at, count);
  }
}

float ss_element_at(const void *data, ss_dtype dtype, int64_t at) {
  return dtype == SS_F32 ? ((const float *)data)[at] : ss_bf16_to_float(((const ss_bf16 *)data)[at]);
}

void ss_element_put(void *data, ss_dtype dtype, int64_t at, float value) {
  if (dtype == SS_F32) {
    ((float *)data)[at] = value;
  } else {
    ((ss_bf16 *)data)[at] = ss_element_narrow(value);
  }
}

void ss_elements_copy(void *to, const void *from, size_t bytes, int threads) {
  const size_t piece = (size_t)1 << 18;
  const int64_t pieces = (int64_t)((bytes + piece - 1) / piece);
#pragma omp parallel for schedule(static) num_threads(threads) if (pieces > 1)
  for (int64_t i = 0; i < pieces; i++) {
    const size_t begin = (size_t)i * piece;
    const size_t length = bytes - begin < piece ? bytes - begin : piece;
    memcpy((char *)to + begin, (const char *)from + begin, length);
  }
}
