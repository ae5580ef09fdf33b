/* PAD and PAD_BACKWARD. Each axis says, for each place of the padded tensor, which place of x it shows. */
#include "engine/cuda/moves.cuh"

/* x is `small`, the padded tensor `large`. Axes up to the last one that is padded, those that are not joined; what is
 * behind is one piece. */
typedef struct pad_shape {
  int axes;
  int64_t inner; /* elements, or packs, of a piece */
  int64_t small[SS_MAX_RANK], large[SS_MAX_RANK], before[SS_MAX_RANK];
  int mode; /* ss_pad_mode */
} pad_shape;

static pad_shape pad_shape_of(const ss_node *node, const ss_shape *small, const ss_shape *large) {
  pad_shape pad = {};
  pad.mode = node->attributes.kind;
  pad.inner = 1;
  for (int i = 0; i < small->rank; i++) {
    pad.inner *= small->dims[i];
    if (small->dims[i] == large->dims[i]) {
      continue;
    }
    const int64_t joined = pad.inner / small->dims[i]; /* since the last one that is padded */
    if (joined > 1) {
      pad.small[pad.axes] = pad.large[pad.axes] = joined;
      pad.axes++;
    }
    pad.small[pad.axes] = small->dims[i];
    pad.large[pad.axes] = large->dims[i];
    pad.before[pad.axes++] = node->attributes.before[i];
    pad.inner = 1;
  }
  return pad;
}

/* The place of x that place `at` of the padded axis shows, -1 for a zero. */
__device__ static __forceinline__ int64_t shown(const pad_shape &pad, int axis, int64_t at) {
  const int64_t place = at - pad.before[axis], length = pad.small[axis];
  if (place >= 0 && place < length) {
    return place;
  }
  switch (pad.mode) {
    case SS_PAD_REFLECT:
      return place < 0 ? -place : 2 * (length - 1) - place;
    case SS_PAD_REPLICATE:
      return place < 0 ? 0 : length - 1;
    default: /* SS_PAD_ZERO */
      return -1;
  }
}

template <class T>
__global__ void pad_kernel(const T *x, T *y, int64_t count, pad_shape pad) {
  for (int64_t i = ss_first(); i < count; i += ss_stride()) {
    const int64_t piece = i / pad.inner;
    int64_t rest = piece, from = 0, stride = 1;
    for (int axis = pad.axes - 1; axis >= 0; axis--) {
      const int64_t next = rest / pad.large[axis];
      const int64_t place = shown(pad, axis, rest - next * pad.large[axis]);
      from = from < 0 || place < 0 ? -1 : from + place * stride;
      stride *= pad.small[axis];
      rest = next;
    }
    y[i] = from < 0 ? T{} : x[from * pad.inner + i - piece * pad.inner];
  }
}

/* The gradient of a padding with zeros. */
template <class T>
__global__ void crop_kernel(const T *gradient, T *dx, int64_t count, pad_shape pad) {
  for (int64_t i = ss_first(); i < count; i += ss_stride()) {
    const int64_t piece = i / pad.inner;
    int64_t rest = piece, from = 0, stride = 1;
    for (int axis = pad.axes - 1; axis >= 0; axis--) {
      const int64_t next = rest / pad.small[axis];
      from += (rest - next * pad.small[axis] + pad.before[axis]) * stride;
      stride *= pad.large[axis];
      rest = next;
    }
    dx[i] = gradient[from * pad.inner + i - piece * pad.inner];
  }
}

/* Both move elements from in to out in packs. */
template <class T>
static ss_status move_packs(const ss_step *step, pad_shape pad, bool pads) {
  const ss_tensor *y = step->node->outputs[0];
  const int64_t size = (int64_t)ss_dtype_size(y->dtype), pack = (int64_t)sizeof(T);
  const int64_t count = ss_shape_count(y->shape) * size / pack;
  pad.inner = pad.inner * size / pack;
  return ss_launch(pads ? pad_kernel<T> : crop_kernel<T>, ss_blocks(count), SS_CUDA_THREADS, (const T *)step->in[0],
                   (T *)step->out[0], count, pad);
}

static ss_status move_pieces(const ss_step *step, const pad_shape *pad, bool pads) {
  const int64_t bytes = pad->inner * (int64_t)ss_dtype_size(step->node->outputs[0]->dtype);
  const uint64_t places = (uint64_t)(uintptr_t)step->in[0] | (uint64_t)(uintptr_t)step->out[0] | (uint64_t)bytes;
  SS_WITH_PACKS(ss_pack_bytes(places), T, return move_packs<T>(step, *pad, pads));
}

static ss_status run_pad(const ss_step *step) {
  const pad_shape pad = pad_shape_of(step->node, &step->node->inputs[0]->shape, &step->node->outputs[0]->shape);
  return move_pieces(step, &pad, true);
}

SS_CUDA_KERNEL(pad, run_pad);

/* ---- the gradients of reflections and repetitions: sums ---- */

/* The places of a padded axis that show a place of x: [begin, end) around itself, and reflections before and behind. */
struct viewers {
  int64_t begin, end;
  int64_t mirrored[2];
  int mirrors;
};

__device__ static viewers viewers_of(const pad_shape &pad, int axis, int64_t at) {
  const int64_t before = pad.before[axis], length = pad.small[axis], large = pad.large[axis];
  viewers out = {at + before, at + before + 1, {0, 0}, 0};
  if (length == large) {
    return out;
  }
  if (pad.mode == SS_PAD_REPLICATE) {
    out.begin = at == 0 ? 0 : out.begin;
    out.end = at == length - 1 ? large : out.end;
  } else { /* SS_PAD_REFLECT */
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

__device__ static __forceinline__ int64_t viewer_count(const viewers &v) {
  return v.end - v.begin + v.mirrors;
}

__device__ static __forceinline__ int64_t viewer_at(const viewers &v, int64_t i) {
  return i < v.end - v.begin ? v.begin + i : v.mirrored[i - (v.end - v.begin)];
}

/* Every element of dx adds up, in a fixed order, the gradients of all places that show it. */
template <class T>
__global__ void pad_backward_kernel(const T *gradient, T *dx, int64_t count, pad_shape pad) {
  for (int64_t i = ss_first(); i < count; i += ss_stride()) {
    const int64_t piece = i / pad.inner, at = i - piece * pad.inner;
    viewers all[SS_MAX_RANK];
    int64_t rest = piece, combinations = 1;
    for (int axis = pad.axes - 1; axis >= 0; axis--) {
      const int64_t next = rest / pad.small[axis];
      all[axis] = viewers_of(pad, axis, rest - next * pad.small[axis]);
      combinations *= viewer_count(all[axis]);
      rest = next;
    }
    float sum = 0.0f;
    for (int64_t k = 0; k < combinations; k++) {
      int64_t which = k, from = 0, stride = 1;
      for (int axis = pad.axes - 1; axis >= 0; axis--) {
        const int64_t here = viewer_count(all[axis]);
        from += viewer_at(all[axis], which % here) * stride;
        which /= here;
        stride *= pad.large[axis];
      }
      sum += ss_widen(gradient[from * pad.inner + at]);
    }
    dx[i] = ss_narrow<T>(sum);
  }
}

template <class T>
static ss_status pad_backward(const ss_step *step, const pad_shape *pad) {
  const int64_t count = ss_shape_count(step->node->outputs[0]->shape);
  return ss_launch(pad_backward_kernel<T>, ss_blocks(count), SS_CUDA_THREADS, (const T *)step->in[0], (T *)step->out[0],
                   count, *pad);
}

static ss_status run_pad_backward(const ss_step *step) {
  const ss_tensor *dx = step->node->outputs[0];
  const pad_shape pad = pad_shape_of(step->node, &dx->shape, &step->node->inputs[0]->shape);
  if (pad.mode == SS_PAD_ZERO) {
    return move_pieces(step, &pad, false);
  }
  SS_WITH_FLOATS(dx->dtype, T, return pad_backward<T>(step, &pad));
}

SS_CUDA_KERNEL(pad_backward, run_pad_backward);
