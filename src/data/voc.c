#include "data/voc.h"

#include "base/file.h"
#include "base/memory.h"
#include "data/files.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define MAX_LIST_BYTES ((size_t)64 << 20)

const char *const ss_voc_class_names[SS_VOC_CLASSES] = {
    "background", "aeroplane", "bicycle",     "bird",  "boat",        "bottle", "bus",
    "car",        "cat",       "chair",       "cow",   "diningtable", "dog",    "horse",
    "motorbike",  "person",    "pottedplant", "sheep", "sofa",        "train",  "tvmonitor"};

static bool is_year(const char *folder) {
  return ss_path_has_folder(folder, "JPEGImages") && ss_path_has_folder(folder, "ImageSets");
}

/* The year's folder inside `folder`, NULL if there is none: VOC2012, or the last of the others. The caller frees it. */
static char *find_year(const char *folder) {
  ss_listing folders;
  char *found = NULL;
  if (ss_listing_read(folder, true, &folders, NULL) != SS_OK) {
    return NULL;
  }
  for (size_t i = 0; i < folders.count; i++) {
    char *path = NULL;
    const bool year = strncmp(folders.names[i], "VOC", 3) == 0 &&
                      ss_path_join(&path, folder, folders.names[i], NULL) == SS_OK && is_year(path);
    const bool better = year && !(found && strcmp(ss_path_name(found), "VOC2012") == 0);
    if (better) {
      free(found);
      found = path;
    } else {
      free(path);
    }
  }
  ss_listing_free(&folders);
  return found;
}

static char *find_root(const char *data) {
  if (is_year(data)) {
    return strdup(data);
  }
  char *root = find_year(data);
  char *devkit = NULL;
  if (!root && ss_path_join(&devkit, data, "VOCdevkit", NULL) == SS_OK && ss_folder_exists(devkit)) {
    root = find_year(devkit);
  }
  free(devkit);
  return root;
}

bool ss_voc_holds(const char *data) {
  char *root = find_root(data);
  free(root);
  return root != NULL;
}

ss_status ss_voc_root(const char *data, char **root, ss_error *error) {
  *root = find_root(data);
  return *root ? SS_OK : ss_fail(error, SS_FAILED, "no VOC devkit: %s; it has JPEGImages and ImageSets", data);
}

void ss_voc_list_free(ss_voc_list *list) {
  free(list->text);
  free(list->names);
  free(list->lines);
  free(list->path);
  memset(list, 0, sizeof *list);
}

static char *trim(char *line) {
  line += strspn(line, " \t\r");
  size_t length = strlen(line);
  while (length > 0 && strchr(" \t\r", line[length - 1])) {
    line[--length] = '\0';
  }
  return line;
}

static ss_status cut_lines(ss_voc_list *list, ss_error *error) {
  size_t most = 1;
  for (const char *c = list->text; *c; c++) {
    most += *c == '\n';
  }
  SS_TRY(ss_alloc((void **)&list->names, most, sizeof *list->names, "a list of pictures", error));
  SS_TRY(ss_alloc((void **)&list->lines, most, sizeof *list->lines, "a list of pictures", error));
  int number = 0;
  for (char *line = list->text, *next = NULL; line; line = next) {
    next = strchr(line, '\n');
    if (next) {
      *next++ = '\0';
    }
    number++;
    char *name = trim(line);
    if (!name[0]) {
      continue;
    }
    if (strchr(name, '/') || name[0] == '.') {
      return ss_fail(error, SS_FAILED, "%s, line %d: \"%.60s\" is not the name of a picture", list->path, number, name);
    }
    list->lines[list->count] = number;
    list->names[list->count++] = name;
  }
  return list->count ? SS_OK : ss_fail(error, SS_FAILED, "no picture is named in %s", list->path);
}

ss_status ss_voc_list_read(const char *root, const char *kind, const char *part, ss_voc_list *list, ss_error *error) {
  memset(list, 0, sizeof *list);
  size_t size = 0;
  if (asprintf(&list->path, "%s/ImageSets/%s/%s.txt", root, kind, part) < 0) {
    list->path = NULL;
    return ss_fail_memory(error, 1, "a path");
  }
  ss_status status = ss_file_read(list->path, MAX_LIST_BYTES, &list->text, &size, error);
  if (status == SS_OK && strlen(list->text) != size) {
    status = ss_fail(error, SS_FAILED, "%s is no text", list->path);
  }
  status = status ? status : cut_lines(list, error);
  if (status != SS_OK) {
    ss_voc_list_free(list);
  }
  return status;
}
