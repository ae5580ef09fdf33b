/* cuDNN's graph API: descriptors are made, given attributes and finished, from the tensors up to the plan. */
#include "engine/cuda/cudnn_graph.h"

#include "engine/cuda/context.h"

#include <cudnn.h>
#include <stdlib.h>
#include <string.h>

enum { most_descriptors = 20, most_engines = 128, most_axes = SS_MAX_RANK, tensor_alignment = 16 };
enum { ID_X = 1, ID_WEIGHT, ID_Y, ID_BIAS, ID_SUM, ID_BIASED };

/* An engine that wants more is passed over: the arena holds the most that any step wants. */
static const int64_t most_scratch = (int64_t)1 << 30;

struct ss_cudnn_plan {
  cudnnBackendDescriptor_t made[most_descriptors]; /* to be destroyed */
  int count;
  cudnnBackendDescriptor_t execution;
  bool bias;
  int64_t scratch_bytes;
};

bool ss_cudnn_problem_equal(const ss_cudnn_problem *a, const ss_cudnn_problem *b) {
  return a->operation == b->operation && a->dtype == b->dtype && a->tf32 == b->tf32 && a->bias == b->bias &&
         a->relu == b->relu && ss_shape_equal(a->x, b->x) && ss_shape_equal(a->y, b->y) &&
         ss_shape_equal(a->weight, b->weight) && memcmp(a->stride, b->stride, sizeof a->stride) == 0 &&
         memcmp(a->padding, b->padding, sizeof a->padding) == 0 &&
         memcmp(a->dilation, b->dilation, sizeof a->dilation) == 0;
}

static ss_status fail(cudnnStatus_t result, const char *what, const ss_cudnn_problem *p, ss_error *error) {
  char x[80], weight[80], y[80], detail[200] = "";
  cudnnGetLastErrorString(detail, sizeof detail);
  return ss_fail(error, SS_FAILED, "cuDNN failed at %s of a %s of %s, %s and %s in %s: %s %s", what,
                 ss_operation_define(p->operation)->name, ss_shape_text(p->x, x), ss_shape_text(p->weight, weight),
                 ss_shape_text(p->y, y), ss_dtype_name(p->dtype), cudnnGetErrorString(result), detail);
}

static bool is_unsupported(cudnnStatus_t status) {
  return CUDNN_STATUS_CATEGORY(status) == CUDNN_STATUS_NOT_SUPPORTED;
}

/* Made once, for the one stream. */
static cudnnStatus_t get_handle(cudnnHandle_t *out) {
  static cudnnHandle_t handle;
  cudnnStatus_t status = CUDNN_STATUS_SUCCESS;
  if (!handle) {
    status = cudnnCreate(&handle);
    if (status == CUDNN_STATUS_SUCCESS) {
      status = cudnnSetStream(handle, ss_cuda_stream());
    }
  }
  *out = handle;
  return status;
}

/* ---- descriptors ---- */

/* A plan in the making: after the first failure nothing more is done. */
typedef struct recipe {
  const ss_cudnn_problem *problem;
  ss_cudnn_plan *plan;
  cudnnHandle_t handle;
  cudnnStatus_t status;
  const char *what; /* failed */
} recipe;

static cudnnBackendDescriptor_t make(recipe *r, cudnnBackendDescriptorType_t type) {
  cudnnBackendDescriptor_t made = NULL;
  if (r->status == CUDNN_STATUS_SUCCESS) {
    r->status = cudnnBackendCreateDescriptor(type, &made);
    if (r->status == CUDNN_STATUS_SUCCESS) {
      r->plan->made[r->plan->count++] = made;
    }
  }
  return made;
}

static void set(recipe *r, cudnnBackendDescriptor_t descriptor, cudnnBackendAttributeName_t name,
                cudnnBackendAttributeType_t type, int64_t count, const void *values) {
  if (r->status == CUDNN_STATUS_SUCCESS) {
    r->status = cudnnBackendSetAttribute(descriptor, name, type, count, values);
  }
}

static void set_integers(recipe *r, cudnnBackendDescriptor_t descriptor, cudnnBackendAttributeName_t name,
                         int64_t count, const int64_t *values) {
  set(r, descriptor, name, CUDNN_TYPE_INT64, count, values);
}

static void set_type(recipe *r, cudnnBackendDescriptor_t descriptor, cudnnBackendAttributeName_t name,
                     cudnnDataType_t type) {
  set(r, descriptor, name, CUDNN_TYPE_DATA_TYPE, 1, &type);
}

static void set_descriptor(recipe *r, cudnnBackendDescriptor_t descriptor, cudnnBackendAttributeName_t name,
                           cudnnBackendDescriptor_t value) {
  set(r, descriptor, name, CUDNN_TYPE_BACKEND_DESCRIPTOR, 1, &value);
}

static void finish(recipe *r, cudnnBackendDescriptor_t descriptor, const char *what) {
  if (r->status == CUDNN_STATUS_SUCCESS) {
    r->status = cudnnBackendFinalize(descriptor);
  }
  if (r->status != CUDNN_STATUS_SUCCESS && !r->what) {
    r->what = what;
  }
}

/* Of a shape (N, ..., C) that lies in this order, or (O, ..., I); cuDNN names the axes N, C, ... A virtual tensor has
 * no memory: it goes from one operation to the next. */
static cudnnBackendDescriptor_t make_tensor(recipe *r, int64_t id, ss_shape shape, cudnnDataType_t type,
                                            bool is_virtual) {
  const int last = shape.rank - 1;
  const int64_t alignment = tensor_alignment;
  int64_t sizes[most_axes], strides[most_axes], stride = 1;
  for (int axis = last; axis >= 0; axis--) {
    const int theirs = axis == 0 ? 0 : (axis == last ? 1 : axis + 1);
    sizes[theirs] = shape.dims[axis];
    strides[theirs] = stride;
    stride *= shape.dims[axis];
  }
  cudnnBackendDescriptor_t tensor = make(r, CUDNN_BACKEND_TENSOR_DESCRIPTOR);
  set_type(r, tensor, CUDNN_ATTR_TENSOR_DATA_TYPE, type);
  set_integers(r, tensor, CUDNN_ATTR_TENSOR_DIMENSIONS, shape.rank, sizes);
  set_integers(r, tensor, CUDNN_ATTR_TENSOR_STRIDES, shape.rank, strides);
  set_integers(r, tensor, CUDNN_ATTR_TENSOR_UNIQUE_ID, 1, &id);
  set_integers(r, tensor, CUDNN_ATTR_TENSOR_BYTE_ALIGNMENT, 1, &alignment);
  set(r, tensor, CUDNN_ATTR_TENSOR_IS_VIRTUAL, CUDNN_TYPE_BOOLEAN, 1, &is_virtual);
  finish(r, tensor, "a tensor");
  return tensor;
}

static cudnnBackendDescriptor_t make_window(recipe *r) {
  const ss_cudnn_problem *p = r->problem;
  const int64_t spatial = p->x.rank - 2;
  const cudnnConvolutionMode_t mode = CUDNN_CROSS_CORRELATION;
  cudnnBackendDescriptor_t window = make(r, CUDNN_BACKEND_CONVOLUTION_DESCRIPTOR);
  set_type(r, window, CUDNN_ATTR_CONVOLUTION_COMP_TYPE, CUDNN_DATA_FLOAT);
  set(r, window, CUDNN_ATTR_CONVOLUTION_CONV_MODE, CUDNN_TYPE_CONVOLUTION_MODE, 1, &mode);
  set_integers(r, window, CUDNN_ATTR_CONVOLUTION_SPATIAL_DIMS, 1, &spatial);
  set_integers(r, window, CUDNN_ATTR_CONVOLUTION_PRE_PADDINGS, spatial, p->padding);
  set_integers(r, window, CUDNN_ATTR_CONVOLUTION_POST_PADDINGS, spatial, p->padding);
  set_integers(r, window, CUDNN_ATTR_CONVOLUTION_DILATIONS, spatial, p->dilation);
  set_integers(r, window, CUDNN_ATTR_CONVOLUTION_FILTER_STRIDES, spatial, p->stride);
  finish(r, window, "the window");
  return window;
}

/* What each of the three operations calls its parts. */
typedef struct vocabulary {
  cudnnBackendDescriptorType_t operation;
  cudnnBackendAttributeName_t x, weight, y, window, alpha, beta;
} vocabulary;

static const vocabulary forward = {CUDNN_BACKEND_OPERATION_CONVOLUTION_FORWARD_DESCRIPTOR,
                                   CUDNN_ATTR_OPERATION_CONVOLUTION_FORWARD_X,
                                   CUDNN_ATTR_OPERATION_CONVOLUTION_FORWARD_W,
                                   CUDNN_ATTR_OPERATION_CONVOLUTION_FORWARD_Y,
                                   CUDNN_ATTR_OPERATION_CONVOLUTION_FORWARD_CONV_DESC,
                                   CUDNN_ATTR_OPERATION_CONVOLUTION_FORWARD_ALPHA,
                                   CUDNN_ATTR_OPERATION_CONVOLUTION_FORWARD_BETA};
static const vocabulary backward_data = {CUDNN_BACKEND_OPERATION_CONVOLUTION_BACKWARD_DATA_DESCRIPTOR,
                                         CUDNN_ATTR_OPERATION_CONVOLUTION_BWD_DATA_DX,
                                         CUDNN_ATTR_OPERATION_CONVOLUTION_BWD_DATA_W,
                                         CUDNN_ATTR_OPERATION_CONVOLUTION_BWD_DATA_DY,
                                         CUDNN_ATTR_OPERATION_CONVOLUTION_BWD_DATA_CONV_DESC,
                                         CUDNN_ATTR_OPERATION_CONVOLUTION_BWD_DATA_ALPHA,
                                         CUDNN_ATTR_OPERATION_CONVOLUTION_BWD_DATA_BETA};
static const vocabulary backward_weight = {CUDNN_BACKEND_OPERATION_CONVOLUTION_BACKWARD_FILTER_DESCRIPTOR,
                                           CUDNN_ATTR_OPERATION_CONVOLUTION_BWD_FILTER_X,
                                           CUDNN_ATTR_OPERATION_CONVOLUTION_BWD_FILTER_DW,
                                           CUDNN_ATTR_OPERATION_CONVOLUTION_BWD_FILTER_DY,
                                           CUDNN_ATTR_OPERATION_CONVOLUTION_BWD_FILTER_CONV_DESC,
                                           CUDNN_ATTR_OPERATION_CONVOLUTION_BWD_FILTER_ALPHA,
                                           CUDNN_ATTR_OPERATION_CONVOLUTION_BWD_FILTER_BETA};

static const vocabulary *vocabulary_of(ss_operation operation) {
  switch (operation) {
    case SS_OP_CONVOLUTION_BACKWARD_DATA:
      return &backward_data;
    case SS_OP_CONVOLUTION_BACKWARD_WEIGHT:
      return &backward_weight;
    default:
      return &forward;
  }
}

static cudnnBackendDescriptor_t make_convolution(recipe *r, cudnnBackendDescriptor_t x, cudnnBackendDescriptor_t weight,
                                                 cudnnBackendDescriptor_t y) {
  const vocabulary *words = vocabulary_of(r->problem->operation);
  const float one = 1.0f, zero = 0.0f;
  cudnnBackendDescriptor_t window = make_window(r), convolution = make(r, words->operation);
  set_descriptor(r, convolution, words->x, x);
  set_descriptor(r, convolution, words->weight, weight);
  set_descriptor(r, convolution, words->y, y);
  set_descriptor(r, convolution, words->window, window);
  set(r, convolution, words->alpha, CUDNN_TYPE_FLOAT, 1, &one);
  set(r, convolution, words->beta, CUDNN_TYPE_FLOAT, 1, &zero);
  finish(r, convolution, "the operation");
  return convolution;
}

/* Of x and b, or of x alone if b is NULL. */
static cudnnBackendDescriptor_t make_pointwise(recipe *r, cudnnPointwiseMode_t mode, cudnnBackendDescriptor_t x,
                                               cudnnBackendDescriptor_t b, cudnnBackendDescriptor_t result) {
  cudnnBackendDescriptor_t kind = make(r, CUDNN_BACKEND_POINTWISE_DESCRIPTOR);
  set(r, kind, CUDNN_ATTR_POINTWISE_MODE, CUDNN_TYPE_POINTWISE_MODE, 1, &mode);
  set_type(r, kind, CUDNN_ATTR_POINTWISE_MATH_PREC, CUDNN_DATA_FLOAT);
  finish(r, kind, "the kind of what follows");
  cudnnBackendDescriptor_t pointwise = make(r, CUDNN_BACKEND_OPERATION_POINTWISE_DESCRIPTOR);
  set_descriptor(r, pointwise, CUDNN_ATTR_OPERATION_POINTWISE_PW_DESCRIPTOR, kind);
  set_descriptor(r, pointwise, CUDNN_ATTR_OPERATION_POINTWISE_XDESC, x);
  if (b) {
    set_descriptor(r, pointwise, CUDNN_ATTR_OPERATION_POINTWISE_BDESC, b);
  }
  set_descriptor(r, pointwise, CUDNN_ATTR_OPERATION_POINTWISE_YDESC, result);
  finish(r, pointwise, mode == CUDNN_POINTWISE_ADD ? "the addition of the bias" : "the ReLU");
  return pointwise;
}

/* The convolution, and the addition of the bias and the ReLU behind it. */
static cudnnBackendDescriptor_t make_graph(recipe *r) {
  const ss_cudnn_problem *p = r->problem;
  const cudnnDataType_t type = p->dtype == SS_BF16 ? CUDNN_DATA_BFLOAT16 : CUDNN_DATA_FLOAT;
  cudnnBackendDescriptor_t x = make_tensor(r, ID_X, p->x, type, false);
  cudnnBackendDescriptor_t weight = make_tensor(r, ID_WEIGHT, p->weight, type, false);
  cudnnBackendDescriptor_t y = make_tensor(r, ID_Y, p->y, type, false);
  cudnnBackendDescriptor_t operations[3];
  int64_t count = 0;
  if (p->bias) {
    const int last = p->y.rank - 1;
    ss_shape channels = {.rank = p->y.rank, .dims = {1, 1, 1, 1, 1}};
    channels.dims[last] = p->y.dims[last];
    cudnnBackendDescriptor_t bias = make_tensor(r, ID_BIAS, channels, type, false);
    cudnnBackendDescriptor_t sum = make_tensor(r, ID_SUM, p->y, CUDNN_DATA_FLOAT, true);
    cudnnBackendDescriptor_t biased = p->relu ? make_tensor(r, ID_BIASED, p->y, CUDNN_DATA_FLOAT, true) : y;
    operations[count++] = make_convolution(r, x, weight, sum);
    operations[count++] = make_pointwise(r, CUDNN_POINTWISE_ADD, sum, bias, biased);
    if (p->relu) {
      operations[count++] = make_pointwise(r, CUDNN_POINTWISE_RELU_FWD, biased, NULL, y);
    }
  } else {
    operations[count++] = make_convolution(r, x, weight, y);
  }
  cudnnBackendDescriptor_t graph = make(r, CUDNN_BACKEND_OPERATIONGRAPH_DESCRIPTOR);
  set(r, graph, CUDNN_ATTR_OPERATIONGRAPH_HANDLE, CUDNN_TYPE_HANDLE, 1, &r->handle);
  set(r, graph, CUDNN_ATTR_OPERATIONGRAPH_OPS, CUDNN_TYPE_BACKEND_DESCRIPTOR, count, operations);
  finish(r, graph, "the graph");
  return graph;
}

/* ---- the engine ---- */

/* What an engine must be. */
typedef enum demand {
  EXACT,       /* the same bits at each run, sums of the products themselves (no Winograd, no FFT), nothing rounded
                * but what is bf16 */
  TENSOR_CORES /* and on the units that multiply bf16 sixteen times faster, TF32 eight times */
} demand;

/* Of float32 the tensor cores make TF32. */
static bool may_use_tensor_cores(const ss_cudnn_problem *p) {
  return p->dtype == SS_BF16 || p->tf32;
}

static bool meets(cudnnBackendDescriptor_t config, const ss_cudnn_problem *problem, demand wanted) {
  cudnnBackendNumericalNote_t notes[CUDNN_NUMERICAL_NOTE_TYPE_COUNT];
  cudnnBackendDescriptor_t engine = NULL;
  int64_t count = 0;
  if (cudnnBackendCreateDescriptor(CUDNN_BACKEND_ENGINE_DESCRIPTOR, &engine) != CUDNN_STATUS_SUCCESS) {
    return false;
  }
  bool exact = cudnnBackendGetAttribute(config, CUDNN_ATTR_ENGINECFG_ENGINE, CUDNN_TYPE_BACKEND_DESCRIPTOR, 1, &count,
                                        &engine) == CUDNN_STATUS_SUCCESS &&
               cudnnBackendGetAttribute(engine, CUDNN_ATTR_ENGINE_NUMERICAL_NOTE, CUDNN_TYPE_NUMERICAL_NOTE,
                                        CUDNN_NUMERICAL_NOTE_TYPE_COUNT, &count, notes) == CUDNN_STATUS_SUCCESS;
  bool tensor_cores = false;
  for (int64_t i = 0; exact && i < count; i++) {
    tensor_cores = tensor_cores || notes[i] == CUDNN_NUMERICAL_NOTE_TENSOR_CORE;
    exact = notes[i] == CUDNN_NUMERICAL_NOTE_STRICT_NAN_PROP ||
            (notes[i] == CUDNN_NUMERICAL_NOTE_TENSOR_CORE && may_use_tensor_cores(problem));
  }
  (void)cudnnBackendDestroyDescriptor(engine);
  return exact && (tensor_cores || wanted != TENSOR_CORES);
}

/* Whether a plan can be made for this engine; keeps it. */
static bool try_engine(recipe *r, cudnnBackendDescriptor_t config) {
  ss_cudnn_plan *plan = r->plan;
  const int before = plan->count;
  int64_t count = 0;
  cudnnBackendDescriptor_t execution = make(r, CUDNN_BACKEND_EXECUTION_PLAN_DESCRIPTOR);
  set(r, execution, CUDNN_ATTR_EXECUTION_PLAN_HANDLE, CUDNN_TYPE_HANDLE, 1, &r->handle);
  set_descriptor(r, execution, CUDNN_ATTR_EXECUTION_PLAN_ENGINE_CONFIG, config);
  finish(r, execution, "a plan");
  if (r->status == CUDNN_STATUS_SUCCESS) {
    r->status = cudnnBackendGetAttribute(execution, CUDNN_ATTR_EXECUTION_PLAN_WORKSPACE_SIZE, CUDNN_TYPE_INT64, 1,
                                         &count, &plan->scratch_bytes);
  }
  if (r->status == CUDNN_STATUS_SUCCESS && plan->scratch_bytes <= most_scratch) {
    plan->execution = execution;
    return true;
  }
  while (plan->count > before) {
    (void)cudnnBackendDestroyDescriptor(plan->made[--plan->count]);
  }
  r->status = CUDNN_STATUS_SUCCESS; /* the next one may do */
  r->what = NULL;
  return false;
}

/* The first that can be used of those that cuDNN thinks best. */
static void choose_engine(recipe *r, cudnnBackendDescriptor_t graph, cudnnBackendHeurMode_t mode, demand wanted) {
  cudnnBackendDescriptor_t configs[most_engines] = {NULL};
  int64_t found = 0;
  cudnnBackendDescriptor_t heuristics = make(r, CUDNN_BACKEND_ENGINEHEUR_DESCRIPTOR);
  set_descriptor(r, heuristics, CUDNN_ATTR_ENGINEHEUR_OPERATION_GRAPH, graph);
  set(r, heuristics, CUDNN_ATTR_ENGINEHEUR_MODE, CUDNN_TYPE_HEUR_MODE, 1, &mode);
  finish(r, heuristics, "the choice of an engine");
  for (int i = 0; i < most_engines && r->status == CUDNN_STATUS_SUCCESS; i++) {
    r->status = cudnnBackendCreateDescriptor(CUDNN_BACKEND_ENGINECFG_DESCRIPTOR, &configs[i]);
  }
  if (r->status == CUDNN_STATUS_SUCCESS) {
    r->status = cudnnBackendGetAttribute(heuristics, CUDNN_ATTR_ENGINEHEUR_RESULTS, CUDNN_TYPE_BACKEND_DESCRIPTOR,
                                         most_engines, &found, configs);
  }
  if (r->status != CUDNN_STATUS_SUCCESS && !r->what) {
    r->what = "the choice of an engine";
  }
  for (int64_t i = 0; i < found && i < most_engines && r->status == CUDNN_STATUS_SUCCESS; i++) {
    if (meets(configs[i], r->problem, wanted) && try_engine(r, configs[i])) {
      r->plan->made[r->plan->count++] = configs[i];
      configs[i] = NULL;
      break;
    }
  }
  for (int i = 0; i < most_engines; i++) {
    if (configs[i]) {
      (void)cudnnBackendDestroyDescriptor(configs[i]);
    }
  }
  if (is_unsupported(r->status)) { /* by this mode */
    r->status = CUDNN_STATUS_SUCCESS;
    r->what = NULL;
  }
}

/* The tensor cores first: the heuristic does not always know what they are worth. With groups it may be right. */
static void make_plan(recipe *r) {
  const ss_cudnn_problem *p = r->problem;
  const bool grouped = p->weight.dims[p->weight.rank - 1] != p->x.dims[p->x.rank - 1];
  cudnnBackendDescriptor_t graph = make_graph(r);
  static const struct {
    cudnnBackendHeurMode_t mode;
    demand wanted;
  } rounds[] = {{CUDNN_HEUR_MODE_A, TENSOR_CORES}, {CUDNN_HEUR_MODE_A, EXACT}, {CUDNN_HEUR_MODE_FALLBACK, EXACT}};
  for (int i = may_use_tensor_cores(p) && !grouped ? 0 : 1; i < 3; i++) {
    if (r->status == CUDNN_STATUS_SUCCESS && !r->plan->execution) {
      choose_engine(r, graph, rounds[i].mode, rounds[i].wanted);
    }
  }
}

ss_status ss_cudnn_plan_new(const ss_cudnn_problem *problem, ss_cudnn_plan **out, ss_error *error) {
  *out = NULL;
  ss_cudnn_plan *plan = calloc(1, sizeof *plan);
  if (!plan) {
    return ss_fail_memory(error, sizeof *plan, "a convolution");
  }
  plan->bias = problem->bias;
  recipe r = {.problem = problem, .plan = plan};
  r.status = get_handle(&r.handle);
  if (r.status != CUDNN_STATUS_SUCCESS) {
    r.what = "its start";
  }
  make_plan(&r);
  if (plan->execution) {
    *out = plan;
    return SS_OK;
  }
  ss_cudnn_plan_free(plan);
  return r.status == CUDNN_STATUS_SUCCESS || is_unsupported(r.status) ? SS_OK : fail(r.status, r.what, problem, error);
}

void ss_cudnn_plan_free(ss_cudnn_plan *plan) {
  if (plan) {
    while (plan->count > 0) {
      (void)cudnnBackendDestroyDescriptor(plan->made[--plan->count]);
    }
    free(plan);
  }
}

size_t ss_cudnn_plan_scratch_bytes(const ss_cudnn_plan *plan) {
  return (size_t)plan->scratch_bytes;
}

ss_status ss_cudnn_plan_run(const ss_cudnn_plan *plan, const void *x, const void *weight, const void *y,
                            const void *bias, void *scratch) {
  const int64_t ids[] = {ID_X, ID_WEIGHT, ID_Y, ID_BIAS};
  const void *const pointers[] = {x, weight, y, bias};
  const int64_t count = plan->bias ? 4 : 3;
  cudnnHandle_t handle = NULL;
  cudnnBackendDescriptor_t pack = NULL;
  cudnnStatus_t status = get_handle(&handle);
  if (status == CUDNN_STATUS_SUCCESS) {
    status = cudnnBackendCreateDescriptor(CUDNN_BACKEND_VARIANT_PACK_DESCRIPTOR, &pack);
  }
  if (status == CUDNN_STATUS_SUCCESS) {
    status = cudnnBackendSetAttribute(pack, CUDNN_ATTR_VARIANT_PACK_UNIQUE_IDS, CUDNN_TYPE_INT64, count, ids);
  }
  if (status == CUDNN_STATUS_SUCCESS) {
    status =
        cudnnBackendSetAttribute(pack, CUDNN_ATTR_VARIANT_PACK_DATA_POINTERS, CUDNN_TYPE_VOID_PTR, count, pointers);
  }
  if (status == CUDNN_STATUS_SUCCESS) {
    status = cudnnBackendSetAttribute(pack, CUDNN_ATTR_VARIANT_PACK_WORKSPACE, CUDNN_TYPE_VOID_PTR, 1, &scratch);
  }
  if (status == CUDNN_STATUS_SUCCESS) {
    status = cudnnBackendFinalize(pack);
  }
  if (status == CUDNN_STATUS_SUCCESS) {
    status = cudnnBackendExecute(handle, plan->execution, pack);
  }
  if (pack) {
    (void)cudnnBackendDestroyDescriptor(pack);
  }
  return status == CUDNN_STATUS_SUCCESS ? SS_OK : SS_FAILED;
}
