/* Inside engine/cuda: the functions of UNARY nodes, with elementwise_formulas.h's. */
#ifndef SS_ENGINE_CUDA_UNARY_CUH
#define SS_ENGINE_CUDA_UNARY_CUH

#include <cmath>

extern "C" {
#include "engine/elementwise_formulas.h"
}

/* As the processors' unary_value, but for its e^x. */
SS_FORMULA float ss_unary_value(int kind, float x, float alpha, float beta) {
  switch (kind) {
    case SS_UNARY_RELU:
      return x < 0.0f ? 0.0f : x; /* a NaN stays one */
    case SS_UNARY_LEAKY_RELU:
      return x < 0.0f ? alpha * x : x;
    case SS_UNARY_SIGMOID:
      return 1.0f / (1.0f + expf(-x));
    case SS_UNARY_TANH:
      return tanhf(x);
    case SS_UNARY_EXP:
      return expf(x);
    case SS_UNARY_LOG:
      return logf(x);
    case SS_UNARY_SQRT:
      return sqrtf(x);
    case SS_UNARY_SQUARE:
      return x * x;
    case SS_UNARY_ABS:
      return fabsf(x);
    default: /* SS_UNARY_AFFINE */
      return alpha * x + beta;
  }
}

#endif
