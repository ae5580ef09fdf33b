#include "engine/cpu/onednn.h"

#include <oneapi/dnnl/dnnl.h>
#include <oneapi/dnnl/dnnl_debug.h>
#include <oneapi/dnnl/dnnl_version.h>

#include <omp.h>
#include <stdlib.h>
#include <string.h>

/* A memory descriptor is a struct in 2.x and a handle in 3.x. */
#if DNNL_VERSION_MAJOR >= 3
typedef const_dnnl_memory_desc_t description_view;
#define VIEW(description) (description)
#else
typedef const dnnl_memory_desc_t *description_view;
#define VIEW(description) (&(description))
#endif

enum { OPERAND_A, OPERAND_B, OPERAND_C, OPERANDS };
enum { ALIGNMENT = 64 };

/* A primitive with its scratchpad. */
typedef struct stage {
  dnnl_primitive_t primitive;
  dnnl_memory_t scratchpad;
} stage;

typedef struct bound_operand {
  dnnl_memory_t user;   /* the caller's memory */
  dnnl_memory_t inside; /* the primitive's copy in scratch; NULL: it takes the caller's */
  size_t offset;        /* of the copy in scratch */
  stage reorder;
} bound_operand;

struct ss_onednn {
  ss_onednn_kind kind;
  int threads;
  dnnl_engine_t engine;
  dnnl_stream_t stream;
  stage main;
  bound_operand operands[OPERANDS];
  dnnl_memory_t bias;
  size_t scratchpad_offset; /* one region, used by one stage after the other */
  size_t scratch_bytes;
};

/* All descriptors of a problem: what the caller has, and what is asked of the primitive. */
typedef struct descriptions {
  dnnl_memory_desc_t user[OPERANDS], wanted[OPERANDS], bias;
  dnnl_memory_desc_t forward_weight; /* for the forward hint of BACKWARD_WEIGHT, whose b may be float32 */
} descriptions;

static ss_status fail(dnnl_status_t status, const char *what, ss_error *error) {
  return ss_fail(error, status == dnnl_out_of_memory ? SS_NO_MEMORY : SS_FAILED, "oneDNN cannot %s: %s", what,
                 dnnl_status2str(status));
}

/* Returns from the calling function with oneDNN's status of `call` unless that is success. */
#define DNNL_TRY(call)                       \
  do {                                       \
    const dnnl_status_t try_status = (call); \
    if (try_status != dnnl_success) {        \
      return try_status;                     \
    }                                        \
  } while (0)

/* ---- descriptors ---- */

static dnnl_data_type_t data_type(ss_dtype dtype) {
  return dtype == SS_BF16 ? dnnl_bf16 : dnnl_f32;
}

static dnnl_status_t describe(dnnl_memory_desc_t *description, const ss_onednn_operand *operand, ss_dtype dtype,
                              bool any) {
  dnnl_dims_t dims = {0}, strides = {0};
  for (int i = 0; i < operand->rank; i++) {
    dims[i] = operand->dims[i];
    strides[i] = operand->strides[i];
  }
#if DNNL_VERSION_MAJOR >= 3
  return any ? dnnl_memory_desc_create_with_tag(description, operand->rank, dims, data_type(dtype), dnnl_format_tag_any)
             : dnnl_memory_desc_create_with_strides(description, operand->rank, dims, data_type(dtype), strides);
#else
  return any ? dnnl_memory_desc_init_by_tag(description, operand->rank, dims, data_type(dtype), dnnl_format_tag_any)
             : dnnl_memory_desc_init_by_strides(description, operand->rank, dims, data_type(dtype), strides);
#endif
}

/* A convolution's bias is (O), a product's (1, N) or (1, 1, N). */
static dnnl_status_t describe_bias(dnnl_memory_desc_t *description, const ss_onednn_problem *problem) {
  const ss_onednn_operand *c = &problem->c;
  ss_onednn_operand bias = {.rank = 1, .dims = {c->dims[1]}, .strides = {1}};
  if (problem->kind == SS_ONEDNN_MATMUL) {
    const int64_t columns = c->dims[c->rank - 1];
    bias = (ss_onednn_operand){.rank = c->rank};
    for (int i = 0; i < c->rank; i++) {
      bias.dims[i] = i == c->rank - 1 ? columns : 1;
      bias.strides[i] = i == c->rank - 1 ? 1 : columns;
    }
  }
  return describe(description, &bias, SS_F32, false);
}

static void free_descriptions(descriptions *d) {
#if DNNL_VERSION_MAJOR >= 3
  for (int i = 0; i < OPERANDS; i++) {
    dnnl_memory_desc_destroy(d->user[i]);
    dnnl_memory_desc_destroy(d->wanted[i]);
  }
  dnnl_memory_desc_destroy(d->bias);
  dnnl_memory_desc_destroy(d->forward_weight);
#else
  (void)d;
#endif
}

static dnnl_status_t describe_all(descriptions *d, const ss_onednn_problem *problem) {
  const ss_onednn_operand *operands[OPERANDS] = {&problem->a, &problem->b, &problem->c};
  memset(d, 0, sizeof *d);
  for (int i = 0; i < OPERANDS; i++) {
    DNNL_TRY(describe(&d->user[i], operands[i], operands[i]->dtype, false));
    DNNL_TRY(describe(&d->wanted[i], operands[i], operands[i]->inside, operands[i]->any));
  }
  DNNL_TRY(describe(&d->forward_weight, &problem->b, problem->a.inside, true));
  return describe_bias(&d->bias, problem);
}

/* ---- the primitive's descriptor ---- */

static dnnl_status_t make_attributes(dnnl_primitive_attr_t *attributes, float scale) {
  DNNL_TRY(dnnl_primitive_attr_create(attributes));
  DNNL_TRY(dnnl_primitive_attr_set_scratchpad_mode(*attributes, dnnl_scratchpad_mode_user));
  if (scale == 1.0f) {
    return dnnl_success;
  }
  dnnl_post_ops_t post_operations = NULL;
  DNNL_TRY(dnnl_post_ops_create(&post_operations));
#if DNNL_VERSION_MAJOR >= 3
  dnnl_status_t status = dnnl_post_ops_append_eltwise(post_operations, dnnl_eltwise_linear, scale, 0.0f);
#else
  dnnl_status_t status = dnnl_post_ops_append_eltwise(post_operations, 1.0f, dnnl_eltwise_linear, scale, 0.0f);
#endif
  if (status == dnnl_success) {
    status = dnnl_primitive_attr_set_post_ops(*attributes, post_operations);
  }
  dnnl_post_ops_destroy(post_operations);
  return status;
}

typedef struct geometry {
  dnnl_dims_t stride, dilation, padding_before, padding_after;
} geometry;

/* oneDNN counts dilation from 0, and wants the padding behind to be what the last window really reaches: less than
 * padding, even negative, where the stride leaves a rest. */
static geometry geometry_of(const ss_onednn_problem *problem) {
  geometry g = {{0}, {0}, {0}, {0}};
  const int first = problem->b.rank - (problem->a.rank - 2);
  for (int i = 0; i < problem->a.rank - 2; i++) {
    const int64_t reach = problem->dilation[i] * (problem->b.dims[first + i] - 1) + 1;
    g.stride[i] = problem->stride[i];
    g.dilation[i] = problem->dilation[i] - 1;
    g.padding_before[i] = problem->padding[i];
    g.padding_after[i] =
        (problem->c.dims[2 + i] - 1) * problem->stride[i] + reach - problem->a.dims[2 + i] - problem->padding[i];
  }
  return g;
}

#if DNNL_VERSION_MAJOR >= 3

static dnnl_status_t describe_forward(dnnl_primitive_desc_t *made, dnnl_engine_t engine, const descriptions *d,
                                      dnnl_memory_desc_t weight, bool bias, const geometry *g,
                                      dnnl_primitive_attr_t attributes) {
  return dnnl_convolution_forward_primitive_desc_create(
      made, engine, dnnl_forward_training, dnnl_convolution_direct, d->wanted[OPERAND_A], weight, bias ? d->bias : NULL,
      d->wanted[OPERAND_C], g->stride, g->dilation, g->padding_before, g->padding_after, attributes);
}

static dnnl_status_t describe_backward(dnnl_primitive_desc_t *made, dnnl_engine_t engine, const descriptions *d,
                                       bool data, const geometry *g, dnnl_primitive_attr_t attributes,
                                       dnnl_primitive_desc_t hint) {
  return data
             ? dnnl_convolution_backward_data_primitive_desc_create(
                   made, engine, dnnl_convolution_direct, d->wanted[OPERAND_A], d->wanted[OPERAND_B],
                   d->wanted[OPERAND_C], g->stride, g->dilation, g->padding_before, g->padding_after, hint, attributes)
             : dnnl_convolution_backward_weights_primitive_desc_create(
                   made, engine, dnnl_convolution_direct, d->wanted[OPERAND_A], d->wanted[OPERAND_B], NULL,
                   d->wanted[OPERAND_C], g->stride, g->dilation, g->padding_before, g->padding_after, hint, attributes);
}

static dnnl_status_t describe_matmul(dnnl_primitive_desc_t *made, dnnl_engine_t engine, const descriptions *d,
                                     bool bias, dnnl_primitive_attr_t attributes) {
  return dnnl_matmul_primitive_desc_create(made, engine, d->wanted[OPERAND_A], d->wanted[OPERAND_B],
                                           bias ? d->bias : NULL, d->wanted[OPERAND_C], attributes);
}

#else

static dnnl_status_t describe_forward(dnnl_primitive_desc_t *made, dnnl_engine_t engine, const descriptions *d,
                                      dnnl_memory_desc_t weight, bool bias, const geometry *g,
                                      dnnl_primitive_attr_t attributes) {
  dnnl_convolution_desc_t description;
  DNNL_TRY(dnnl_dilated_convolution_forward_desc_init(
      &description, dnnl_forward_training, dnnl_convolution_direct, &d->wanted[OPERAND_A], &weight,
      bias ? &d->bias : NULL, &d->wanted[OPERAND_C], g->stride, g->dilation, g->padding_before, g->padding_after));
  return dnnl_primitive_desc_create(made, &description, attributes, engine, NULL);
}

static dnnl_status_t describe_backward(dnnl_primitive_desc_t *made, dnnl_engine_t engine, const descriptions *d,
                                       bool data, const geometry *g, dnnl_primitive_attr_t attributes,
                                       dnnl_primitive_desc_t hint) {
  dnnl_convolution_desc_t description;
  if (data) {
    DNNL_TRY(dnnl_dilated_convolution_backward_data_desc_init(
        &description, dnnl_convolution_direct, &d->wanted[OPERAND_A], &d->wanted[OPERAND_B], &d->wanted[OPERAND_C],
        g->stride, g->dilation, g->padding_before, g->padding_after));
  } else {
    DNNL_TRY(dnnl_dilated_convolution_backward_weights_desc_init(
        &description, dnnl_convolution_direct, &d->wanted[OPERAND_A], &d->wanted[OPERAND_B], NULL,
        &d->wanted[OPERAND_C], g->stride, g->dilation, g->padding_before, g->padding_after));
  }
  return dnnl_primitive_desc_create(made, &description, attributes, engine, hint);
}

static dnnl_status_t describe_matmul(dnnl_primitive_desc_t *made, dnnl_engine_t engine, const descriptions *d,
                                     bool bias, dnnl_primitive_attr_t attributes) {
  dnnl_matmul_desc_t description;
  DNNL_TRY(dnnl_matmul_desc_init(&description, &d->wanted[OPERAND_A], &d->wanted[OPERAND_B], bias ? &d->bias : NULL,
                                 &d->wanted[OPERAND_C]));
  return dnnl_primitive_desc_create(made, &description, attributes, engine, NULL);
}

#endif

static dnnl_status_t describe_primitive(dnnl_primitive_desc_t *made, dnnl_engine_t engine, const descriptions *d,
                                        const ss_onednn_problem *problem) {
  dnnl_primitive_attr_t attributes = NULL;
  dnnl_primitive_desc_t hint = NULL;
  dnnl_status_t status = make_attributes(&attributes, problem->kind == SS_ONEDNN_MATMUL ? problem->scale : 1.0f);
  if (status == dnnl_success && problem->kind == SS_ONEDNN_MATMUL) {
    status = describe_matmul(made, engine, d, problem->bias, attributes);
  } else if (status == dnnl_success) {
    const geometry g = geometry_of(problem);
    if (problem->kind == SS_ONEDNN_CONVOLUTION) {
      status = describe_forward(made, engine, d, d->wanted[OPERAND_B], problem->bias, &g, attributes);
    } else {
      status = describe_forward(&hint, engine, d, d->forward_weight, false, &g, attributes);
      if (status == dnnl_success) {
        status = describe_backward(made, engine, d, problem->kind == SS_ONEDNN_CONVOLUTION_BACKWARD_DATA, &g,
                                   attributes, hint);
      }
    }
  }
  if (hint) {
    dnnl_primitive_desc_destroy(hint);
  }
  if (attributes) {
    dnnl_primitive_attr_destroy(attributes);
  }
  return status;
}

bool ss_onednn_supports(const ss_onednn_problem *problem) {
  dnnl_engine_t engine = NULL;
  if (dnnl_engine_create(&engine, dnnl_cpu, 0) != dnnl_success) {
    return false;
  }
  descriptions d;
  dnnl_primitive_desc_t made = NULL;
  const char *implementation = NULL;
  const bool supported =
      describe_all(&d, problem) == dnnl_success && describe_primitive(&made, engine, &d, problem) == dnnl_success &&
      dnnl_primitive_desc_query(made, dnnl_query_impl_info_str, 0, (void *)&implementation) == dnnl_success &&
      strncmp(implementation, "ref", 3) != 0;
  free_descriptions(&d);
  if (made) {
    dnnl_primitive_desc_destroy(made);
  }
  dnnl_engine_destroy(engine);
  return supported;
}

/* ---- preparing ---- */

static size_t round_up(size_t bytes) {
  return (bytes + ALIGNMENT - 1) / ALIGNMENT * ALIGNMENT;
}

/* Makes the primitive of `description` and its scratchpad; *bytes grows to what the scratchpad needs. */
static dnnl_status_t make_stage(stage *made, dnnl_primitive_desc_t description, dnnl_engine_t engine, size_t *bytes) {
  DNNL_TRY(dnnl_primitive_create(&made->primitive, description));
  const description_view scratchpad = dnnl_primitive_desc_query_md(description, dnnl_query_scratchpad_md, 0);
  const size_t needed = scratchpad ? dnnl_memory_desc_get_size(scratchpad) : 0;
  if (needed > 0) {
    DNNL_TRY(dnnl_memory_create(&made->scratchpad, scratchpad, engine, DNNL_MEMORY_NONE));
    *bytes = needed > *bytes ? needed : *bytes;
  }
  return dnnl_success;
}

static dnnl_status_t make_reorder(ss_onednn *onednn, stage *made, description_view from, description_view to,
                                  size_t *scratchpad_bytes) {
  dnnl_primitive_attr_t attributes = NULL;
  dnnl_primitive_desc_t description = NULL;
  dnnl_status_t status = make_attributes(&attributes, 1.0f);
  if (status == dnnl_success) {
    status = dnnl_reorder_primitive_desc_create(&description, from, onednn->engine, to, onednn->engine, attributes);
  }
  if (status == dnnl_success) {
    status = make_stage(made, description, onednn->engine, scratchpad_bytes);
  }
  if (description) {
    dnnl_primitive_desc_destroy(description);
  }
  if (attributes) {
    dnnl_primitive_attr_destroy(attributes);
  }
  return status;
}

static int output_operand(ss_onednn_kind kind) {
  switch (kind) {
    case SS_ONEDNN_CONVOLUTION_BACKWARD_DATA:
      return OPERAND_A;
    case SS_ONEDNN_CONVOLUTION_BACKWARD_WEIGHT:
      return OPERAND_B;
    case SS_ONEDNN_CONVOLUTION:
    case SS_ONEDNN_MATMUL:
      break;
  }
  return OPERAND_C;
}

/* What an operand is to its primitive. */
typedef struct role {
  dnnl_query_t query;
  int argument;
} role;

static const role roles[][OPERANDS] = {
    [SS_ONEDNN_CONVOLUTION] = {{dnnl_query_src_md, DNNL_ARG_SRC},
                               {dnnl_query_weights_md, DNNL_ARG_WEIGHTS},
                               {dnnl_query_dst_md, DNNL_ARG_DST}},
    [SS_ONEDNN_CONVOLUTION_BACKWARD_DATA] = {{dnnl_query_diff_src_md, DNNL_ARG_DIFF_SRC},
                                             {dnnl_query_weights_md, DNNL_ARG_WEIGHTS},
                                             {dnnl_query_diff_dst_md, DNNL_ARG_DIFF_DST}},
    [SS_ONEDNN_CONVOLUTION_BACKWARD_WEIGHT] = {{dnnl_query_src_md, DNNL_ARG_SRC},
                                               {dnnl_query_diff_weights_md, DNNL_ARG_DIFF_WEIGHTS},
                                               {dnnl_query_diff_dst_md, DNNL_ARG_DIFF_DST}},
    [SS_ONEDNN_MATMUL] = {{dnnl_query_src_md, DNNL_ARG_SRC},
                          {dnnl_query_weights_md, DNNL_ARG_WEIGHTS},
                          {dnnl_query_dst_md, DNNL_ARG_DST}},
};

static dnnl_status_t bind_operand(ss_onednn *onednn, int operand, description_view user, description_view inside,
                                  size_t *scratchpad_bytes) {
  bound_operand *bound = &onednn->operands[operand];
  DNNL_TRY(dnnl_memory_create(&bound->user, user, onednn->engine, DNNL_MEMORY_NONE));
  if (dnnl_memory_desc_equal(user, inside)) {
    return dnnl_success;
  }
  DNNL_TRY(dnnl_memory_create(&bound->inside, inside, onednn->engine, DNNL_MEMORY_NONE));
  bound->offset = onednn->scratch_bytes;
  onednn->scratch_bytes += round_up(dnnl_memory_desc_get_size(inside));
  const bool output = output_operand(onednn->kind) == operand;
  return make_reorder(onednn, &bound->reorder, output ? inside : user, output ? user : inside, scratchpad_bytes);
}

static dnnl_status_t prepare(ss_onednn *onednn, const ss_onednn_problem *problem, descriptions *d,
                             dnnl_primitive_desc_t *made) {
  DNNL_TRY(dnnl_engine_create(&onednn->engine, dnnl_cpu, 0));
  DNNL_TRY(dnnl_stream_create(&onednn->stream, onednn->engine, dnnl_stream_default_flags));
  DNNL_TRY(describe_all(d, problem));
  DNNL_TRY(describe_primitive(made, onednn->engine, d, problem));
  size_t scratchpad_bytes = 0;
  DNNL_TRY(make_stage(&onednn->main, *made, onednn->engine, &scratchpad_bytes));
  for (int i = 0; i < OPERANDS; i++) {
    const description_view inside = dnnl_primitive_desc_query_md(*made, roles[problem->kind][i].query, 0);
    DNNL_TRY(bind_operand(onednn, i, VIEW(d->user[i]), inside, &scratchpad_bytes));
  }
  if (problem->bias) {
    DNNL_TRY(dnnl_memory_create(&onednn->bias, VIEW(d->bias), onednn->engine, DNNL_MEMORY_NONE));
  }
  onednn->scratchpad_offset = onednn->scratch_bytes;
  onednn->scratch_bytes += round_up(scratchpad_bytes);
  return dnnl_success;
}

ss_status ss_onednn_new(ss_onednn **out, const ss_onednn_problem *problem, int threads, ss_error *error) {
  ss_onednn *onednn = calloc(1, sizeof *onednn);
  if (!onednn) {
    return ss_fail_memory(error, sizeof *onednn, "a oneDNN primitive");
  }
  onednn->kind = problem->kind;
  onednn->threads = threads;
  descriptions d;
  memset(&d, 0, sizeof d);
  dnnl_primitive_desc_t made = NULL;
  /* oneDNN divides the work when it makes the primitive, by the number of threads OpenMP has then. */
  const int threads_before = omp_get_max_threads();
  omp_set_num_threads(threads);
  const dnnl_status_t status = prepare(onednn, problem, &d, &made);
  omp_set_num_threads(threads_before);
  free_descriptions(&d);
  if (made) {
    dnnl_primitive_desc_destroy(made);
  }
  if (status != dnnl_success) {
    ss_onednn_free(onednn);
    return fail(status, problem->kind == SS_ONEDNN_MATMUL ? "prepare a matrix product" : "prepare a convolution",
                error);
  }
  *out = onednn;
  return SS_OK;
}

static void free_memory(dnnl_memory_t memory) {
  if (memory) {
    dnnl_memory_destroy(memory);
  }
}

static void free_stage(stage *made) {
  if (made->primitive) {
    dnnl_primitive_destroy(made->primitive);
  }
  free_memory(made->scratchpad);
}

void ss_onednn_free(ss_onednn *onednn) {
  if (!onednn) {
    return;
  }
  free_stage(&onednn->main);
  for (int i = 0; i < OPERANDS; i++) {
    free_stage(&onednn->operands[i].reorder);
    free_memory(onednn->operands[i].user);
    free_memory(onednn->operands[i].inside);
  }
  free_memory(onednn->bias);
  if (onednn->stream) {
    dnnl_stream_destroy(onednn->stream);
  }
  if (onednn->engine) {
    dnnl_engine_destroy(onednn->engine);
  }
  free(onednn);
}

size_t ss_onednn_scratch_bytes(const ss_onednn *onednn) {
  return onednn->scratch_bytes;
}

/* ---- running ---- */

static dnnl_status_t execute(const ss_onednn *onednn, const stage *made, dnnl_exec_arg_t *arguments, int count,
                             char *scratch) {
  if (made->scratchpad) {
    DNNL_TRY(dnnl_memory_set_data_handle(made->scratchpad, scratch + onednn->scratchpad_offset));
    arguments[count++] = (dnnl_exec_arg_t){DNNL_ARG_SCRATCHPAD, made->scratchpad};
  }
  return dnnl_primitive_execute(made->primitive, onednn->stream, count, arguments);
}

static dnnl_status_t reorder(const ss_onednn *onednn, const bound_operand *bound, bool output, char *scratch) {
  dnnl_exec_arg_t arguments[3] = {{DNNL_ARG_FROM, output ? bound->inside : bound->user},
                                  {DNNL_ARG_TO, output ? bound->user : bound->inside}};
  return execute(onednn, &bound->reorder, arguments, 2, scratch);
}

static dnnl_status_t run(const ss_onednn *onednn, void *const *memory, const void *bias, char *scratch) {
  const int output = output_operand(onednn->kind);
  dnnl_exec_arg_t arguments[OPERANDS + 2];
  int count = 0;
  for (int i = 0; i < OPERANDS; i++) {
    const bound_operand *bound = &onednn->operands[i];
    DNNL_TRY(dnnl_memory_set_data_handle(bound->user, memory[i]));
    if (bound->inside) {
      DNNL_TRY(dnnl_memory_set_data_handle(bound->inside, scratch + bound->offset));
      if (i != output) {
        DNNL_TRY(reorder(onednn, bound, false, scratch));
      }
    }
    arguments[count++] =
        (dnnl_exec_arg_t){roles[onednn->kind][i].argument, bound->inside ? bound->inside : bound->user};
  }
  if (onednn->bias) {
    DNNL_TRY(dnnl_memory_set_data_handle(onednn->bias, (void *)bias));
    arguments[count++] = (dnnl_exec_arg_t){DNNL_ARG_BIAS, onednn->bias};
  }
  DNNL_TRY(execute(onednn, &onednn->main, arguments, count, scratch));
  if (onednn->operands[output].inside) {
    DNNL_TRY(reorder(onednn, &onednn->operands[output], true, scratch));
  }
  return dnnl_stream_wait(onednn->stream);
}

ss_status ss_onednn_run(const ss_onednn *onednn, const void *first, const void *second, const void *bias, void *output,
                        void *scratch) {
  void *memory[OPERANDS] = {(void *)first, (void *)second, output};
  if (onednn->kind == SS_ONEDNN_CONVOLUTION_BACKWARD_DATA) {
    memory[OPERAND_A] = output;
    memory[OPERAND_C] = (void *)first;
  } else if (onednn->kind == SS_ONEDNN_CONVOLUTION_BACKWARD_WEIGHT) {
    memory[OPERAND_B] = output;
    memory[OPERAND_C] = (void *)second;
  }
  const int threads_before = omp_get_max_threads();
  omp_set_num_threads(onednn->threads);
  const dnnl_status_t status = run(onednn, memory, bias, scratch);
  omp_set_num_threads(threads_before);
  return status == dnnl_success ? SS_OK : fail(status, "run", NULL);
}
