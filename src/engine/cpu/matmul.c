/* LINEAR and MATMUL: oneDNN's matmul, and plain loops. */
#include "engine/matmul.h"

#include "base/bfloat16.h"
#include "engine/cpu/onednn.h"
#include "engine/kernel.h"

/* ---- oneDNN ---- */

static ss_onednn_operand operand_of(const ss_product_operand *m, ss_dtype inside, bool any) {
  ss_onednn_operand operand = {.rank = m->tensor->shape.rank, .dtype = m->tensor->dtype, .inside = inside, .any = any};
  const int row = operand.rank - 2;
  operand.dims[0] = m->tensor->shape.dims[0];
  operand.strides[0] = m->rows * m->columns;
  operand.dims[row] = m->rows;
  operand.strides[row] = m->row_stride;
  operand.dims[row + 1] = m->columns;
  operand.strides[row + 1] = m->column_stride;
  return operand;
}

static ss_onednn_problem problem_of(const ss_node *node, bool any) {
  const ss_product p = ss_product_of(node);
  return (ss_onednn_problem){.kind = SS_ONEDNN_MATMUL,
                             .a = operand_of(&p.a, p.inside, any),
                             .b = operand_of(&p.b, p.inside, any),
                             .c = operand_of(&p.c, p.c.tensor->dtype, false),
                             .bias = p.bias,
                             .scale = p.scale};
}

static bool onednn_supports(const ss_node *node) {
  const ss_onednn_problem problem = problem_of(node, false);
  return ss_onednn_supports(&problem);
}

static bool onednn_any_supports(const ss_node *node) {
  const ss_onednn_problem problem = problem_of(node, true);
  return ss_onednn_supports(&problem);
}

static ss_status prepare(ss_step *step, bool any, ss_error *error) {
  const ss_onednn_problem problem = problem_of(step->node, any);
  ss_onednn *onednn = NULL;
  SS_TRY(ss_onednn_new(&onednn, &problem, step->threads, error));
  step->state = onednn;
  step->scratch_bytes = ss_onednn_scratch_bytes(onednn);
  return SS_OK;
}

static ss_status onednn_prepare(ss_step *step, ss_error *error) {
  return prepare(step, false, error);
}

static ss_status onednn_any_prepare(ss_step *step, ss_error *error) {
  return prepare(step, true, error);
}

static ss_status onednn_run(const ss_step *step) {
  return ss_onednn_run(step->state, step->in[0], step->in[1], step->in[2], step->out[0], step->scratch);
}

static void onednn_release(ss_step *step) {
  ss_onednn_free(step->state);
  step->state = NULL;
}

/* ---- loops ---- */

/* An element, rounded to bf16 if the product is in bf16. */
static double load(const ss_product_operand *m, const void *values, bool round, int64_t batch, int64_t row,
                   int64_t column) {
  const int64_t index = batch * m->rows * m->columns + row * m->row_stride + column * m->column_stride;
  if (m->tensor->dtype == SS_BF16) {
    return (double)ss_bf16_to_float(((const ss_bf16 *)values)[index]);
  }
  const float value = ((const float *)values)[index];
  return (double)(round ? ss_bf16_to_float(ss_bf16_from_float(value)) : value);
}

static ss_status loops_run(const ss_step *step) {
  const ss_product p = ss_product_of(step->node);
  const bool round = p.inside == SS_BF16;
  const float *bias = p.bias ? step->in[2] : NULL;
#pragma omp parallel for num_threads(step->threads) schedule(static)
  for (int64_t job = 0; job < p.batch * p.c.rows; job++) {
    const int64_t batch = job / p.c.rows, row = job % p.c.rows;
    for (int64_t column = 0; column < p.c.columns; column++) {
      double sum = 0.0;
      for (int64_t k = 0; k < p.a.columns; k++) {
        sum += load(&p.a, step->in[0], round, batch, row, k) * load(&p.b, step->in[1], round, batch, k, column);
      }
      const float value = (float)((double)p.scale * sum + (bias ? (double)bias[column] : 0.0));
      const int64_t index = job * p.c.columns + column;
      if (p.c.tensor->dtype == SS_BF16) {
        ((ss_bf16 *)step->out[0])[index] = ss_bf16_from_float(value);
      } else {
        ((float *)step->out[0])[index] = value;
      }
    }
  }
  return SS_OK;
}

static const ss_way ways[] = {
    {"onednn", onednn_supports, onednn_prepare, onednn_run, onednn_release},
    {"onednn-any", onednn_any_supports, onednn_any_prepare, onednn_run, onednn_release},
    {"loops", NULL, NULL, loops_run, NULL},
};
const ss_kernel ss_cpu_linear = {ways, sizeof ways / sizeof ways[0]};
const ss_kernel ss_cpu_matmul = {ways, sizeof ways / sizeof ways[0]};
