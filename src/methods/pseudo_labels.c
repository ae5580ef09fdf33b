#include "methods/pseudo_labels.h"

#include "base/memory.h"
#include "cluster/agreement.h"
#include "cluster/whitening.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* What is drawn anew: the view of a stream. */
enum { draw_clusters, draw_classifier };

int64_t ss_pseudo_label_count(const ss_task *task) {
  const int64_t asked = ss_settings_int(task->settings, "clusters");
  const int64_t usual = task->classes > 0 ? 10 * (int64_t)task->classes : 1000;
  const int64_t wanted = asked > 0 ? asked : usual, most = (int64_t)task->samples / 2;
  return wanted < most ? wanted : most > 1 ? most : 1;
}

bool ss_pseudo_labels_due(const ss_task *task, int64_t epoch) {
  return epoch % ss_settings_int(task->settings, "every") == 0;
}

static int64_t components_of(const ss_task *task) {
  const int64_t wanted = ss_settings_int(task->settings, "components"), dim = ss_backbone_dim(&task->backbone);
  const int64_t most = dim < (int64_t)task->samples ? dim : (int64_t)task->samples;
  return wanted < most ? wanted : most;
}

/* A number of the labels as a scalar of the graph. */
static ss_tensor *number(ss_graph *graph, const char *name) {
  return ss_affine(graph, ss_graph_parameter(graph, name, SS_F32, ss_shape_of(1), SS_INIT_ZEROS, 0), 1.0f, 0.0f);
}

ss_tensor *ss_build_pseudo_label_reports(ss_build *build) {
  ss_graph *graph = build->graph;
  ss_graph_push_scope(graph, "clusters");
  ss_graph_parameter(graph, "assignment", SS_I32, ss_shape_of((int64_t)build->task->samples), SS_INIT_ZEROS, 0);
  ss_tensor *largest = number(graph, "largest");
  if (ss_graph_is_training(graph)) {
    ss_build_report(build, "nmi_previous", number(graph, "nmi_previous"));
    ss_build_report(build, "nmi_classes", number(graph, "nmi_classes"));
    ss_build_report(build, "largest_cluster", largest);
  }
  ss_graph_pop_scope(graph);
  return largest;
}

ss_pseudo_labels ss_build_pseudo_labels(ss_build *build, ss_tensor *ranks) {
  ss_graph *graph = build->graph;
  const ss_shape samples = ss_shape_of((int64_t)build->task->samples);
  ss_tensor *largest = ss_build_pseudo_label_reports(build);
  ss_graph_push_scope(graph, "clusters");
  ss_tensor *labels = ss_graph_parameter(graph, "assignment", SS_I32, samples, SS_INIT_ZEROS, 0);
  ss_tensor *weights = ss_graph_parameter(graph, "weights", SS_F32, samples, SS_INIT_ONES, 0);
  ss_graph_parameter(graph, "centroids", SS_F32,
                     ss_shape_of(ss_pseudo_label_count(build->task), components_of(build->task)), SS_INIT_ZEROS, 0);
  ss_graph_pop_scope(graph);
  return (ss_pseudo_labels){
      .labels = ss_gather(graph, labels, ranks), .weights = ss_gather(graph, weights, ranks), .largest = largest};
}

void *ss_pseudo_label_values(const ss_parameters *parameters, const char *name) {
  char full[80];
  snprintf(full, sizeof full, "clusters.%s", name);
  const ss_parameter *parameter = ss_parameters_find(parameters, full);
  return parameter ? parameter->value : NULL;
}

/* Normalised mutual information with `others`, of the samples that have a label there; 0 where none has. */
static ss_status agree(const int32_t *labels, const int32_t *others, int64_t count, float *nmi, ss_error *error) {
  int32_t *pairs = NULL;
  SS_TRY(ss_alloc((void **)&pairs, 2 * (size_t)count, sizeof *pairs, "the labels", error));
  int64_t known = 0;
  for (int64_t i = 0; i < count; i++) {
    if (others[i] >= 0) {
      pairs[known] = labels[i];
      pairs[count + known++] = others[i];
    }
  }
  ss_agreement agreement = {.nmi = 0.0, .ari = 0.0};
  const ss_status status = known > 0 ? ss_agreement_measure(pairs, pairs + count, known, &agreement, error) : SS_OK;
  *nmi = (float)agreement.nmi;
  free(pairs);
  return status;
}

ss_status ss_pseudo_labels_take(const ss_task *task, ss_parameters *parameters, const int32_t *labels, int64_t largest,
                                int64_t epoch, ss_error *error) {
  const int64_t samples = (int64_t)task->samples;
  int32_t *assignment = ss_pseudo_label_values(parameters, "assignment");
  float *share = ss_pseudo_label_values(parameters, "largest");
  float *previous = ss_pseudo_label_values(parameters, "nmi_previous");
  float *classes = ss_pseudo_label_values(parameters, "nmi_classes");
  if (!assignment || !share || !previous || !classes) {
    return ss_fail(error, SS_FAILED, "%s has no pseudo-labels to renew", task->method->name);
  }
  *previous = 0.0f;
  if (epoch > 0) {
    SS_TRY(agree(labels, assignment, samples, previous, error));
  }
  SS_TRY(agree(labels, task->labels, samples, classes, error));
  *share = (float)largest / (float)samples;
  memcpy(assignment, labels, (size_t)samples * sizeof *labels);
  return SS_OK;
}

static ss_status keep_rows(void *taker, const float *rows, int64_t first, int64_t count, int64_t dim, ss_error *error) {
  (void)error;
  memcpy((float *)taker + first * dim, rows, (size_t)(count * dim) * sizeof *rows);
  return SS_OK;
}

ss_status ss_pseudo_label_features(const ss_task *task, float **features, int64_t *dims, ss_error *error) {
  const int64_t samples = (int64_t)task->samples, dim = ss_backbone_dim(&task->backbone);
  float *plain = NULL, *whitened = NULL;
  ss_whitening whitening = {.d = 0};
  *dims = components_of(task);
  ss_status status = ss_alloc((void **)&plain, (size_t)(samples * dim), sizeof *plain, "the features", error);
  if (status == SS_OK) {
    status = ss_alloc((void **)&whitened, (size_t)(samples * *dims), sizeof *whitened, "the features", error);
  }
  if (status == SS_OK) {
    const ss_feature_request request = {.model = NULL, .map = false, .take = keep_rows, .taker = plain};
    status = task->features(task->features_context, &request, error);
  }
  if (status == SS_OK) {
    status = ss_whitening_fit(plain, samples, dim, *dims, 1e-6, task->threads, &whitening, error);
  }
  if (status == SS_OK) {
    status = ss_whitening_apply(&whitening, plain, samples, true, task->threads, whitened, error);
  }
  ss_whitening_free(&whitening);
  free(plain);
  if (status != SS_OK) {
    free(whitened);
    whitened = NULL;
  }
  *features = whitened;
  return status;
}

ss_status ss_pseudo_label_clusters(const ss_task *task, const float *features, int64_t count, int64_t dims, int64_t k,
                                   int64_t epoch, uint64_t which, ss_kmeans *clusters, ss_error *error) {
  ss_random random = ss_random_stream(task->seed, SS_RANDOM_METHOD, (uint32_t)epoch, which, draw_clusters);
  ss_kmeans_options how = SS_KMEANS_DEFAULTS;
  how.clusters = k;
  how.iterations = (int)ss_settings_int(task->settings, "iterations");
  how.seed = ss_random_bits(&random);
  how.threads = task->threads;
  return ss_kmeans_run(features, count, dims, &how, clusters, error);
}

/* Puts a clustering of all samples into the parameters. */
static ss_status take(const ss_task *task, ss_parameters *parameters, const ss_kmeans *clusters, int64_t epoch,
                      ss_error *error) {
  float *weights = ss_pseudo_label_values(parameters, "weights");
  float *centroids = ss_pseudo_label_values(parameters, "centroids");
  int64_t most = 0;
  for (int64_t j = 0; j < clusters->k; j++) {
    most = clusters->sizes[j] > most ? clusters->sizes[j] : most;
  }
  SS_TRY(ss_pseudo_labels_take(task, parameters, clusters->assignment, most, epoch, error));
  if (!weights || !centroids) {
    return ss_fail(error, SS_FAILED, "%s has no pseudo-labels to renew", task->method->name);
  }
  for (int64_t i = 0; i < clusters->n; i++) {
    const double size = (double)clusters->sizes[clusters->assignment[i]];
    weights[i] = (float)((double)clusters->n / ((double)clusters->k * size));
  }
  memcpy(centroids, clusters->centroids, (size_t)(clusters->k * clusters->d) * sizeof *centroids);
  return SS_OK;
}

ss_status ss_pseudo_labels_renew(ss_task *task, ss_parameters *parameters, int64_t epoch, ss_error *error) {
  float *features = NULL;
  int64_t dims = 0;
  ss_kmeans clusters = {.n = 0};
  SS_TRY(ss_pseudo_label_features(task, &features, &dims, error));
  ss_status status = ss_pseudo_label_clusters(task, features, (int64_t)task->samples, dims, ss_pseudo_label_count(task),
                                              epoch, 0, &clusters, error);
  free(features);
  if (status == SS_OK) {
    status = take(task, parameters, &clusters, epoch, error);
  }
  ss_kmeans_free(&clusters);
  return status;
}

ss_status ss_renew_classifier(ss_task *task, ss_parameters *parameters, const char *head, int64_t epoch,
                              ss_error *error) {
  char name[80];
  snprintf(name, sizeof name, "%s.weight", head);
  const ss_parameter *weight = ss_parameters_find(parameters, name);
  snprintf(name, sizeof name, "%s.bias", head);
  const ss_parameter *bias = ss_parameters_find(parameters, name);
  if (!weight || !bias) {
    return ss_fail(error, SS_FAILED, "%s has no classifier %s to draw anew", task->method->name, head);
  }
  ss_random random =
      ss_random_stream(task->seed, SS_RANDOM_METHOD, (uint32_t)epoch, ss_hash_text(head), draw_classifier);
  float *values = weight->value;
  for (int64_t i = 0; i < weight->count; i++) {
    values[i] = 0.01f * ss_random_normal(&random);
  }
  memset(bias->value, 0, (size_t)bias->count * sizeof *values);
  return SS_OK;
}
