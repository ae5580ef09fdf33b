#include "io/projector.h"

#include "base/file.h"
#include "base/memory.h"
#include "base/text.h"
#include "io/png.h"

#include <stdlib.h>
#include <string.h>

struct ss_projector {
  char *folder;
  int64_t dim, count;
  ss_file_writer *values, *names;
};

void ss_projector_abandon(ss_projector **projector) {
  if (*projector) {
    ss_file_writer_abandon(&(*projector)->values);
    ss_file_writer_abandon(&(*projector)->names);
    free((*projector)->folder);
    free(*projector);
    *projector = NULL;
  }
}

static ss_status start(const ss_projector *projector, const char *name, ss_file_writer **writer, ss_error *error) {
  char *path = NULL;
  SS_TRY(ss_path_join(&path, projector->folder, name, error));
  const ss_status status = ss_file_writer_open(writer, path, SS_FILE_SYNCED, error);
  free(path);
  return status;
}

ss_status ss_projector_open(ss_projector **projector, const char *folder, int64_t dim, ss_error *error) {
  static const char head[] = "label\tname\n";
  *projector = NULL;
  SS_TRY(ss_folder_make(folder, error));
  ss_projector *out = NULL;
  SS_TRY(ss_alloc((void **)&out, 1, sizeof *out, "the projector's files", error));
  out->dim = dim;
  out->folder = strdup(folder);
  ss_status status = out->folder ? SS_OK : ss_fail_memory(error, strlen(folder), "a path");
  status = status ? status : start(out, "features.bytes", &out->values, error);
  status = status ? status : start(out, "features.tsv", &out->names, error);
  status = status ? status : ss_file_writer_write(out->names, head, strlen(head), error);
  if (status != SS_OK) {
    ss_projector_abandon(&out);
  }
  *projector = out;
  return status;
}

/* A cell of the table, and what ends it. */
static void append_cell(ss_text *line, const char *cell, const char *end) {
  for (const char *c = cell; *c; c++) {
    ss_text_append_bytes(line, strchr("\t\r\n", *c) ? " " : c, 1);
  }
  ss_text_append(line, end);
}

ss_status ss_projector_add(ss_projector *projector, const float *values, const char *label, const char *name,
                           ss_error *error) {
  ss_text line = {0};
  append_cell(&line, label ? label : "", "\t");
  append_cell(&line, name, "\n");
  ss_status status = ss_text_check(&line, error);
  if (status == SS_OK) {
    status = ss_file_writer_write(projector->names, line.data, line.length, error);
  }
  ss_text_free(&line);
  SS_TRY(status);
  projector->count++;
  return ss_file_writer_write(projector->values, values, (size_t)projector->dim * sizeof *values, error);
}

static ss_status write_sprite(const ss_projector *projector, const ss_image *sprite, ss_error *error) {
  char *path = NULL;
  SS_TRY(ss_path_join(&path, projector->folder, "features.png", error));
  const ss_status status = ss_png_write(path, sprite, error);
  free(path);
  return status;
}

/* What TensorBoard's ProjectorConfig says as text. */
static ss_status write_config(const ss_projector *projector, int tile, ss_error *error) {
  ss_text text = {0};
  ss_text_printf(&text,
                 "embeddings {\n  tensor_name: \"features\"\n  tensor_shape: %lld\n  tensor_shape: %lld\n"
                 "  tensor_path: \"features.bytes\"\n  metadata_path: \"features.tsv\"\n",
                 (long long)projector->count, (long long)projector->dim);
  if (tile > 0) {
    ss_text_printf(&text,
                   "  sprite {\n    image_path: \"features.png\"\n    single_image_dim: %d\n"
                   "    single_image_dim: %d\n  }\n",
                   tile, tile);
  }
  ss_text_append(&text, "}\n");
  char *path = NULL;
  ss_status status = ss_text_check(&text, error);
  status = status ? status : ss_path_join(&path, projector->folder, "projector_config.pbtxt", error);
  status = status ? status : ss_file_write(path, text.data, text.length, SS_FILE_SYNCED, error);
  free(path);
  ss_text_free(&text);
  return status;
}

ss_status ss_projector_commit(ss_projector **projector, const ss_image *sprite, int tile, ss_error *error) {
  ss_projector *own = *projector;
  ss_status status = ss_file_writer_commit(&own->values, error);
  status = status ? status : ss_file_writer_commit(&own->names, error);
  if (sprite) {
    status = status ? status : write_sprite(own, sprite, error);
  }
  status = status ? status : write_config(own, sprite ? tile : 0, error);
  ss_projector_abandon(projector);
  return status;
}
