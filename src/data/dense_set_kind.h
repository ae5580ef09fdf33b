/* What dense_set.c and the layouts of dense sets share; nobody else includes it. */
#ifndef SS_DATA_DENSE_SET_KIND_H
#define SS_DATA_DENSE_SET_KIND_H

#include "data/dense_set.h"
#include "data/source_kind.h"

struct ss_dense_set {
  ss_source *source;
  ss_map_kind kind;
  char **maps; /* a path for each sample */
  uint32_t map_count;
  char **class_names; /* (class_count) or NULL */
  int class_count;
};

/* One layout: whether DATA has it by a quick look, and opening, which fills source, maps and, where they are known, the
 * classes. What it has made by the time it fails is freed by dense_set.c. */
typedef struct ss_dense_layout {
  bool (*holds)(const char *data);
  ss_status (*open)(ss_dense_set *set, const char *data, ss_error *error);
} ss_dense_layout;

extern const ss_dense_layout ss_dense_voc, ss_dense_world, ss_dense_folders;

/* Appends a sample: the picture ROOT/name and its map, a path that is handed over (freed on failure too). SS_FAILED if
 * there is no such map. */
ss_status ss_dense_set_add(ss_dense_set *set, const char *name, ss_part part, char *map, ss_error *error);
/* Appends a map for the next sample; the path is handed over. */
ss_status ss_dense_set_add_map(ss_dense_set *set, const char *name, char *map, ss_error *error);
/* Appends the name of the next class. */
ss_status ss_dense_set_add_class(ss_dense_set *set, const char *name, ss_error *error);

#endif
