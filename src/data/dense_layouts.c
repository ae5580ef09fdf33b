/* The layouts of dense sets: a VOC devkit, the world, folders of pictures beside folders of maps. */
#include "base/file.h"
#include "data/dense_set_kind.h"
#include "data/voc.h"
#include "world/world.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static ss_status make_path(char **path, ss_error *error, const char *format, ...) __attribute__((format(printf, 3, 4)));

static ss_status make_path(char **path, ss_error *error, const char *format, ...) {
  va_list values;
  va_start(values, format);
  const int length = vasprintf(path, format, values);
  va_end(values);
  if (length < 0) {
    *path = NULL;
    return ss_fail_memory(error, 4096, "a path");
  }
  return SS_OK;
}

static const char *folder_of(const ss_dense_set *set) {
  return set->kind == SS_MAP_LABELS ? "masks" : "depth";
}

/* ---- a VOC devkit ---- */

static ss_status add_voc_part(ss_dense_set *set, const char *name, ss_part part, ss_error *error) {
  const char *root = set->source->root;
  ss_voc_list list;
  SS_TRY(ss_voc_list_read(root, "Segmentation", name, &list, error));
  ss_status status = SS_OK;
  for (uint32_t i = 0; i < list.count && status == SS_OK; i++) {
    char *picture = NULL, *map = NULL;
    status = make_path(&picture, error, "%s/JPEGImages/%s.jpg", root, list.names[i]);
    if (status == SS_OK && !ss_path_is_file(picture, NULL)) {
      status = ss_fail(error, SS_FAILED, "%s, line %d: there is no picture %s", list.path, list.lines[i], picture);
    }
    status = status ? status : make_path(&map, error, "%s/SegmentationClass/%s.png", root, list.names[i]);
    if (status == SS_OK) {
      status = ss_dense_set_add(set, picture + strlen(root) + 1, part, map, error);
    }
    free(picture);
  }
  ss_voc_list_free(&list);
  return status;
}

static ss_status open_voc(ss_dense_set *set, const char *data, ss_error *error) {
  if (set->kind != SS_MAP_LABELS) {
    return ss_fail(error, SS_FAILED, "there are no depths in a VOC devkit: %s", data);
  }
  char *root = NULL;
  SS_TRY(ss_voc_root(data, &root, error));
  SS_TRY(ss_source_of_files(data, "VOC devkit", root, &set->source, error));
  for (int i = 0; i < SS_VOC_CLASSES; i++) {
    SS_TRY(ss_dense_set_add_class(set, ss_voc_class_names[i], error));
  }
  SS_TRY(add_voc_part(set, "train", SS_PART_TRAIN, error));
  return add_voc_part(set, "val", SS_PART_TEST, error);
}

const ss_dense_layout ss_dense_voc = {ss_voc_holds, open_voc};

/* ---- the world ---- */

static bool holds_world(const char *data) {
  return strncmp(data, "world:", strlen("world:")) == 0 ||
         (ss_path_has_folder(data, "train-truth/SegmentationClass") && ss_path_has_folder(data, "train-truth/Depth"));
}

/* PART/CLASS/NAME.ENDING has its maps in PART-truth/{SegmentationClass,Depth}/CLASS_NAME.png. */
static ss_status add_truth(ss_dense_set *set, uint32_t sample, ss_error *error) {
  const char *name = ss_source_name(set->source, sample);
  const char *class_name = strchr(name, '/'), *file = class_name ? strchr(class_name + 1, '/') : NULL;
  const char *ending = file ? strrchr(file, '.') : NULL;
  if (!ending) {
    return ss_fail(error, SS_FAILED, "%s/%s is not a picture of the world", set->source->root, name);
  }
  char *map = NULL;
  SS_TRY(make_path(&map, error, "%s/%.*s-truth/%s/%.*s_%.*s.png", set->source->root, (int)(class_name - name), name,
                   set->kind == SS_MAP_LABELS ? "SegmentationClass" : "Depth", (int)(file - class_name - 1),
                   class_name + 1, (int)(ending - file - 1), file + 1));
  return ss_dense_set_add_map(set, name, map, error);
}

static ss_status open_world(ss_dense_set *set, const char *data, ss_error *error) {
  if (strncmp(data, "world:", strlen("world:")) == 0) {
    SS_TRY(ss_source_open(data, &set->source, error));
  } else {
    char *root = strdup(data);
    if (!root) {
      return ss_fail_memory(error, strlen(data), "a path");
    }
    SS_TRY(ss_source_of_files(data, "world", root, &set->source, error));
    SS_TRY(ss_source_scan_folder(set->source, error));
  }
  for (int i = 0; set->kind == SS_MAP_LABELS && i <= ss_world_class_count(); i++) {
    SS_TRY(ss_dense_set_add_class(set, i ? ss_world_class_name(i - 1) : "background", error));
  }
  for (uint32_t i = 0; i < set->source->count; i++) {
    SS_TRY(add_truth(set, i, error));
  }
  return SS_OK;
}

const ss_dense_layout ss_dense_world = {holds_world, open_world};

/* ---- folders ---- */

static const char *const test_names[] = {"val", "test"};

static bool holds_folders(const char *data) {
  static const char *const inside[] = {"", "train/"};
  static const char *const maps[] = {"masks", "depth"};
  for (int i = 0; i < 4; i++) {
    char images[32], other[32];
    snprintf(images, sizeof images, "%simages", inside[i / 2]);
    snprintf(other, sizeof other, "%s%s", inside[i / 2], maps[i % 2]);
    if (ss_path_has_folder(data, images) && ss_path_has_folder(data, other)) {
      return true;
    }
  }
  return false;
}

static int by_text(const void *a, const void *b) {
  return strcmp(*(char *const *)a, *(char *const *)b);
}

/* The pictures' names without their endings, sorted; each must come once. */
static ss_status take_stems(ss_listing *names, const char *folder, ss_error *error) {
  for (size_t i = 0; i < names->count; i++) {
    char *ending = strrchr(names->names[i], '.');
    if (ending) {
      *ending = '\0';
    }
  }
  if (names->count) {
    qsort(names->names, names->count, sizeof *names->names, by_text);
  }
  for (size_t i = 1; i < names->count; i++) {
    if (strcmp(names->names[i - 1], names->names[i]) == 0) {
      return ss_fail(error, SS_FAILED, "two pictures named %s in %s: which one has the map?", names->names[i], folder);
    }
  }
  return SS_OK;
}

/* Every map must have its picture. `names` are the pictures' and lose their endings. */
static ss_status check_maps(ss_listing *names, const char *images, const char *maps, ss_error *error) {
  SS_TRY(take_stems(names, images, error));
  ss_listing files;
  SS_TRY(ss_listing_read(maps, false, &files, error));
  ss_status status = SS_OK;
  for (size_t i = 0; i < files.count && status == SS_OK; i++) {
    char *stem = files.names[i];
    if (!ss_path_has_suffix(stem, ".png")) {
      continue;
    }
    stem[strlen(stem) - strlen(".png")] = '\0';
    if (!names->count || !bsearch(&stem, names->names, names->count, sizeof *names->names, by_text)) {
      status =
          ss_fail(error, SS_FAILED, "no picture for the map %s/%s.png: %s/%s.* is missing", maps, stem, images, stem);
    }
  }
  ss_listing_free(&files);
  return status;
}

/* Leaves the pictures' names alone. */
static void keep_pictures(ss_listing *files) {
  size_t kept = 0;
  for (size_t i = 0; i < files->count; i++) {
    if (ss_source_is_picture_name(files->names[i])) {
      files->names[kept++] = files->names[i];
    } else {
      free(files->names[i]);
    }
  }
  files->count = kept;
}

/* Appends the pictures ROOT/images/..., whose maps are ROOT/maps/NAME.png. */
static ss_status add_folder(ss_dense_set *set, const char *images, const char *maps, ss_part part, ss_error *error) {
  const char *root = set->source->root;
  char *images_path = NULL, *maps_path = NULL;
  ss_listing files = {0};
  ss_status status = ss_path_join(&images_path, root, images, error);
  status = status ? status : ss_path_join(&maps_path, root, maps, error);
  status = status ? status : ss_listing_read(images_path, false, &files, error);
  keep_pictures(&files);
  for (size_t i = 0; i < files.count && status == SS_OK; i++) {
    const char *file = files.names[i];
    char *name = NULL, *map = NULL;
    status = make_path(&name, error, "%s/%s", images, file);
    if (status == SS_OK) {
      status = make_path(&map, error, "%s/%.*s.png", maps_path, (int)(strrchr(file, '.') - file), file);
    }
    status = status ? status : ss_dense_set_add(set, name, part, map, error);
    free(name);
  }
  status = status ? status : check_maps(&files, images_path, maps_path, error);
  ss_listing_free(&files);
  free(images_path);
  free(maps_path);
  return status;
}

/* The part's two folders, where there are any: PART/images or images/PART ("": images). */
static ss_status add_part(ss_dense_set *set, const char *name, ss_part part, bool *found, ss_error *error) {
  const char *kinds[] = {"images", folder_of(set)};
  *found = false;
  for (int order = 0; order < 2 && !*found; order++) {
    char folders[2][32];
    bool has = true;
    for (int k = 0; k < 2; k++) {
      const char *first = order ? kinds[k] : name, *second = order ? name : kinds[k];
      snprintf(folders[k], sizeof folders[k], "%s%s%s", first, first[0] && second[0] ? "/" : "", second);
      has = has && ss_path_has_folder(set->source->root, folders[k]);
    }
    if (has) {
      *found = true;
      SS_TRY(add_folder(set, folders[0], folders[1], part, error));
    }
  }
  return SS_OK;
}

static ss_status add_class_names(ss_dense_set *set, ss_error *error) {
  char *path = NULL, *text = NULL, *rest = NULL;
  size_t size = 0;
  SS_TRY(ss_path_join(&path, set->source->root, "classes.txt", error));
  ss_status status = SS_OK;
  if (set->kind == SS_MAP_LABELS && ss_path_is_file(path, NULL)) {
    status = ss_file_read(path, (size_t)1 << 20, &text, &size, error);
    for (char *line = status ? NULL : strtok_r(text, "\r\n", &rest); line && status == SS_OK;
         line = strtok_r(NULL, "\r\n", &rest)) {
      status = ss_dense_set_add_class(set, line, error);
    }
  }
  free(text);
  free(path);
  return status;
}

static ss_status open_folders(ss_dense_set *set, const char *data, ss_error *error) {
  char *root = strdup(data);
  if (!root) {
    return ss_fail_memory(error, strlen(data), "a path");
  }
  SS_TRY(ss_source_of_files(data, "folders", root, &set->source, error));
  bool train = false, test = false, flat = false;
  SS_TRY(add_part(set, "train", SS_PART_TRAIN, &train, error));
  for (int i = 0; i < 2 && train && !test; i++) {
    SS_TRY(add_part(set, test_names[i], SS_PART_TEST, &test, error));
  }
  if (!train) {
    SS_TRY(add_part(set, "", SS_PART_TRAIN, &flat, error));
  }
  if (!train && !flat) {
    return ss_fail(error, SS_FAILED, "%s has no %s beside its images", data, folder_of(set));
  }
  return add_class_names(set, error);
}

const ss_dense_layout ss_dense_folders = {holds_folders, open_folders};
