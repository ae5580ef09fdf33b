/* The graph: recorded once for a batch shape, differentiated as a graph, then planned (plan.h) and only executed.
 *
 *   ss_parameters *parameters = ss_parameters_new(seed);
 *   ss_graph *graph = ss_graph_new(parameters, &(ss_graph_options){.compute = SS_BF16, .training = true});
 *   ss_tensor *x = ss_graph_input(graph, "images", SS_F32, ss_shape_of(128, 32, 32, 3));
 *   ss_tensor *labels = ss_graph_input(graph, "labels", SS_I32, ss_shape_of(128));
 *   ss_tensor *loss = ss_cross_entropy(graph, ss_linear(graph, ..., 10, "head"), labels, NULL, NULL);
 *   ss_graph_backward(graph, loss, "");
 *   status = ss_graph_status(graph, &error);
 *
 * Recording does not return statuses: the first mistake (shapes that do not fit, no memory) is kept and returned by
 * ss_graph_status; from then on operations return NULL and accept NULL. */
#ifndef SS_ENGINE_GRAPH_H
#define SS_ENGINE_GRAPH_H

#include "engine/parameters.h"
#include "engine/tensor.h"

typedef struct ss_graph ss_graph;

typedef struct ss_graph_options {
  ss_dtype compute; /* SS_F32, or SS_BF16: activations of convolution, linear and norm in bf16, sums in float32 */
  bool tf32;        /* a GPU may multiply float32 numbers as TF32, which keeps ten bits of each; sums stay float32 */
  bool training;    /* batch norm uses the batch's statistics and updates the running ones; dropout drops */
  uint64_t seed;    /* of dropout */
} ss_graph_options;

/* `parameters` must outlive the graph. NULL when there is no memory. */
ss_graph *ss_graph_new(ss_parameters *parameters, const ss_graph_options *options);
void ss_graph_free(ss_graph *graph);
/* SS_OK, or the first mistake made in recording. */
ss_status ss_graph_status(const ss_graph *graph, ss_error *error);
bool ss_graph_is_training(const ss_graph *graph);
ss_dtype ss_graph_compute_dtype(const ss_graph *graph);
ss_parameters *ss_graph_parameters(const ss_graph *graph);

/* A tensor that the caller fills before each run; the name is copied. */
ss_tensor *ss_graph_input(ss_graph *graph, const char *name, ss_dtype dtype, ss_shape shape);
/* A float32 tensor of fixed values, which are copied. */
ss_tensor *ss_graph_constant(ss_graph *graph, ss_shape shape, const float *values);
/* An int32 tensor of fixed values, which are copied. */
ss_tensor *ss_graph_constant_i32(ss_graph *graph, ss_shape shape, const int32_t *values);

/* Names of parameters made from here on start with `name` and a dot; scopes nest. "" leaves the name as it is. */
void ss_graph_push_scope(ss_graph *graph, const char *name);
void ss_graph_pop_scope(ss_graph *graph);
/* The store's parameter scope.name, made if it is new (parameters.h). The same name twice is the same tensor: shared
 * weights. */
ss_tensor *ss_graph_parameter(ss_graph *graph, const char *name, ss_dtype dtype, ss_shape shape,
                              ss_initializer initializer, unsigned flags);
/* While frozen, parameters used from here on get no gradient (a momentum encoder, the other player). */
void ss_graph_freeze(ss_graph *graph, bool frozen);
/* While held, batch norms recorded in training use the batch's statistics and leave the running ones as they are (made
 * pictures seen by an encoder that is measured on real ones). */
void ss_graph_hold_statistics(ss_graph *graph, bool held);
/* Batch norms recorded from here on in training see the batch as that many equal parts (views, or the shares of as many
 * devices) with statistics of their own, where their options do not say otherwise. 1: as one. */
void ss_graph_norm_parts(ss_graph *graph, int parts);
/* Changes between training and evaluation behaviour for what is recorded from here on (a frozen teacher). */
void ss_graph_set_training(ss_graph *graph, bool training);

/* Keeps the tensor's value after a run so that ss_plan_data can read it; returns the tensor that holds it in plain
 * layout. */
ss_tensor *ss_graph_keep(ss_graph *graph, ss_tensor *tensor);

/* Records the gradient of the scalar `loss` with respect to each trainable, unfrozen parameter it depends on whose name
 * matches `prefixes` (ss_parameter_matches; "" for all); ss_graph_gradient_* list them. May be called once for each
 * player. */
void ss_graph_backward(ss_graph *graph, ss_tensor *loss, const char *prefixes);
/* The gradient of a float32 tensor that ss_graph_backward has reached (an input marked by ss_graph_want_gradient): NULL
 * if it has not. */
ss_tensor *ss_graph_gradient_of(ss_graph *graph, const ss_tensor *tensor);
/* Asks for the gradient of an input or activation; call before recording what depends on it. */
void ss_graph_want_gradient(ss_graph *graph, ss_tensor *tensor);

size_t ss_graph_gradient_count(const ss_graph *graph);
ss_parameter *ss_graph_gradient_parameter(const ss_graph *graph, size_t index);
ss_tensor *ss_graph_gradient_tensor(const ss_graph *graph, size_t index); /* float32, the parameter's shape; kept */

#endif
