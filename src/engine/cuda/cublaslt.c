/* LINEAR and MATMUL by cuBLASLt. Its matrices are by columns: what lies by rows is the transposed one to it, and
 * c = a b is asked for as c^T = b^T a^T. */
#include "engine/matmul.h"

#include "engine/choose.h"
#include "engine/cuda/elementwise_ways.h"
#include "engine/cuda/matmul_ways.h"

#include <cublasLt.h>
#include <stdlib.h>

/* What NVIDIA advises for its largest GPUs. */
static const uint64_t most_workspace = (uint64_t)32 << 20;
/* Of tensors, in the arena. */
static const uint32_t least_alignment = 64;

/* Scratch: float32 operands and the bias rounded to bf16, then the algorithm's workspace. */
typedef struct cublaslt_state {
  cublasLtMatmulDesc_t operation;
  cublasLtMatrixLayout_t a, b, c;
  cublasLtMatmulAlgo_t algorithm;
  size_t a_offset, b_offset, bias_offset, workspace_offset, workspace_bytes;
  bool relu_after; /* the epilogue does not do it */
} cublaslt_state;

static ss_status check(cublasStatus_t result, const char *what, const ss_node *node, ss_error *error) {
  char text[160];
  return result == CUBLAS_STATUS_SUCCESS ? SS_OK
                                         : ss_fail(error, SS_FAILED, "cuBLASLt failed at %s of %s: %s", what,
                                                   ss_node_text(node, text), cublasLtGetStatusString(result));
}

/* Made once. */
static cublasStatus_t get_handle(cublasLtHandle_t *out) {
  static cublasLtHandle_t handle;
  const cublasStatus_t status = handle ? CUBLAS_STATUS_SUCCESS : cublasLtCreate(&handle);
  *out = handle;
  return status;
}

static void free_state(cublaslt_state *state) {
  if (!state) {
    return;
  }
  const cublasLtMatrixLayout_t layouts[] = {state->a, state->b, state->c};
  for (size_t i = 0; i < sizeof layouts / sizeof layouts[0]; i++) {
    if (layouts[i]) {
      (void)cublasLtMatrixLayoutDestroy(layouts[i]);
    }
  }
  if (state->operation) {
    (void)cublasLtMatmulDescDestroy(state->operation);
  }
  free(state);
}

static cudaDataType_t type_of(ss_dtype dtype) {
  return dtype == SS_BF16 ? CUDA_R_16BF : CUDA_R_32F;
}

static bool is_transposed(const ss_product_operand *m) {
  return m->column_stride != 1;
}

/* The operand as it lies in memory. */
static ss_status make_layout(cublasLtMatrixLayout_t *layout, const ss_product_operand *m, ss_dtype dtype,
                             const ss_product *p, const ss_node *node, ss_error *error) {
  const int64_t along = is_transposed(m) ? m->rows : m->columns, lines = is_transposed(m) ? m->columns : m->rows;
  const int64_t size = m->rows * m->columns;
  const int32_t batch = (int32_t)p->batch;
  SS_TRY(check(cublasLtMatrixLayoutCreate(layout, type_of(dtype), (uint64_t)along, (uint64_t)lines, along), "a matrix",
               node, error));
  SS_TRY(check(cublasLtMatrixLayoutSetAttribute(*layout, CUBLASLT_MATRIX_LAYOUT_BATCH_COUNT, &batch, sizeof batch),
               "a matrix", node, error));
  return check(
      cublasLtMatrixLayoutSetAttribute(*layout, CUBLASLT_MATRIX_LAYOUT_STRIDED_BATCH_OFFSET, &size, sizeof size),
      "a matrix", node, error);
}

static ss_status set(cublasLtMatmulDesc_t operation, cublasLtMatmulDescAttributes_t name, const void *value,
                     size_t size, const ss_node *node, ss_error *error) {
  return check(cublasLtMatmulDescSetAttribute(operation, name, value, size), "the operation", node, error);
}

/* What is done with the sums before they are rounded. */
static ss_status set_epilogue(cublaslt_state *state, const ss_product *p, bool relu, const ss_node *node,
                              ss_error *error) {
  const uint32_t epilogue = p->bias ? (relu ? CUBLASLT_EPILOGUE_RELU_BIAS : CUBLASLT_EPILOGUE_BIAS)
                                    : (relu ? CUBLASLT_EPILOGUE_RELU : CUBLASLT_EPILOGUE_DEFAULT);
  SS_TRY(set(state->operation, CUBLASLT_MATMUL_DESC_EPILOGUE, &epilogue, sizeof epilogue, node, error));
  if (p->bias) {
    const int32_t type = (int32_t)type_of(p->c.tensor->dtype);
    const void *aligned = (const void *)(uintptr_t)least_alignment; /* as the bias will be: all that is asked now */
    SS_TRY(set(state->operation, CUBLASLT_MATMUL_DESC_BIAS_DATA_TYPE, &type, sizeof type, node, error));
    SS_TRY(set(state->operation, CUBLASLT_MATMUL_DESC_BIAS_POINTER, &aligned, sizeof aligned, node, error));
  }
  return SS_OK;
}

/* Sums and the scale in float32. */
static ss_status make_operation(cublaslt_state *state, const ss_product *p, const ss_node *node, ss_error *error) {
  const int32_t transpose = CUBLAS_OP_T;
  const bool tf32 = node->attributes.tf32 && p->inside == SS_F32;
  const cublasComputeType_t compute = tf32 ? CUBLAS_COMPUTE_32F_FAST_TF32 : CUBLAS_COMPUTE_32F;
  SS_TRY(check(cublasLtMatmulDescCreate(&state->operation, compute, CUDA_R_32F), "the operation", node, error));
  if (is_transposed(&p->b)) {
    SS_TRY(set(state->operation, CUBLASLT_MATMUL_DESC_TRANSA, &transpose, sizeof transpose, node, error));
  }
  if (is_transposed(&p->a)) {
    SS_TRY(set(state->operation, CUBLASLT_MATMUL_DESC_TRANSB, &transpose, sizeof transpose, node, error));
  }
  return SS_OK;
}

/* Parts of long sums are only added in float32. */
static cublasStatus_t set_preference(cublasLtMatmulPreference_t preference) {
  const uint32_t scheme = CUBLASLT_REDUCTION_SCHEME_COMPUTE_TYPE;
  const struct {
    cublasLtMatmulPreferenceAttributes_t name;
    const void *value;
    size_t size;
  } settings[] = {
      {CUBLASLT_MATMUL_PREF_MAX_WORKSPACE_BYTES, &most_workspace, sizeof most_workspace},
      {CUBLASLT_MATMUL_PREF_REDUCTION_SCHEME_MASK, &scheme, sizeof scheme},
      {CUBLASLT_MATMUL_PREF_MIN_ALIGNMENT_A_BYTES, &least_alignment, sizeof least_alignment},
      {CUBLASLT_MATMUL_PREF_MIN_ALIGNMENT_B_BYTES, &least_alignment, sizeof least_alignment},
      {CUBLASLT_MATMUL_PREF_MIN_ALIGNMENT_C_BYTES, &least_alignment, sizeof least_alignment},
      {CUBLASLT_MATMUL_PREF_MIN_ALIGNMENT_D_BYTES, &least_alignment, sizeof least_alignment},
  };
  cublasStatus_t status = CUBLAS_STATUS_SUCCESS;
  for (size_t i = 0; i < sizeof settings / sizeof settings[0] && status == CUBLAS_STATUS_SUCCESS; i++) {
    status = cublasLtMatmulPreferenceSetAttribute(preference, settings[i].name, settings[i].value, settings[i].size);
  }
  return status;
}

/* Whether there is an algorithm; the one that cuBLASLt thinks best. */
static ss_status choose_algorithm(cublaslt_state *state, bool *found, const ss_node *node, ss_error *error) {
  cublasLtHandle_t handle = NULL;
  cublasLtMatmulPreference_t preference = NULL;
  cublasLtMatmulHeuristicResult_t result = {.state = CUBLAS_STATUS_NOT_SUPPORTED};
  int count = 0;
  SS_TRY(check(get_handle(&handle), "its start", node, error));
  SS_TRY(check(cublasLtMatmulPreferenceCreate(&preference), "the choice of an algorithm", node, error));
  cublasStatus_t status = set_preference(preference);
  if (status == CUBLAS_STATUS_SUCCESS) {
    status = cublasLtMatmulAlgoGetHeuristic(handle, state->operation, state->b, state->a, state->c, state->c,
                                            preference, 1, &result, &count);
  }
  (void)cublasLtMatmulPreferenceDestroy(preference);
  *found = status == CUBLAS_STATUS_SUCCESS && count > 0 && result.state == CUBLAS_STATUS_SUCCESS;
  state->algorithm = result.algo;
  state->workspace_bytes = result.workspaceSize;
  return status == CUBLAS_STATUS_NOT_SUPPORTED ? SS_OK : check(status, "the choice of an algorithm", node, error);
}

static ss_status make_state(const ss_node *node, cublaslt_state *state, bool *found, ss_error *error) {
  const ss_product p = ss_product_of(node);
  SS_TRY(make_layout(&state->a, &p.a, p.inside, &p, node, error));
  SS_TRY(make_layout(&state->b, &p.b, p.inside, &p, node, error));
  SS_TRY(make_layout(&state->c, &p.c, p.c.tensor->dtype, &p, node, error));
  SS_TRY(make_operation(state, &p, node, error));
  SS_TRY(set_epilogue(state, &p, p.relu, node, error));
  SS_TRY(choose_algorithm(state, found, node, error));
  if (!*found && p.relu) {
    state->relu_after = true;
    SS_TRY(set_epilogue(state, &p, false, node, error));
    SS_TRY(choose_algorithm(state, found, node, error));
  }
  return SS_OK;
}

/* *out is NULL where cuBLASLt has no algorithm. */
static ss_status open_state(const ss_node *node, cublaslt_state **out, ss_error *error) {
  *out = NULL;
  cublaslt_state *state = calloc(1, sizeof *state);
  if (!state) {
    return ss_fail_memory(error, sizeof *state, "a matrix product");
  }
  bool found = false;
  const ss_status status = make_state(node, state, &found, error);
  if (status != SS_OK || !found) {
    free_state(state);
    return status;
  }
  *out = state;
  return SS_OK;
}

/* A failure of cuBLASLt's is left for prepare to tell: nobody should be served slowly by the loops without a word. */
bool ss_cublaslt_supports(const ss_node *node) {
  cublaslt_state *state = NULL;
  const ss_status status = open_state(node, &state, NULL);
  const bool supported = status != SS_OK || state != NULL;
  free_state(state);
  return supported;
}

/* What an operand of this type takes of the scratch. */
static size_t rounded_bytes(int64_t count, ss_dtype from, ss_dtype to) {
  const size_t bytes = (size_t)count * ss_dtype_size(to);
  return from == to ? 0 : (bytes + SS_CUDA_ALIGNMENT - 1) / SS_CUDA_ALIGNMENT * SS_CUDA_ALIGNMENT;
}

ss_status ss_cublaslt_prepare(ss_step *step, ss_error *error) {
  const ss_product p = ss_product_of(step->node);
  cublaslt_state *state = NULL;
  SS_TRY(open_state(step->node, &state, error));
  if (!state) {
    return ss_fail(error, SS_FAILED, "cuBLASLt has no such product");
  }
  step->state = state;
  size_t offset = 0;
  state->a_offset = offset;
  offset += rounded_bytes(ss_shape_count(p.a.tensor->shape), p.a.tensor->dtype, p.inside);
  state->b_offset = offset;
  offset += rounded_bytes(ss_shape_count(p.b.tensor->shape), p.b.tensor->dtype, p.inside);
  state->bias_offset = offset;
  offset += p.bias ? rounded_bytes(p.c.columns, SS_F32, p.c.tensor->dtype) : 0;
  state->workspace_offset = offset;
  step->scratch_bytes = SS_CUDA_ALIGNMENT + offset + state->workspace_bytes;
  return SS_OK;
}

/* *values, or what they are rounded to at `scratch`. */
static ss_status round_to(const void **values, int64_t count, ss_dtype from, ss_dtype to, void *scratch) {
  if (from == to) {
    return SS_OK;
  }
  SS_TRY(ss_cuda_convert(*values, from, scratch, to, count));
  *values = scratch;
  return SS_OK;
}

ss_status ss_cublaslt_run(const ss_step *step) {
  const ss_product p = ss_product_of(step->node);
  const cublaslt_state *state = step->state;
  const ss_tensor *a_tensor = p.a.tensor, *b_tensor = p.b.tensor;
  char *scratch = ss_cuda_aligned(step->scratch);
  const void *a = step->in[0], *b = step->in[1];
  const float zero = 0.0f;
  cublasLtHandle_t handle = NULL;
  SS_TRY(round_to(&a, ss_shape_count(a_tensor->shape), a_tensor->dtype, p.inside, scratch + state->a_offset));
  SS_TRY(round_to(&b, ss_shape_count(b_tensor->shape), b_tensor->dtype, p.inside, scratch + state->b_offset));
  if (p.bias) {
    const void *bias = step->in[2];
    SS_TRY(round_to(&bias, p.c.columns, SS_F32, p.c.tensor->dtype, scratch + state->bias_offset));
    SS_TRY(set(state->operation, CUBLASLT_MATMUL_DESC_BIAS_POINTER, &bias, sizeof bias, step->node, NULL));
  }
  SS_TRY(check(get_handle(&handle), "its start", step->node, NULL));
  SS_TRY(check(cublasLtMatmul(handle, state->operation, &p.scale, b, state->b, a, state->a, &zero, step->out[0],
                              state->c, step->out[0], state->c, &state->algorithm, scratch + state->workspace_offset,
                              state->workspace_bytes, ss_cuda_stream()),
               "the product", step->node, NULL));
  const ss_tensor *c_tensor = p.c.tensor;
  return state->relu_after ? ss_cuda_relu(step->out[0], c_tensor->dtype, ss_shape_count(c_tensor->shape)) : SS_OK;
}

void ss_cublaslt_release(ss_step *step) {
  free_state(step->state);
  step->state = NULL;
}
