/* PAD and PAD_BACKWARD. Each axis says, for each place of the padded tensor, which place of x it shows. */
#include "engine/cpu/elements.h"
#include "engine/kernel.h"

#include <string.h>

static int64_t least(int64_t a, int64_t b) {
  return a < b ? a : b;
}

/* The place of x that place `at` of the padded axis shows, -1 for a zero. */
static int64_t shown(ss_pad_mode mode, int64_t at, int64_t before, int64_t length) {
  const int64_t place = at - before;
  if (place >= 0 && place < length) {
    return place;
  }
  switch (mode) {
    case SS_PAD_REFLECT:
      return place < 0 ? -place : 2 * (length - 1) - place;
    case SS_PAD_REPLICATE:
      return place < 0 ? 0 : length - 1;
    case SS_PAD_ZERO:
      break;
  }
  return -1;
}

/* The axes up to the last one that is padded are gone over one by one; what is behind is one piece. */
typedef struct pad_shape {
  int axes;
  int64_t inner; /* elements of a piece */
  int64_t small[SS_MAX_RANK], large[SS_MAX_RANK], before[SS_MAX_RANK];
  ss_pad_mode mode;
} pad_shape;

static pad_shape pad_shape_of(const ss_node *node, const ss_shape *small, const ss_shape *large) {
  pad_shape pad = {.inner = 1, .mode = (ss_pad_mode)node->attributes.kind};
  for (int i = 0; i < small->rank; i++) {
    pad.small[i] = small->dims[i];
    pad.large[i] = large->dims[i];
    pad.before[i] = node->attributes.before[i];
    if (small->dims[i] != large->dims[i]) {
      pad.axes = i + 1;
    }
  }
  for (int i = pad.axes; i < small->rank; i++) {
    pad.inner *= small->dims[i];
  }
  return pad;
}

static int64_t pieces(const int64_t *sizes, int axes) {
  int64_t count = 1;
  for (int i = 0; i < axes; i++) {
    count *= sizes[i];
  }
  return count;
}

static ss_status run_pad(const ss_step *step) {
  const ss_tensor *x = step->node->inputs[0], *y = step->node->outputs[0];
  const pad_shape pad = pad_shape_of(step->node, &x->shape, &y->shape);
  const size_t bytes = (size_t)pad.inner * ss_dtype_size(x->dtype);
  const int64_t count = pieces(pad.large, pad.axes);
#pragma omp parallel for schedule(static) num_threads(step->threads) if (count * pad.inner > SS_CHUNK)
  for (int64_t piece = 0; piece < count; piece++) {
    int64_t rest = piece, from = 0, stride = 1;
    for (int i = pad.axes - 1; i >= 0; i--) {
      const int64_t place = shown(pad.mode, rest % pad.large[i], pad.before[i], pad.small[i]);
      rest /= pad.large[i];
      from = from < 0 || place < 0 ? -1 : from + place * stride;
      stride *= pad.small[i];
    }
    char *to = (char *)step->out[0] + (size_t)piece * bytes;
    if (from < 0) {
      memset(to, 0, bytes);
    } else {
      memcpy(to, (const char *)step->in[0] + (size_t)from * bytes, bytes);
    }
  }
  return SS_OK;
}

SS_CPU_LOOPS(pad, run_pad);

/* The places of a padded axis that show a place of x: [begin, end) around itself, and reflections before and behind. */
typedef struct viewers {
  int64_t begin, end;
  int64_t mirrored[2];
  int mirrors;
} viewers;

static viewers viewers_of(const pad_shape *pad, int axis, int64_t at) {
  const int64_t before = pad->before[axis], length = pad->small[axis], large = pad->large[axis];
  viewers out = {.begin = at + before, .end = at + before + 1};
  if (pad->mode == SS_PAD_REPLICATE) {
    out.begin = at == 0 ? 0 : out.begin;
    out.end = at == length - 1 ? large : out.end;
  } else if (pad->mode == SS_PAD_REFLECT) {
    const int64_t front = before - at, back = before + 2 * (length - 1) - at;
    if (at > 0 && front >= 0) {
      out.mirrored[out.mirrors++] = front;
    }
    if (at < length - 1 && back < large) {
      out.mirrored[out.mirrors++] = back;
    }
  }
  return out;
}

static int64_t viewer_count(const viewers *v) {
  return v->end - v->begin + v->mirrors;
}

static int64_t viewer_at(const viewers *v, int64_t i) {
  return i < v->end - v->begin ? v->begin + i : v->mirrored[i - (v->end - v->begin)];
}

SS_MULTIVERSION static void add_block(float *sums, const float *x, int64_t count) {
#pragma omp simd
  for (int64_t i = 0; i < count; i++) {
    sums[i] += x[i];
  }
}

/* Every piece of the gradient adds up, in a fixed order, those of all places that show it. */
static void sum_viewers(const ss_step *step, const pad_shape *pad, int64_t piece) {
  const ss_dtype in = step->node->inputs[0]->dtype, out = step->node->outputs[0]->dtype;
  viewers all[SS_MAX_RANK];
  int64_t rest = piece, count = 1;
  for (int i = pad->axes - 1; i >= 0; i--) {
    all[i] = viewers_of(pad, i, rest % pad->small[i]);
    rest /= pad->small[i];
    count *= viewer_count(&all[i]);
  }
  for (int64_t column = 0; column < pad->inner; column += SS_BLOCK) {
    const int64_t length = least(SS_BLOCK, pad->inner - column);
    float sums[SS_BLOCK], buffer[SS_BLOCK];
    memset(sums, 0, (size_t)length * sizeof(float));
    for (int64_t k = 0; k < count; k++) {
      int64_t which = k, from = 0, stride = 1;
      for (int i = pad->axes - 1; i >= 0; i--) {
        const int64_t here = viewer_count(&all[i]);
        from += viewer_at(&all[i], which % here) * stride;
        which /= here;
        stride *= pad->large[i];
      }
      add_block(sums, ss_elements_read(step->in[0], in, from * pad->inner + column, length, buffer), length);
    }
    memcpy(ss_elements_target(step->out[0], out, piece * pad->inner + column, buffer), sums,
           (size_t)length * sizeof(float));
    ss_elements_write(step->out[0], out, piece * pad->inner + column, length, sums);
  }
}

static ss_status run_pad_backward(const ss_step *step) {
  const pad_shape pad = pad_shape_of(step->node, &step->node->outputs[0]->shape, &step->node->inputs[0]->shape);
  const int64_t count = pieces(pad.small, pad.axes);
#pragma omp parallel for schedule(static) num_threads(step->threads) if (count * pad.inner > SS_CHUNK)
  for (int64_t piece = 0; piece < count; piece++) {
    sum_viewers(step, &pad, piece);
  }
  return SS_OK;
}

SS_CPU_LOOPS(pad_backward, run_pad_backward);
