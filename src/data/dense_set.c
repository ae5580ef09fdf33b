#include "data/dense_set.h"

#include "base/memory.h"
#include "base/random.h"
#include "data/dense_set_kind.h"
#include "data/files.h"

#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>

static const ss_dense_layout *const layouts[] = {&ss_dense_world, &ss_dense_voc, &ss_dense_folders};

/* Appends to a list that grows in powers of two. `text` is handed over, and freed on failure. */
static ss_status append(char ***list, uint32_t *count, char *text, ss_error *error) {
  if ((*count & (*count - 1)) == 0) {
    const size_t grown = *count ? (size_t)*count * 2 : 1;
    char **longer = realloc(*list, grown * sizeof *longer);
    if (!longer) {
      free(text);
      return ss_fail_memory(error, grown * sizeof *longer, "a list of names");
    }
    *list = longer;
  }
  (*list)[(*count)++] = text;
  return SS_OK;
}

ss_status ss_dense_set_add_map(ss_dense_set *set, const char *name, char *map, ss_error *error) {
  if (!ss_path_is_file(map, NULL)) {
    const ss_status status = ss_fail(error, SS_FAILED, "no map for %s: %s is missing", name, map);
    free(map);
    return status;
  }
  return append(&set->maps, &set->map_count, map, error);
}

ss_status ss_dense_set_add(ss_dense_set *set, const char *name, ss_part part, char *map, ss_error *error) {
  SS_TRY(ss_dense_set_add_map(set, name, map, error));
  return ss_source_add_sample(set->source, name, (ss_sample){.label = -1, .part = (uint32_t)part}, error);
}

ss_status ss_dense_set_add_class(ss_dense_set *set, const char *name, ss_error *error) {
  if (set->class_count >= SS_MAP_VOID) {
    return ss_fail(error, SS_FAILED, "more than %d classes", SS_MAP_VOID);
  }
  char *copy = strdup(name);
  if (!copy) {
    return ss_fail_memory(error, strlen(name), "a class");
  }
  uint32_t count = (uint32_t)set->class_count;
  SS_TRY(append(&set->class_names, &count, copy, error));
  set->class_count = (int)count;
  return SS_OK;
}

static ss_status open_layout(ss_dense_set *set, const char *data, ss_error *error) {
  for (size_t i = 0; i < sizeof layouts / sizeof layouts[0]; i++) {
    if (layouts[i]->holds(data)) {
      SS_TRY(layouts[i]->open(set, data, error));
      return set->source->count ? SS_OK : ss_fail(error, SS_FAILED, "no pictures in %s", data);
    }
  }
  return ss_fail(error, SS_FAILED, "no pictures with a map each in %s: DATA is %s images/ beside %s/, or world:images",
                 data, set->kind == SS_MAP_LABELS ? "a VOC devkit, a folder with" : "a folder with",
                 set->kind == SS_MAP_LABELS ? "masks" : "depth");
}

/* `classes` was asked for: DATA may not name more or fewer. */
static ss_status set_classes(ss_dense_set *set, int classes, ss_error *error) {
  if (classes == 0 || set->kind != SS_MAP_LABELS) {
    return SS_OK;
  }
  if (set->class_count && set->class_count != classes) {
    return ss_fail(error, SS_USAGE, "%s has %d classes, not %d", set->source->data, set->class_count, classes);
  }
  set->class_count = classes;
  return SS_OK;
}

ss_status ss_dense_set_open(const char *data, ss_map_kind kind, int classes, ss_dense_set **out, ss_error *error) {
  *out = NULL;
  ss_dense_set *set = NULL;
  if (classes < 0 || classes > SS_MAP_VOID) {
    return ss_fail(error, SS_USAGE, "%d classes; there are 1 to %d", classes, SS_MAP_VOID);
  }
  SS_TRY(ss_alloc((void **)&set, 1, sizeof *set, "a data set", error));
  set->kind = kind;
  ss_status status = open_layout(set, data, error);
  status = status ? status : set_classes(set, classes, error);
  if (status != SS_OK) {
    ss_dense_set_close(set);
    return status;
  }
  *out = set;
  return SS_OK;
}

void ss_dense_set_close(ss_dense_set *set) {
  if (!set) {
    return;
  }
  for (uint32_t i = 0; i < set->map_count; i++) {
    free(set->maps[i]);
  }
  for (int i = 0; set->class_names && i < set->class_count; i++) {
    free(set->class_names[i]);
  }
  free(set->maps);
  free(set->class_names);
  ss_source_close(set->source);
  free(set);
}

const ss_source *ss_dense_set_source(const ss_dense_set *set) {
  return set->source;
}

int ss_dense_set_class_count(const ss_dense_set *set) {
  return set->class_count;
}

const char *ss_dense_set_class_name(const ss_dense_set *set, int label) {
  return set->class_names && label >= 0 && label < set->class_count ? set->class_names[label] : NULL;
}

static bool is_held_out(const ss_source *source, uint32_t sample) {
  return ss_hash_text(ss_source_name(source, sample)) % 10 == 0;
}

ss_status ss_dense_set_parts(const ss_dense_set *set, ss_subset *train, ss_subset *test, bool *split_made,
                             ss_error *error) {
  const ss_source *source = set->source;
  *train = *test = (ss_subset){0};
  const bool has_train = ss_source_has_part(source, SS_PART_TRAIN), has_test = ss_source_has_part(source, SS_PART_TEST);
  if (!has_train || (!has_test && source->count < 2)) {
    return ss_fail(error, SS_FAILED, "%s has no %s picture", source->data, has_train ? "test" : "training");
  }
  ss_status status = ss_alloc((void **)&train->samples, source->count, sizeof(uint32_t), "the parts", error);
  status = status ? status : ss_alloc((void **)&test->samples, source->count, sizeof(uint32_t), "the parts", error);
  for (uint32_t i = 0; i < source->count && status == SS_OK; i++) {
    const bool held = has_test ? ss_source_part(source, i) == SS_PART_TEST : is_held_out(source, i);
    ss_subset *to = held ? test : train;
    to->samples[to->count++] = i;
  }
  if (status != SS_OK) {
    ss_subset_free(train);
    ss_subset_free(test);
    return status;
  }
  if (test->count == 0) {
    test->samples[test->count++] = train->samples[--train->count];
  } else if (train->count == 0) {
    train->samples[train->count++] = test->samples[--test->count];
  }
  *split_made = !has_test;
  return SS_OK;
}

static ss_status check_labels(const ss_dense_set *set, const char *path, const ss_map *map, ss_error *error) {
  const size_t count = (size_t)map->width * (size_t)map->height, width = (size_t)map->width;
  for (size_t i = 0; i < count; i++) {
    if (map->values[i] >= set->class_count && map->values[i] != SS_MAP_VOID) {
      return ss_fail(error, SS_FAILED,
                     "%s: unknown class %d at column %zu, row %zu; there are 0 to %d, and %d for none", path,
                     map->values[i], i % width, i / width, set->class_count - 1, SS_MAP_VOID);
    }
  }
  return SS_OK;
}

ss_status ss_dense_set_read(const ss_dense_set *set, uint32_t sample, int width, int height, ss_map *map,
                            ss_error *error) {
  if (sample >= set->source->count) {
    return ss_fail(error, SS_USAGE, "sample %u of %u in %s", sample, set->source->count, set->source->data);
  }
  const char *path = set->maps[sample];
  SS_TRY(ss_map_read(path, set->kind, map, error));
  if (width && (map->width != width || map->height != height)) {
    return ss_fail(error, SS_FAILED, "%s has %d x %d pixels, but its picture %s/%s has %d x %d", path, map->width,
                   map->height, set->source->root, ss_source_name(set->source, sample), width, height);
  }
  return set->kind == SS_MAP_LABELS && set->class_count ? check_labels(set, path, map, error) : SS_OK;
}

/* Adds the values of a subset's maps to `values` (SS_MAP_VALUES), by threads that take the next map as they become
 * free; counts do not depend on the order. */
static ss_status count_values(const ss_dense_set *set, const ss_subset *subset, int threads, uint64_t *values,
                              ss_error *error) {
  ss_status outcome = SS_OK;
  atomic_bool stop = false;
#pragma omp parallel num_threads(threads)
  {
    ss_map map = {0};
    ss_error own = {""};
#pragma omp for schedule(dynamic)
    for (uint32_t i = 0; i < subset->count; i++) {
      if (atomic_load(&stop)) {
        continue;
      }
      const ss_status status = ss_dense_set_read(set, subset->samples[i], 0, 0, &map, &own);
#pragma omp critical(ss_dense_set_values)
      {
        const size_t count = status == SS_OK ? (size_t)map.width * (size_t)map.height : 0;
        for (size_t k = 0; k < count; k++) {
          values[map.values[k]]++;
        }
        if (status != SS_OK && outcome == SS_OK) {
          outcome = status;
          if (error) {
            *error = own;
          }
          atomic_store(&stop, true);
        }
      }
    }
    ss_map_free(&map);
  }
  return outcome;
}

ss_status ss_dense_set_survey(ss_dense_set *set, const ss_subset *train, const ss_subset *test, int threads,
                              uint64_t *train_values, uint64_t *test_values, ss_error *error) {
  memset(train_values, 0, SS_MAP_VALUES * sizeof *train_values);
  memset(test_values, 0, SS_MAP_VALUES * sizeof *test_values);
  SS_TRY(count_values(set, train, threads, train_values, error));
  SS_TRY(count_values(set, test, threads, test_values, error));
  if (set->kind == SS_MAP_LABELS && set->class_count == 0) {
    for (int label = 0; label < SS_MAP_VOID; label++) {
      set->class_count = train_values[label] || test_values[label] ? label + 1 : set->class_count;
    }
  }
  return SS_OK;
}
