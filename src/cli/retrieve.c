/* selfsup retrieve RUN DATA */
#include "eval/retrieve.h"
#include "cli/measure.h"
#include "io/png.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

static const ss_flag flags[] = {
    {"test", 0, "DATA", "other data's pictures are the queries, with the same classes"},
    {"query", 0, "FILE", "a picture, or a folder of them: list the pictures most like it"},
    {"k", 'k', "N", "pictures that are listed (default 5) and drawn (default 8) for a query"},
    {"sheet", 0, "FILE.png", "draw some queries, each with what was found for it"},
    SS_JSON_FLAGS};

static const ss_option options[] = {SS_MEASURE_OPTIONS};

static const int cutoffs[] = {1, 5, 10, 20};
enum { cutoff_count = sizeof cutoffs / sizeof *cutoffs, most_neighbours = 1000, sheet_rows = 8, most_columns = 20 };

typedef struct retrieval {
  const ss_arguments *arguments;
  ss_measurement measurement; /* `train` is what is searched, `test` what is looked for */
  bool listed;                /* --query */
  int list, columns;          /* neighbours listed, drawn */
  ss_features gallery, queries;
  ss_neighbours neighbours;
  double recalls[cutoff_count];
  double precision; /* mean average precision */
} retrieval;

/* Everything but the test part, or all where there is nothing else. */
static void leave_out_test_part(const ss_source *source, ss_subset *subset) {
  uint32_t kept = 0;
  for (uint32_t i = 0; i < subset->count; i++) {
    if (ss_source_part(source, subset->samples[i]) != SS_PART_TEST) {
      subset->samples[kept++] = subset->samples[i];
    }
  }
  subset->count = kept > 0 ? kept : subset->count;
}

static ss_status take_parts_without_labels(retrieval *task, ss_error *error) {
  ss_measurement *measurement = &task->measurement;
  bool held_out = false;
  ss_subset_free(&measurement->train);
  SS_TRY(
      ss_subset_for_pretext(measurement->source, true, 0, &measurement->train, &measurement->test, &held_out, error));
  if (measurement->train.count == 0 || measurement->test.count == 0) {
    return ss_fail(error, SS_FAILED,
                   "too few pictures to look for some among the others: %s; look for one with --query",
                   ss_source_path(measurement->source));
  }
  if (held_out) {
    fprintf(stderr, "no labels and no test part in %s: %u of %u pictures are the queries\n",
            ss_source_path(measurement->source), measurement->test.count,
            measurement->train.count + measurement->test.count);
  }
  measurement->test_source = measurement->source;
  return SS_OK;
}

/* What is looked for, and among what. */
static ss_status choose_parts(retrieval *task, ss_error *error) {
  ss_measurement *measurement = &task->measurement;
  const char *query = ss_arguments_value(task->arguments, "query", NULL);
  const char *test = ss_arguments_value(task->arguments, "test", NULL);
  if (query && test) {
    return ss_fail(error, SS_USAGE, "--query and --test both say what to look for; give one of them");
  }
  if (query) {
    task->listed = true;
    leave_out_test_part(measurement->source, &measurement->train);
    SS_TRY(ss_source_open(query, &measurement->other, error));
    measurement->test_source = measurement->other;
    SS_TRY(ss_subset_everything(measurement->other, &measurement->test, error));
  } else if (test || ss_source_class_count(measurement->source) > 0) {
    SS_TRY(ss_measurement_take_parts(task->arguments, measurement, error));
  } else {
    SS_TRY(take_parts_without_labels(task, error));
  }
  const uint32_t limit = (uint32_t)ss_settings_int(measurement->settings, "limit");
  return ss_subset_limit(measurement->source, &measurement->train, limit, error);
}

static ss_status find(retrieval *task, ss_error *error) {
  const ss_measurement *measurement = &task->measurement;
  SS_TRY(ss_measurement_features(measurement, measurement->model, &(int){SS_LAST_LAYER}, 1, &task->gallery,
                                 &task->queries, error));
  int k = cutoffs[cutoff_count - 1];
  k = task->list > k ? task->list : k;
  task->precision = NAN;
  SS_TRY(ss_retrieve(&task->gallery, &task->queries, k, measurement->features.threads, &task->neighbours,
                     task->listed ? NULL : &task->precision, error));
  for (int i = 0; i < cutoff_count; i++) {
    task->recalls[i] = task->listed ? NAN
                                    : ss_recall(&task->neighbours, task->gallery.labels, task->gallery.count,
                                                task->queries.labels, cutoffs[i]);
  }
  return SS_OK;
}

static ss_status draw(const retrieval *task, const char *path, ss_error *error) {
  const ss_measurement *measurement = &task->measurement;
  const ss_gallery gallery = {measurement->source, &measurement->train};
  const ss_gallery queries = {measurement->test_source, &measurement->test};
  ss_image sheet = {0};
  ss_status status = ss_neighbours_sheet(&task->neighbours, gallery, queries, sheet_rows, task->columns, &sheet, error);
  status = status ? status : ss_png_write(path, &sheet, error);
  ss_image_free(&sheet);
  return status;
}

/* A found picture's name and its similarity to a query. */
static const char *found_name(const retrieval *task, int64_t query, int at, float *cosine) {
  const ss_neighbours *neighbours = &task->neighbours;
  const int64_t i = query * neighbours->k + at;
  *cosine = neighbours->cosines[i];
  return ss_source_name(task->measurement.source, task->measurement.train.samples[neighbours->indices[i]]);
}

static int listed_count(const retrieval *task) {
  return task->list < task->neighbours.k ? task->list : task->neighbours.k;
}

static void print_list(const retrieval *task) {
  const ss_measurement *measurement = &task->measurement;
  for (int64_t q = 0; q < task->neighbours.queries; q++) {
    printf("%s\n", ss_source_name(measurement->test_source, measurement->test.samples[q]));
    for (int i = 0; i < listed_count(task); i++) {
      float cosine = 0.0f;
      const char *name = found_name(task, q, i, &cosine);
      printf("  %6.3f  %s\n", (double)cosine, name);
    }
  }
}

static void print_recalls(const retrieval *task) {
  printf("retrieval by frozen features: %u queries among %u pictures\n\n", task->measurement.test.count,
         task->measurement.train.count);
  if (isnan(task->recalls[0])) {
    printf("no labels, so no recall; --sheet FILE.png shows what was found\n");
    return;
  }
  printf("  k  recall\n");
  for (int i = 0; i < cutoff_count; i++) {
    printf("%3d %6.2f %%\n", cutoffs[i], task->recalls[i]);
  }
  printf("\nmAP %6.2f %%\n", task->precision);
}

static ss_status add_recalls(const retrieval *task, cJSON *json, ss_error *error) {
  cJSON *recall = NULL;
  SS_TRY(ss_json_add_object(json, "recall", &recall, error));
  for (int i = 0; i < cutoff_count; i++) {
    char key[16];
    snprintf(key, sizeof key, "%d", cutoffs[i]);
    SS_TRY(ss_json_add_float(recall, key, task->recalls[i], error)); /* null where it is not known */
  }
  return ss_json_add_float(json, "map", task->precision, error);
}

static ss_status add_list(const retrieval *task, cJSON *json, ss_error *error) {
  const ss_measurement *measurement = &task->measurement;
  cJSON *found = NULL;
  SS_TRY(ss_json_add_array(json, "found", &found, error));
  for (int64_t q = 0; q < task->neighbours.queries; q++) {
    cJSON *item = NULL, *list = NULL;
    SS_TRY(ss_json_add_object(found, NULL, &item, error));
    SS_TRY(ss_json_add_string(item, "query", ss_source_name(measurement->test_source, measurement->test.samples[q]),
                              error));
    SS_TRY(ss_json_add_array(item, "neighbours", &list, error));
    for (int i = 0; i < listed_count(task); i++) {
      cJSON *neighbour = NULL;
      float cosine = 0.0f;
      const char *name = found_name(task, q, i, &cosine);
      SS_TRY(ss_json_add_object(list, NULL, &neighbour, error));
      SS_TRY(ss_json_add_string(neighbour, "name", name, error));
      SS_TRY(ss_json_add_float(neighbour, "cosine", (double)cosine, error));
    }
  }
  return SS_OK;
}

static ss_status fill_json(const void *context, cJSON *json, ss_error *error) {
  const retrieval *task = context;
  SS_TRY(ss_json_add_int(json, "queries", task->neighbours.queries, error));
  SS_TRY(ss_json_add_int(json, "gallery", task->gallery.count, error));
  return task->listed ? add_list(task, json, error) : add_recalls(task, json, error);
}

static ss_status retrieve(retrieval *task, ss_error *error) {
  const ss_arguments *arguments = task->arguments;
  const char *sheet = ss_arguments_value(arguments, "sheet", NULL);
  int64_t list = 0, columns = 0;
  SS_TRY(ss_arguments_int(arguments, "k", 1, most_neighbours, 5, &list, error));
  SS_TRY(ss_arguments_int(arguments, "k", 1, most_neighbours, 8, &columns, error));
  task->list = (int)list;
  task->columns = columns < most_columns ? (int)columns : most_columns;
  SS_TRY(ss_measurement_open(arguments, false, &task->measurement, error));
  SS_TRY(choose_parts(task, error));
  SS_TRY(find(task, error));
  if (task->listed) {
    print_list(task);
  } else {
    print_recalls(task);
  }
  if (sheet) {
    SS_TRY(draw(task, sheet, error));
  }
  return ss_json_output(arguments, fill_json, task, error);
}

static int run(const ss_arguments *arguments) {
  ss_error error = {""};
  retrieval task = {.arguments = arguments};
  const ss_status status = retrieve(&task, &error);
  ss_neighbours_free(&task.neighbours);
  ss_features_free(&task.gallery);
  ss_features_free(&task.queries);
  ss_measurement_close(&task.measurement);
  return ss_complain(status, &error);
}

const ss_command ss_command_retrieve = {
    .name = "retrieve",
    .operands = "RUN DATA",
    .summary = "finds the pictures most like others by their features, and measures recall and mAP",
    .more =
        "Looks for each picture of the test part among those of the training part, by the cosine of their features;\n"
        "recall at k is the share of queries with one of their class among the k most similar, mAP the mean average\n"
        "precision of the whole training part ranked. With --query the pictures of DATA that are most like FILE are\n"
        "listed instead, labels or not.\n\n"
        "  selfsup retrieve runs/simclr ~/Pictures --query ~/Pictures/cat.jpg --sheet like-the-cat.png",
    .least = 2,
    .most = 2,
    .flags = flags,
    .options = options,
    .run = run};
