/* Inside the engine: what the kernels of every device compute of one element. */
#ifndef SS_ENGINE_ELEMENTWISE_FORMULAS_H
#define SS_ENGINE_ELEMENTWISE_FORMULAS_H

#include "engine/elementwise.h"
#include "engine/formula.h"

/* The gradient of x from that of y and v, which is y or, for LOG, SQUARE and ABS, x. */
SS_FORMULA float ss_unary_slope(int kind, float gradient, float v, float alpha) {
  switch (kind) {
    case SS_UNARY_RELU:
      return v > 0.0f ? gradient : 0.0f;
    case SS_UNARY_LEAKY_RELU:
      return v > 0.0f ? gradient : alpha * gradient;
    case SS_UNARY_SIGMOID:
      return gradient * v * (1.0f - v);
    case SS_UNARY_TANH:
      return gradient * (1.0f - v * v);
    case SS_UNARY_EXP:
      return gradient * v;
    case SS_UNARY_LOG:
      return gradient / v;
    case SS_UNARY_SQRT:
      return 0.5f * gradient / v;
    case SS_UNARY_SQUARE:
      return 2.0f * gradient * v;
    default: /* SS_UNARY_ABS */
      return v > 0.0f ? gradient : (v < 0.0f ? -gradient : 0.0f);
  }
}

/* a and b as float32. */
SS_FORMULA float ss_binary_value(int kind, float a, float b) {
  switch (kind) {
    case SS_BINARY_ADD:
      return a + b;
    case SS_BINARY_SUBTRACT:
      return a - b;
    case SS_BINARY_MULTIPLY:
      return a * b;
    default: /* SS_BINARY_DIVIDE */
      return a / b;
  }
}

#endif
