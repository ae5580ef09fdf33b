#include "eval/linear.h"

#include "base/memory.h"
#include "base/random.h"
#include "base/system.h"
#include "engine/optimizer.h"
#include "eval/lbfgs.h"
#include "eval/topk.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

enum { sgd_batch = 192, sgd_epochs = 30, sgd_drop = 10 };
static const float decay = 1e-4f; /* of the L-BFGS protocol, x the sum of squared weights */

/* A classifier on a batch of features: training graph, or evaluation when it has no loss. */
typedef struct classifier {
  ss_graph *graph;
  ss_plan *plan;
  ss_tensor *features, *labels, *logits, *loss;
  ss_tensor *targets, *weights; /* of sets of labels, in place of labels */
} classifier;

/* What a classifier is: softmax over the classes, behind a batch norm or not, or yes or no for each class. */
typedef enum form { SOFTMAX, NORMED_SOFTMAX, EACH_CLASS } form;

static int threads_of(const ss_probe_options *how) {
  return how->threads ? how->threads : ss_system_processors();
}

/* Of sets of labels the sum over the classes of each one's mean: as many regressions at once. */
static void record_loss(classifier *net, int64_t batch, int classes, form kind) {
  ss_graph *graph = net->graph;
  if (kind == EACH_CLASS) {
    net->targets = ss_graph_input(graph, "targets", SS_F32, ss_shape_of(batch, classes));
    net->weights = ss_graph_input(graph, "weights", SS_F32, ss_shape_of(batch, classes));
    ss_tensor *mean = ss_binary_cross_entropy(graph, net->logits, net->targets, net->weights);
    net->loss = ss_graph_keep(graph, ss_affine(graph, mean, (float)classes, 0.0f));
  } else {
    net->labels = ss_graph_input(graph, "labels", SS_I32, ss_shape_of(batch));
    net->loss = ss_cross_entropy(graph, net->logits, net->labels, NULL, NULL);
  }
}

static ss_status open_classifier(classifier *net, ss_parameters *parameters, int64_t batch, int64_t dim, int classes,
                                 form kind, bool training, const ss_probe_options *how, ss_error *error) {
  net->graph = ss_graph_new(parameters, &(ss_graph_options){.compute = SS_F32, .training = training});
  if (!net->graph) {
    return ss_fail_memory(error, 1, "the probe");
  }
  net->features = ss_graph_input(net->graph, "features", SS_F32, ss_shape_of(batch, dim));
  ss_tensor *x = net->features;
  if (kind == NORMED_SOFTMAX) {
    x = ss_batch_norm(net->graph, x, &(ss_batch_norm_options){.no_affine = true}, "norm");
  }
  net->logits = ss_graph_keep(net->graph, ss_linear(net->graph, x, classes, true, "probe"));
  if (training) {
    record_loss(net, batch, classes, kind);
    ss_graph_backward(net->graph, net->loss, "");
  }
  return ss_plan_new(net->graph, &(ss_plan_options){.threads = threads_of(how), .ways = how->ways}, &net->plan, error);
}

static void close_classifier(classifier *net) {
  ss_plan_free(net->plan);
  ss_graph_free(net->graph);
  memset(net, 0, sizeof *net);
}

/* ---- L-BFGS ---- */

enum { block_columns = 64 };

/* Standardises columns `first` to `first` + `columns` - 1 of both. */
static void standardise_columns(ss_features *const both[2], int64_t first, int64_t columns) {
  const ss_features *train = both[0];
  double mean[block_columns] = {0.0}, square[block_columns] = {0.0};
  for (int64_t i = 0; i < train->count; i++) {
    const float *row = train->values + i * train->dim + first;
    for (int64_t d = 0; d < columns; d++) {
      mean[d] += row[d];
    }
  }
  for (int64_t d = 0; d < columns; d++) {
    mean[d] /= (double)train->count;
  }
  for (int64_t i = 0; i < train->count; i++) {
    const float *row = train->values + i * train->dim + first;
    for (int64_t d = 0; d < columns; d++) {
      const double centred = row[d] - mean[d];
      square[d] += centred * centred;
    }
  }
  const double freedom = train->count > 1 ? (double)(train->count - 1) : 1.0;
  for (int64_t d = 0; d < columns; d++) {
    square[d] = sqrt(square[d] / freedom) + 1e-6; /* from here on the deviation */
  }
  for (int part = 0; part < 2; part++) {
    for (int64_t i = 0; i < both[part]->count; i++) {
      float *row = both[part]->values + i * train->dim + first;
      for (int64_t d = 0; d < columns; d++) {
        row[d] = (float)((row[d] - mean[d]) / square[d]);
      }
    }
  }
}

/* Standardises both by the training features' mean and unbiased deviation, as torch.std. */
static void standardise(ss_features *train, ss_features *test, int threads) {
  ss_features *const both[] = {train, test};
#pragma omp parallel for schedule(static) num_threads(threads)
  for (int64_t first = 0; first < train->dim; first += block_columns) {
    const int64_t left = train->dim - first;
    standardise_columns(both, first, left < block_columns ? left : block_columns);
  }
}

/* x is the weights (classes, dim), then the biases (classes). */
typedef struct regression {
  classifier *net;
  ss_parameter *weight, *bias;
} regression;

static void set_parameters(const regression *problem, const double *x) {
  float *weight = problem->weight->value, *bias = problem->bias->value;
  for (int64_t i = 0; i < problem->weight->count; i++) {
    weight[i] = (float)x[i];
  }
  for (int64_t i = 0; i < problem->bias->count; i++) {
    bias[i] = (float)x[problem->weight->count + i];
  }
}

static ss_status evaluate(void *context, const double *x, double *value, double *gradient, ss_error *error) {
  const regression *problem = context;
  const classifier *net = problem->net;
  set_parameters(problem, x);
  SS_TRY(ss_plan_run(net->plan, 0, error));
  const int64_t weights = problem->weight->count;
  for (size_t i = 0; i < ss_graph_gradient_count(net->graph); i++) {
    const ss_parameter *parameter = ss_graph_gradient_parameter(net->graph, i);
    const float *from = ss_plan_data(net->plan, ss_graph_gradient_tensor(net->graph, i));
    double *to = parameter == problem->weight ? gradient : gradient + weights;
    for (int64_t k = 0; k < parameter->count; k++) {
      to[k] = from[k];
    }
  }
  double sum = 0.0;
  for (int64_t i = 0; i < weights; i++) {
    sum += x[i] * x[i];
    gradient[i] += 2.0 * decay * x[i];
  }
  *value = *(const float *)ss_plan_data(net->plan, net->loss) + decay * sum;
  return SS_OK;
}

/* Minimises the loss of a classifier whose inputs are filled. */
static ss_status minimise(classifier *net, ss_parameters *parameters, const ss_probe_options *how, double *loss,
                          ss_error *error) {
  double *x = NULL;
  regression problem = {.net = net,
                        .weight = ss_parameters_find(parameters, "probe.weight"),
                        .bias = ss_parameters_find(parameters, "probe.bias")};
  const int64_t weights = problem.weight->count, n = weights + problem.bias->count;
  SS_TRY(ss_alloc((void **)&x, (size_t)n, sizeof(double), "the probe", error));
  for (int64_t i = 0; i < n; i++) {
    x[i] = i < weights ? ((const float *)problem.weight->value)[i] : ((const float *)problem.bias->value)[i - weights];
  }
  const ss_lbfgs_options options = {.threads = threads_of(how)};
  const ss_status status = ss_lbfgs(evaluate, &problem, x, (size_t)n, &options, loss, error);
  if (status == SS_OK) {
    set_parameters(&problem, x);
  }
  free(x);
  return status;
}

static size_t bytes_of(const ss_features *features) {
  return (size_t)(features->count * features->dim) * sizeof(float);
}

static ss_status fit_lbfgs(ss_features *train, ss_features *test, ss_parameters *parameters, int classes,
                           const ss_probe_options *how, double *loss, ss_error *error) {
  standardise(train, test, threads_of(how));
  classifier net = {0};
  ss_status status = open_classifier(&net, parameters, train->count, train->dim, classes, SOFTMAX, true, how, error);
  if (status == SS_OK) {
    memcpy(ss_plan_data(net.plan, net.features), train->values, bytes_of(train));
    memcpy(ss_plan_data(net.plan, net.labels), train->labels, (size_t)train->count * sizeof(int32_t));
    status = minimise(&net, parameters, how, loss, error);
  }
  close_classifier(&net);
  return status;
}

/* ---- SGD ---- */

static ss_status sgd_epoch(const ss_features *train, const classifier *net, ss_optimizer *optimizer, uint32_t *order,
                           int64_t batch, int epoch, uint64_t seed, double *loss, ss_error *error) {
  ss_random random = ss_random_stream(seed, SS_RANDOM_PROBE, (uint32_t)epoch, 0, 0);
  ss_random_shuffle(&random, order, (size_t)train->count);
  float rate = 0.01f;
  for (int drop = sgd_drop; drop <= epoch; drop += sgd_drop) {
    rate *= 0.1f;
  }
  float *features = ss_plan_data(net->plan, net->features);
  int32_t *labels = ss_plan_data(net->plan, net->labels);
  int64_t batches = 0;
  *loss = 0.0;
  for (int64_t first = 0; first + batch <= train->count; first += batch) {
    for (int64_t i = 0; i < batch; i++) {
      const int64_t row = order[first + i];
      memcpy(features + i * train->dim, train->values + row * train->dim, (size_t)train->dim * sizeof(float));
      labels[i] = train->labels[row];
    }
    SS_TRY(ss_plan_run(net->plan, 0, error));
    *loss += *(const float *)ss_plan_data(net->plan, net->loss);
    batches++;
    SS_TRY(ss_optimizer_step(optimizer, net->plan, rate, 1, error));
  }
  *loss /= batches > 0 ? (double)batches : 1.0;
  return SS_OK;
}

static ss_status fit_sgd(const ss_features *train, ss_parameters *parameters, int classes, const ss_probe_options *how,
                         double *loss, ss_error *error) {
  const int64_t batch = train->count < sgd_batch ? train->count : sgd_batch;
  const ss_optimizer_options options = {.kind = SS_SGD, .momentum = 0.9f, .weight_decay = 5e-4f};
  classifier net = {0};
  ss_optimizer *optimizer = NULL;
  uint32_t *order = NULL;
  ss_status status = open_classifier(&net, parameters, batch, train->dim, classes, NORMED_SOFTMAX, true, how, error);
  if (status == SS_OK) {
    status = ss_optimizer_new(&options, net.graph, "", &optimizer, error);
  }
  if (status == SS_OK) {
    status = ss_alloc((void **)&order, (size_t)train->count, sizeof(uint32_t), "the probe", error);
  }
  for (int64_t i = 0; status == SS_OK && i < train->count; i++) {
    order[i] = (uint32_t)i;
  }
  for (int epoch = 0; epoch < sgd_epochs && status == SS_OK; epoch++) {
    status = sgd_epoch(train, &net, optimizer, order, batch, epoch, how->seed, loss, error);
  }
  free(order);
  ss_optimizer_free(optimizer);
  close_classifier(&net);
  return status;
}

/* ---- measuring ---- */

static ss_status measure(const ss_features *test, ss_parameters *parameters, int classes, bool norm,
                         const ss_probe_options *how, ss_probe_result *result, ss_error *error) {
  const int64_t batch = test->count < 1024 ? test->count : 1024;
  classifier net = {0};
  ss_status status =
      open_classifier(&net, parameters, batch, test->dim, classes, norm ? NORMED_SOFTMAX : SOFTMAX, false, how, error);
  ss_topk topk = {0};
  for (int64_t first = 0; first < test->count && status == SS_OK; first += batch) {
    const int64_t count = test->count - first < batch ? test->count - first : batch;
    memcpy(ss_plan_data(net.plan, net.features), test->values + first * test->dim,
           (size_t)(count * test->dim) * sizeof(float));
    status = ss_plan_run(net.plan, 0, error);
    if (status == SS_OK) {
      ss_topk_add(&topk, ss_plan_data(net.plan, net.logits), test->labels + first, count, classes);
    }
  }
  result->top1 = ss_topk_top1(&topk);
  result->top5 = ss_topk_top5(&topk);
  close_classifier(&net);
  return status;
}

ss_status ss_probe_linear(ss_features *train, ss_features *test, int classes, const ss_probe_options *options,
                          ss_probe_result *result, ss_error *error) {
  if (train->dim != test->dim || train->count < 2 || test->count < 1 || classes < 2) {
    return ss_fail(error, SS_FAILED, "a probe needs at least two classes, two training samples and a test sample");
  }
  ss_parameters *parameters = ss_parameters_new(options->seed);
  if (!parameters) {
    return ss_fail_memory(error, 1, "the probe");
  }
  memset(result, 0, sizeof *result);
  const bool sgd = options->protocol == SS_PROBE_SGD;
  ss_status status = sgd ? fit_sgd(train, parameters, classes, options, &result->loss, error)
                         : fit_lbfgs(train, test, parameters, classes, options, &result->loss, error);
  if (status == SS_OK) {
    status = measure(test, parameters, classes, sgd, options, result, error);
  }
  ss_parameters_free(parameters);
  return status;
}

/* ---- sets of labels ---- */

static ss_status fit_sets(const ss_features *train, const ss_label_sets *sets, ss_parameters *parameters,
                          const ss_probe_options *how, ss_error *error) {
  classifier net = {0};
  double loss = 0.0;
  const size_t bytes = (size_t)train->count * (size_t)sets->classes * sizeof(float);
  ss_status status =
      open_classifier(&net, parameters, train->count, train->dim, sets->classes, EACH_CLASS, true, how, error);
  if (status == SS_OK) {
    memcpy(ss_plan_data(net.plan, net.features), train->values, bytes_of(train));
    memcpy(ss_plan_data(net.plan, net.targets), sets->targets, bytes);
    memcpy(ss_plan_data(net.plan, net.weights), sets->weights, bytes);
    status = minimise(&net, parameters, how, &loss, error);
  }
  close_classifier(&net);
  return status;
}

ss_status ss_probe_label_sets(ss_features *train, ss_features *test, const ss_label_sets *sets,
                              const ss_probe_options *options, float *scores, ss_error *error) {
  if (train->dim != test->dim || train->count < 2 || test->count < 1 || sets->classes < 1) {
    return ss_fail(error, SS_FAILED, "a probe needs a class, two training samples and a test sample");
  }
  ss_parameters *parameters = ss_parameters_new(options->seed);
  if (!parameters) {
    return ss_fail_memory(error, 1, "the probe");
  }
  standardise(train, test, threads_of(options));
  classifier net = {0};
  ss_status status = fit_sets(train, sets, parameters, options, error);
  if (status == SS_OK) {
    status =
        open_classifier(&net, parameters, test->count, test->dim, sets->classes, EACH_CLASS, false, options, error);
  }
  if (status == SS_OK) {
    memcpy(ss_plan_data(net.plan, net.features), test->values, bytes_of(test));
    status = ss_plan_run(net.plan, 0, error);
  }
  if (status == SS_OK) {
    memcpy(scores, ss_plan_data(net.plan, net.logits), (size_t)test->count * (size_t)sets->classes * sizeof(float));
  }
  close_classifier(&net);
  ss_parameters_free(parameters);
  return status;
}
