#include "eval/embedding_projector.h"

#include "base/file.h"
#include "base/memory.h"
#include "eval/embedding.h"
#include "eval/sprite.h"
#include "io/npy.h"
#include "io/projector.h"

#include <stdlib.h>
#include <string.h>

enum { largest_sprite = 8192, largest_tile = 64, least_tile = 8 }; /* pixels; TensorBoard takes no larger sprite */
#define LARGEST_LIST ((size_t)1 << 30)

/* The sample of each row: the one of that place, or, where it did not decode, the next one that did, which the list of
 * names has there. */
static ss_status find_samples(const ss_source *source, const ss_subset *subset, char *names, uint32_t *samples,
                              ss_error *error) {
  char *rest = NULL;
  const char *name = strtok_r(names, "\n", &rest);
  for (uint32_t row = 0; row < subset->count; row++, name = strtok_r(NULL, "\n", &rest)) {
    uint32_t at = row, tried = 0;
    while (name && tried++ < subset->count && strcmp(name, ss_source_name(source, subset->samples[at])) != 0) {
      at = (at + 1) % subset->count;
    }
    if (!name || tried > subset->count) {
      return ss_fail(error, SS_FAILED, "the features' names are not those of %s", ss_source_path(source));
    }
    samples[row] = subset->samples[at];
  }
  return SS_OK;
}

static ss_status add_points(const ss_source *source, const uint32_t *samples, const float *values, int64_t rows,
                            int64_t dim, ss_projector *projector, ss_error *error) {
  for (int64_t row = 0; row < rows; row++) {
    const int label = ss_source_label(source, samples[row]);
    SS_TRY(ss_projector_add(projector, values + row * dim, label >= 0 ? ss_source_class_name(source, label) : NULL,
                            ss_source_name(source, samples[row]), error));
  }
  return SS_OK;
}

static ss_status write(const ss_source *source, const uint32_t *samples, const float *values, int64_t rows, int64_t dim,
                       const char *folder, ss_error *error) {
  const int fits = largest_sprite / ss_sprite_columns((uint32_t)rows);
  const int tile = fits < largest_tile ? fits : largest_tile;
  ss_projector *projector = NULL;
  ss_image sprite = {0};
  SS_TRY(ss_projector_open(&projector, folder, dim, error));
  ss_status status = add_points(source, samples, values, rows, dim, projector, error);
  if (status == SS_OK && tile >= least_tile) {
    status = ss_sprite_draw(source, samples, (uint32_t)rows, tile, &sprite, error);
  }
  if (status == SS_OK) {
    status = ss_projector_commit(&projector, sprite.pixels ? &sprite : NULL, tile, error);
  }
  ss_projector_abandon(&projector);
  ss_image_free(&sprite);
  return status;
}

static ss_status project(const ss_source *source, const ss_subset *subset, const char *path, char *names,
                         uint32_t *samples, const char *folder, ss_error *error) {
  float *values = NULL;
  int64_t rows = 0, dim = 0;
  SS_TRY(find_samples(source, subset, names, samples, error));
  SS_TRY(ss_npy_read(path, &values, &rows, &dim, error));
  const ss_status status = rows == subset->count ? write(source, samples, values, rows, dim, folder, error)
                                                 : ss_fail(error, SS_FAILED, "%s has %lld rows, not %u", path,
                                                           (long long)rows, subset->count);
  free(values);
  return status;
}

ss_status ss_embedding_project(const ss_source *source, const ss_subset *subset, const char *path, const char *folder,
                               ss_error *error) {
  if (subset->count > SS_PROJECTOR_MOST) {
    return ss_fail(error, SS_FAILED, "TensorBoard's projector is for at most %d points, not %u; use --limit",
                   SS_PROJECTOR_MOST, subset->count);
  }
  char *list = NULL, *names = NULL;
  uint32_t *samples = NULL;
  size_t size = 0;
  ss_status status = ss_embedding_names_path(path, &list, error);
  status = status ? status : ss_file_read(list, LARGEST_LIST, &names, &size, error);
  status = status ? status : ss_alloc((void **)&samples, subset->count, sizeof *samples, "the points", error);
  status = status ? status : project(source, subset, path, names, samples, folder, error);
  free(samples);
  free(names);
  free(list);
  return status;
}
