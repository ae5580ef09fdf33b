#include "engine/node.h"

#include <stdio.h>

ss_shape ss_shape_make(int rank, const int64_t *dims) {
  ss_shape shape = {.rank = rank};
  for (int i = 0; i < rank && i < SS_MAX_RANK; i++) {
    shape.dims[i] = dims[i];
  }
  return shape;
}

int64_t ss_shape_count(ss_shape shape) {
  int64_t count = 1;
  for (int i = 0; i < shape.rank; i++) {
    count *= shape.dims[i];
  }
  return count;
}

bool ss_shape_equal(ss_shape a, ss_shape b) {
  if (a.rank != b.rank) {
    return false;
  }
  for (int i = 0; i < a.rank; i++) {
    if (a.dims[i] != b.dims[i]) {
      return false;
    }
  }
  return true;
}

const char *ss_shape_text(ss_shape shape, char text[80]) {
  int used = snprintf(text, 80, "(");
  for (int i = 0; i < shape.rank && used < 60; i++) {
    used += snprintf(text + used, (size_t)(80 - used), i ? ", %lld" : "%lld", (long long)shape.dims[i]);
  }
  snprintf(text + used, (size_t)(80 - used), ")");
  return text;
}

size_t ss_dtype_size(ss_dtype dtype) {
  switch (dtype) {
    case SS_BF16:
      return 2;
    case SS_I64:
      return 8;
    case SS_U8:
      return 1;
    case SS_F32:
    case SS_I32:
      break;
  }
  return 4;
}

const char *ss_dtype_name(ss_dtype dtype) {
  static const char *const names[] = {"f32", "bf16", "i32", "i64", "u8"};
  return names[dtype];
}

ss_shape ss_tensor_shape(const ss_tensor *tensor) {
  return tensor ? tensor->shape : (ss_shape){0};
}

int64_t ss_tensor_dim(const ss_tensor *tensor, int axis) {
  if (!tensor) {
    return 0;
  }
  const int index = axis < 0 ? tensor->shape.rank + axis : axis;
  return index >= 0 && index < tensor->shape.rank ? tensor->shape.dims[index] : 0;
}

int ss_tensor_rank(const ss_tensor *tensor) {
  return tensor ? tensor->shape.rank : 0;
}

ss_dtype ss_tensor_dtype(const ss_tensor *tensor) {
  return tensor ? tensor->dtype : SS_F32;
}

ss_layout ss_tensor_layout(const ss_tensor *tensor) {
  return tensor ? tensor->layout : SS_LAYOUT_PLAIN;
}
