#include "engine/cpu/batch_norm.h"

#include <string.h>

enum { smallest_chunk = 32768, smallest_rows = 64, most_chunks = 64, least_width = 64 };

static int64_t common_divisor(int64_t a, int64_t b) {
  while (b != 0) {
    const int64_t rest = a % b;
    a = b;
    b = rest;
  }
  return a;
}

ss_bn_view ss_bn_view_of(const ss_node *node, const ss_tensor *x) {
  ss_bn_view view = {.dtype = x->dtype, .groups = node->attributes.groups};
  view.channels = x->shape.dims[x->shape.rank - 1];
  view.group_count = ss_shape_count(x->shape) / view.groups;
  view.mask_bytes = (view.group_count + 7) / 8;
  view.repeat = 16 / common_divisor(view.channels, 16);
  while (view.repeat * view.channels < least_width) {
    view.repeat *= 2;
  }
  view.width = view.repeat * view.channels;
  const int64_t share = view.group_count * view.groups / most_chunks;
  const int64_t least = smallest_chunk > smallest_rows * view.width ? smallest_chunk : smallest_rows * view.width;
  const int64_t wanted = share > least ? share : least;
  view.chunk_count = (wanted + view.width - 1) / view.width * view.width;
  view.group_chunks = (int)((view.group_count + view.chunk_count - 1) / view.chunk_count);
  view.chunks = view.groups * view.group_chunks;
  return view;
}

ss_bn_range ss_bn_chunk(const ss_bn_view *view, int chunk) {
  const int64_t begin = chunk % view->group_chunks * view->chunk_count;
  const int64_t end = begin + view->chunk_count;
  return (ss_bn_range){chunk / view->group_chunks, begin, end < view->group_count ? end : view->group_count};
}

int64_t ss_bn_tile(const ss_bn_view *view, int64_t at, int64_t end) {
  int64_t count = SS_BN_TILE / view->width * view->width;
  if (count == 0) {
    const int64_t rest = view->width - at % view->width;
    count = rest < SS_BN_TILE ? rest : SS_BN_TILE;
  }
  return end - at < count ? end - at : count;
}

size_t ss_bn_sums_bytes(const ss_bn_view *view) {
  return (size_t)view->width * (2 * sizeof(double) + 3 * sizeof(float));
}

ss_bn_sums ss_bn_sums_in(const ss_bn_view *view, char *memory) {
  ss_bn_sums sums = {.total1 = (double *)memory};
  sums.total2 = sums.total1 + view->width;
  sums.first = (float *)(sums.total2 + view->width);
  sums.second = sums.first + view->width;
  sums.shift = sums.second + view->width;
  return sums;
}

void ss_bn_sums_flush(const ss_bn_view *view, const ss_bn_sums *sums) {
  for (int64_t i = 0; i < view->width; i++) {
    sums->total1[i] += (double)sums->first[i];
    sums->total2[i] += (double)sums->second[i];
  }
  memset(sums->first, 0, (size_t)view->width * sizeof(float));
  memset(sums->second, 0, (size_t)view->width * sizeof(float));
}

void ss_bn_sums_fold(const ss_bn_view *view, const ss_bn_sums *sums) {
  for (int64_t i = view->channels; i < view->width; i++) {
    sums->total1[i % view->channels] += sums->total1[i];
    sums->total2[i % view->channels] += sums->total2[i];
  }
}
