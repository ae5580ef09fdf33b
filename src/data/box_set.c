#include "data/box_set.h"

#include "base/file.h"
#include "base/memory.h"
#include "data/source_kind.h"
#include "data/voc.h"
#include "data/voc_annotation.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

struct ss_box_set {
  ss_source *source;
  size_t *first; /* (samples + 1) where a sample's boxes begin */
  ss_labelled_box *boxes;
  size_t count, capacity;
  char **classes;
  int class_count;
};

void ss_box_set_close(ss_box_set *set) {
  if (!set) {
    return;
  }
  for (int i = 0; i < set->class_count; i++) {
    free(set->classes[i]);
  }
  free(set->classes);
  free(set->boxes);
  free(set->first);
  ss_source_close(set->source);
  free(set);
}

const ss_source *ss_box_set_source(const ss_box_set *set) {
  return set->source;
}

int ss_box_set_class_count(const ss_box_set *set) {
  return set->class_count;
}

const char *ss_box_set_class_name(const ss_box_set *set, int label) {
  return set->classes[label];
}

const ss_labelled_box *ss_box_set_boxes(const ss_box_set *set, uint32_t sample, size_t *count) {
  *count = set->first[sample + 1] - set->first[sample];
  return set->boxes + set->first[sample];
}

/* ---- reading the annotations ---- */

/* The number of the class of this name, added at the end if it is new. */
static ss_status find_class(ss_box_set *set, const char *name, int32_t *label, ss_error *error) {
  for (*label = 0; *label < set->class_count; ++*label) {
    if (strcmp(set->classes[*label], name) == 0) {
      return SS_OK;
    }
  }
  char **longer = realloc(set->classes, (size_t)(set->class_count + 1) * sizeof *longer);
  if (!longer) {
    return ss_fail_memory(error, strlen(name), "the classes");
  }
  set->classes = longer;
  set->classes[set->class_count] = strdup(name);
  if (!set->classes[set->class_count]) {
    return ss_fail_memory(error, strlen(name), "the classes");
  }
  set->class_count++;
  return SS_OK;
}

static ss_status add_object(ss_box_set *set, const ss_voc_annotation *of, const ss_voc_object *object,
                            ss_error *error) {
  if (set->count == set->capacity) {
    const size_t capacity = set->capacity ? 2 * set->capacity : 256;
    ss_labelled_box *grown = realloc(set->boxes, capacity * sizeof *grown);
    if (!grown) {
      return ss_fail_memory(error, capacity * sizeof *grown, "the boxes");
    }
    set->boxes = grown;
    set->capacity = capacity;
  }
  const ss_bounding_box *box = &object->box;
  const float width = (float)of->width, height = (float)of->height;
  ss_labelled_box *to = &set->boxes[set->count];
  *to = (ss_labelled_box){.box = {.left = box->left / width,
                                  .top = box->top / height,
                                  .right = box->right / width,
                                  .bottom = box->bottom / height},
                          .difficult = object->difficult};
  SS_TRY(find_class(set, object->name, &to->label, error));
  set->count++;
  return SS_OK;
}

/* Where a sample's annotation is: Annotations/ID.xml of a devkit's JPEGImages/ID.jpg, PART-truth/Annotations/
 * CLASS_NAME.xml of the world's PART/CLASS/NAME.ENDING. */
static ss_status annotation_path(const ss_source *source, uint32_t sample, char **path, ss_error *error) {
  const char *name = ss_source_name(source, sample), *file = ss_path_name(name);
  const int stem = (int)(strrchr(file, '.') - file);
  const char *first = strchr(name, '/');
  const bool world = first && first + 1 != file;
  const int length = world ? asprintf(path, "%s/%.*s-truth/Annotations/%.*s_%.*s.xml", source->root,
                                      (int)(first - name), name, (int)(file - first - 2), first + 1, stem, file)
                           : asprintf(path, "%s/Annotations/%.*s.xml", source->root, stem, file);
  if (length < 0) {
    *path = NULL;
    return ss_fail_memory(error, strlen(name), "a path");
  }
  return SS_OK;
}

static ss_status read_sample(ss_box_set *set, uint32_t sample, ss_voc_annotation *annotation, ss_error *error) {
  char *path = NULL;
  SS_TRY(annotation_path(set->source, sample, &path, error));
  ss_status status = ss_voc_annotation_read(path, annotation, error);
  free(path);
  for (size_t i = 0; i < annotation->count && status == SS_OK; i++) {
    status = add_object(set, annotation, &annotation->objects[i], error);
  }
  set->first[sample + 1] = set->count;
  return status;
}

static int by_name(const void *a, const void *b) {
  return strcmp(*(char *const *)a, *(char *const *)b);
}

/* Numbers the classes anew by their names. */
static ss_status sort_classes(ss_box_set *set, ss_error *error) {
  char **sorted = NULL;
  SS_TRY(ss_alloc((void **)&sorted, (size_t)set->class_count, sizeof *sorted, "the classes", error));
  memcpy(sorted, set->classes, (size_t)set->class_count * sizeof *sorted);
  qsort(sorted, (size_t)set->class_count, sizeof *sorted, by_name);
  for (size_t i = 0; i < set->count; i++) {
    char *const *name = &set->classes[set->boxes[i].label];
    char **at = bsearch(name, sorted, (size_t)set->class_count, sizeof *sorted, by_name);
    set->boxes[i].label = (int32_t)(at - sorted);
  }
  free(set->classes);
  set->classes = sorted;
  return SS_OK;
}

static ss_status read_annotations(ss_box_set *set, ss_error *error) {
  SS_TRY(ss_alloc((void **)&set->first, (size_t)set->source->count + 1, sizeof *set->first, "the boxes", error));
  ss_voc_annotation annotation = {0};
  ss_status status = SS_OK;
  for (uint32_t sample = 0; sample < set->source->count && status == SS_OK; sample++) {
    status = read_sample(set, sample, &annotation, error);
  }
  ss_voc_annotation_free(&annotation);
  SS_TRY(status);
  return set->class_count ? sort_classes(set, error)
                          : ss_fail(error, SS_FAILED, "no object in any annotation of %s", set->source->data);
}

/* ---- which pictures ---- */

static bool is_world(const char *data) {
  return strncmp(data, "world:", strlen("world:")) == 0 || ss_path_has_folder(data, "train-truth/Annotations");
}

static ss_status add_list(ss_box_set *set, const char *list_name, ss_part part, ss_error *error) {
  ss_voc_list list;
  SS_TRY(ss_voc_list_read(set->source->root, "Main", list_name, &list, error));
  ss_status status = SS_OK;
  for (uint32_t i = 0; i < list.count && status == SS_OK; i++) {
    char name[512];
    const int length = snprintf(name, sizeof name, "JPEGImages/%s.jpg", list.names[i]);
    if (length >= (int)sizeof name || !ss_path_has_file(set->source->root, name)) {
      status = ss_fail(error, SS_FAILED, "%s, line %d: there is no picture %s/JPEGImages/%s.jpg", list.path,
                       list.lines[i], set->source->root, list.names[i]);
    } else {
      status = ss_source_add_sample(set->source, name, (ss_sample){.label = -1, .part = (uint32_t)part}, error);
    }
  }
  ss_voc_list_free(&list);
  return status;
}

/* Whether the list is there and its first picture has an annotation. */
static bool has_annotations(const char *root, const char *list_name) {
  ss_voc_list list;
  if (ss_voc_list_read(root, "Main", list_name, &list, NULL) != SS_OK) {
    return false;
  }
  char name[512];
  const bool has = snprintf(name, sizeof name, "Annotations/%s.xml", list.names[0]) < (int)sizeof name &&
                   ss_path_has_file(root, name);
  ss_voc_list_free(&list);
  return has;
}

static ss_status open_voc(ss_box_set *set, const char *data, ss_error *error) {
  char *root = NULL;
  SS_TRY(ss_voc_root(data, &root, error));
  SS_TRY(ss_source_of_files(data, "VOC devkit", root, &set->source, error));
  const bool tested = has_annotations(root, "test");
  SS_TRY(add_list(set, tested ? "trainval" : "train", SS_PART_TRAIN, error));
  return add_list(set, tested ? "test" : "val", SS_PART_TEST, error);
}

static ss_status open_world(ss_box_set *set, const char *data, ss_error *error) {
  if (strncmp(data, "world:", strlen("world:")) == 0) {
    return ss_source_open(data, &set->source, error);
  }
  char *root = strdup(data);
  if (!root) {
    return ss_fail_memory(error, strlen(data), "a path");
  }
  SS_TRY(ss_source_of_files(data, "world", root, &set->source, error));
  return ss_source_scan_folder(set->source, error);
}

static ss_status open_data(ss_box_set *set, const char *data, ss_error *error) {
  if (is_world(data)) {
    return open_world(set, data, error);
  }
  return ss_voc_holds(data) ? open_voc(set, data, error)
                            : ss_fail(error, SS_FAILED, "no boxes in %s: DATA is a VOC devkit or world:images", data);
}

ss_status ss_box_set_open(const char *data, ss_box_set **out, ss_error *error) {
  *out = NULL;
  ss_box_set *set = NULL;
  SS_TRY(ss_alloc((void **)&set, 1, sizeof *set, "a data set", error));
  ss_status status = open_data(set, data, error);
  status = status ? status : read_annotations(set, error);
  if (status != SS_OK) {
    ss_box_set_close(set);
    return status;
  }
  *out = set;
  return SS_OK;
}

/* The samples of one part. */
static ss_status take_part(const ss_source *source, ss_part part, ss_subset *subset, ss_error *error) {
  SS_TRY(ss_alloc((void **)&subset->samples, source->count, sizeof *subset->samples, "a list of samples", error));
  for (uint32_t sample = 0; sample < source->count; sample++) {
    if (ss_source_part(source, sample) == part) {
      subset->samples[subset->count++] = sample;
    }
  }
  return subset->count
             ? SS_OK
             : ss_fail(error, SS_FAILED, "no %s part in %s", part == SS_PART_TRAIN ? "training" : "test", source->data);
}

ss_status ss_box_set_parts(const ss_box_set *set, ss_subset *train, ss_subset *test, ss_error *error) {
  *train = *test = (ss_subset){0};
  ss_status status = take_part(set->source, SS_PART_TRAIN, train, error);
  status = status ? status : take_part(set->source, SS_PART_TEST, test, error);
  if (status != SS_OK) {
    ss_subset_free(train);
    ss_subset_free(test);
  }
  return status;
}
