/* Unsupervised Pre-Training of Image Features on Non-Curated Data. Caron, Bojanowski, Mairal, Joulin. ICCV 2019.
 */
#include "base/memory.h"
#include "methods/image/turns.h"
#include "methods/method.h"
#include "methods/pseudo_labels.h"
#include "methods/sheet.h"

#include <stdlib.h>
#include <string.h>

static const ss_option options[] = {
    SS_PSEUDO_LABEL_OPTIONS("3"),
    {"groups", SS_OPTION_INT, "4", "m: clusters of the first level, which are super-classes with the rotations", 1,
     1000, NULL},
    {"min_scale", SS_OPTION_FRACTION, "0.5", "smallest area of the random crop", 0, 0, NULL},
    {0}};

static int64_t groups_of(const ss_task *task) {
  const int64_t most = ss_pseudo_label_count(task), wanted = ss_settings_int(task->settings, "groups");
  return wanted < most ? wanted : most;
}

/* Sub-classes of a super-class. */
static int64_t parts_of(const ss_task *task) {
  const int64_t clusters = ss_pseudo_label_count(task), groups = groups_of(task);
  return (clusters + groups - 1) / groups;
}

static ss_status configure(ss_task *task, ss_error *error) {
  if (task->samples < 4) {
    return ss_fail(error, SS_FAILED, "%u pictures make no clusters; give %s more of them", task->samples,
                   task->method->name);
  }
  task->inputs[0] = (ss_method_input){"views", SS_F32, ss_shape_of(task->size, task->size, 3), SS_TURNS};
  task->inputs[1] = (ss_method_input){"rotations", SS_I32, {.rank = 0}, SS_TURNS};
  task->inputs[2] = (ss_method_input){"rows", SS_I32, {.rank = 0}, SS_TURNS};
  task->input_count = 3;
  return SS_OK;
}

/* A picture in its four rotations, and where its labels lie: row 4 rank + rotation of the tables. */
static ss_status views(const ss_task *task, ss_sample *sample, void *slot, ss_error *error) {
  const ss_view_options crop = ss_view_options_crop(task->size, (float)ss_settings_float(task->settings, "min_scale"));
  for (int r = 0; r < SS_TURNS; r++) {
    *(int32_t *)ss_view_slot(task, slot, 2, r) = (int32_t)(SS_TURNS * sample->rank) + r;
  }
  return ss_turned_views(task, &crop, sample, slot, 0, 1, error);
}

/* Both levels of the labels, from clusters of the upright pictures: group g and part z of it, which with rotation r is
 * super-class y = 4 g + r (section 3.2, "the Cartesian product") and sub-class z of y. */
typedef struct hierarchy {
  int32_t *labels; /* (samples) parts g + z */
  int64_t largest, largest_group;
  float *rows; /* features of one group's samples */
  int64_t *members;
} hierarchy;

/* Divides the samples of group g. */
static ss_status divide(const ss_task *task, const float *features, int64_t dims, const ss_kmeans *groups, int64_t g,
                        int64_t epoch, hierarchy *out, ss_error *error) {
  int64_t count = 0;
  for (int64_t i = 0; i < groups->n; i++) {
    if (groups->assignment[i] == g) {
      memcpy(out->rows + count * dims, features + i * dims, (size_t)dims * sizeof *features);
      out->members[count++] = i;
    }
  }
  const int64_t parts = parts_of(task), k = parts < (count + 1) / 2 ? parts : (count + 1) / 2;
  ss_kmeans clusters = {.n = 0};
  SS_TRY(ss_pseudo_label_clusters(task, out->rows, count, dims, k, epoch, (uint64_t)g + 1, &clusters, error));
  for (int64_t i = 0; i < count; i++) {
    out->labels[out->members[i]] = (int32_t)(g * parts) + clusters.assignment[i];
  }
  for (int64_t j = 0; j < clusters.k; j++) {
    out->largest = clusters.sizes[j] > out->largest ? clusters.sizes[j] : out->largest;
  }
  ss_kmeans_free(&clusters);
  return SS_OK;
}

static ss_status divide_all(const ss_task *task, const float *features, int64_t dims, int64_t epoch, hierarchy *out,
                            ss_error *error) {
  const size_t samples = task->samples;
  SS_TRY(ss_alloc((void **)&out->labels, samples, sizeof *out->labels, "the labels", error));
  SS_TRY(ss_alloc((void **)&out->rows, samples * (size_t)dims, sizeof *out->rows, "the features", error));
  SS_TRY(ss_alloc((void **)&out->members, samples, sizeof *out->members, "the labels", error));
  ss_kmeans groups = {.n = 0};
  SS_TRY(ss_pseudo_label_clusters(task, features, (int64_t)samples, dims, groups_of(task), epoch, 0, &groups, error));
  ss_status status = SS_OK;
  for (int64_t g = 0; g < groups.k && status == SS_OK; g++) {
    out->largest_group = groups.sizes[g] > out->largest_group ? groups.sizes[g] : out->largest_group;
    status = divide(task, features, dims, &groups, g, epoch, out, error);
  }
  ss_kmeans_free(&groups);
  return status;
}

/* The tables that the graph looks up. */
static ss_status fill_tables(const ss_task *task, ss_parameters *parameters, const hierarchy *made, ss_error *error) {
  const int32_t *labels = made->labels;
  int32_t *super = ss_pseudo_label_values(parameters, "super"), *sub = ss_pseudo_label_values(parameters, "sub");
  float *commonest = ss_pseudo_label_values(parameters, "commonest");
  if (!super || !sub || !commonest) {
    return ss_fail(error, SS_FAILED, "%s has no labels to renew", task->method->name);
  }
  const int32_t parts = (int32_t)parts_of(task);
  *commonest = (float)made->largest_group / (float)(SS_TURNS * (int64_t)task->samples);
  for (int64_t i = 0; i < (int64_t)task->samples; i++) {
    for (int32_t r = 0; r < SS_TURNS; r++) {
      super[SS_TURNS * i + r] = SS_TURNS * (labels[i] / parts) + r;
      sub[SS_TURNS * i + r] = super[SS_TURNS * i + r] * parts + labels[i] % parts;
    }
  }
  return SS_OK;
}

/* Section 3.2: every T epochs new labels, and new classifiers for them. */
static ss_status before_epoch(ss_task *task, ss_parameters *parameters, int64_t epoch, ss_error *error) {
  if (!ss_pseudo_labels_due(task, epoch)) {
    return SS_OK;
  }
  float *features = NULL;
  int64_t dims = 0;
  hierarchy made = {.labels = NULL, .largest = 0, .largest_group = 0, .rows = NULL, .members = NULL};
  SS_TRY(ss_pseudo_label_features(task, &features, &dims, error));
  ss_status status = divide_all(task, features, dims, epoch, &made, error);
  if (status == SS_OK) {
    status = ss_pseudo_labels_take(task, parameters, made.labels, made.largest, epoch, error);
  }
  if (status == SS_OK) {
    status = fill_tables(task, parameters, &made, error);
  }
  free(features);
  free(made.labels);
  free(made.rows);
  free(made.members);
  SS_TRY(status);
  task->renewed = "super.|sub.";
  SS_TRY(ss_renew_classifier(task, parameters, "super", epoch, error));
  return ss_renew_classifier(task, parameters, "sub", epoch, error);
}

static ss_tensor *labels_of(ss_build *build, const char *name) {
  ss_graph *graph = build->graph;
  ss_graph_push_scope(graph, "clusters");
  ss_tensor *table =
      ss_graph_parameter(graph, name, SS_I32, ss_shape_of(SS_TURNS * (int64_t)build->task->samples), SS_INIT_ZEROS, 0);
  ss_graph_pop_scope(graph);
  return ss_gather(graph, table, build->inputs[2]);
}

/* (S, S K): what keeps a row of super-class y to the K classifiers of y, the others being out of reach. */
static ss_tensor *reach(ss_graph *graph, int64_t supers, int64_t parts) {
  float *values = calloc((size_t)(supers * supers * parts), sizeof *values);
  for (int64_t i = 0; values && i < supers * supers * parts; i++) {
    values[i] = i % (supers * parts) / parts == i / (supers * parts) ? 0.0f : -1e4f;
  }
  ss_tensor *table = values ? ss_graph_constant(graph, ss_shape_of(supers, supers * parts), values) : NULL;
  free(values);
  return table;
}

/* Equation 4: l(V f(x), y) + sum_s y_s l(W_s f(x), z_s), the super-class and the sub-class within it. */
static void loss(ss_build *build) {
  ss_graph *graph = build->graph;
  const ss_task *task = build->task;
  const int64_t supers = SS_TURNS * groups_of(task), parts = parts_of(task);
  ss_build_pseudo_label_reports(build);
  ss_tensor *y = labels_of(build, "super"), *z = labels_of(build, "sub");
  ss_tensor *f = ss_build_backbone(build, build->inputs[0]).output;
  ss_tensor *v = ss_cast(graph, ss_linear(graph, f, (int)supers, true, "super"), SS_F32);
  ss_tensor *w = ss_cast(graph, ss_linear(graph, f, (int)(supers * parts), true, "sub"), SS_F32);
  w = ss_add(graph, w, ss_gather(graph, reach(graph, supers, parts), y));
  ss_tensor *first = ss_cross_entropy(graph, v, y, NULL, NULL), *second = ss_cross_entropy(graph, w, z, NULL, NULL);
  build->losses[0] = ss_add(graph, first, second);
  ss_build_report(build, "super_class", first);
  ss_build_report(build, "sub_class", second);
  build->score = ss_accuracy(graph, v, y);
  build->chance = ss_affine(
      graph, ss_graph_parameter(graph, "clusters.commonest", SS_F32, ss_shape_of(1), SS_INIT_ZEROS, 0), 1.0f, 0.0f);
  const ss_shape by_group = ss_shape_of(ss_tensor_dim(v, 0), supers / SS_TURNS, SS_TURNS);
  build->prediction = ss_reduce_max(graph, ss_reshape(graph, v, by_group), 1u << 1, false);
}

static ss_status picture(const ss_task *task, const ss_shown *shown, ss_image *out, ss_error *error) {
  return ss_sheet_of_rotations(task, shown, out, error);
}

const ss_method ss_method_deepercluster = {
    .name = "deepercluster",
    .modality = SS_MODALITY_IMAGE,
    .summary = "tells a picture's rotation and its cluster at once, in two levels of classes",
    .paper = {"Unsupervised Pre-Training of Image Features on Non-Curated Data", "Caron, Bojanowski, Mairal, Joulin",
              "ICCV 2019"},
    .options = options,
    .defaults = "optimizer=sgd lr=0.05 momentum=0.9 weight_decay=1e-5 schedule=constant warmup=0",
    .changes = "ten clusters a class, all four rotations of a picture in each batch; a ResNet with linear layers",
    .score = {"rotation and group of a training picture, told from another view", true, true, NULL, true},
    .configure = configure,
    .views = views,
    .loss = loss,
    .picture = picture,
    .before_epoch = before_epoch};
