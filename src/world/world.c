#include "world/world.h"

#include "base/file.h"
#include "base/system.h"
#include "base/text.h"
#include "io/jpeg.h"
#include "io/png.h"
#include "world/annotate.h"

#include <dirent.h>
#include <ftw.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

/* One part of the data set in the making. */
typedef struct part {
  const char *root, *name;
  const ss_world_options *options;
  uint64_t seed;
  int count, threads;
} part;

static ss_status make_folder(const char *root, const char *part_name, const char *inner, ss_error *error) {
  ss_text path = {0};
  ss_text_printf(&path, "%s/%s/%s", root, part_name, inner);
  ss_status status = ss_text_check(&path, error);
  if (status == SS_OK) {
    status = ss_folder_make(path.data, error);
  }
  ss_text_free(&path);
  return status;
}

static ss_status make_folders(const part *p, ss_error *error) {
  static const char *const truths[] = {"Annotations", "SegmentationClass", "Depth"};
  char truth[32];
  snprintf(truth, sizeof truth, "%s-truth", p->name);
  for (int i = 0; i < ss_world_class_count(); i++) {
    SS_TRY(make_folder(p->root, p->name, ss_world_class_name(i), error));
  }
  for (int i = 0; i < 3; i++) {
    SS_TRY(make_folder(p->root, truth, truths[i], error));
  }
  return SS_OK;
}

static ss_status write_picture(const part *p, int index, ss_world_picture *picture, ss_error *error) {
  const int class_index = index % ss_world_class_count();
  const char *class_name = ss_world_class_name(class_index);
  const ss_world_options *options = p->options;
  const bool jpeg = options->format == SS_WORLD_JPEG;
  SS_TRY(ss_world_render(p->seed, (uint32_t)index, class_index, options->width, options->height, picture, error));
  char name[16];
  snprintf(name, sizeof name, "%06d", index);
  ss_text path = {0};
  ss_text_printf(&path, "%s/%s/%s/%s.%s", p->root, p->name, class_name, name, jpeg ? "jpg" : "png");
  ss_status status = ss_text_check(&path, error);
  if (status == SS_OK) {
    status = jpeg ? ss_jpeg_write(path.data, &picture->colour, options->quality, error)
                  : ss_png_write(path.data, &picture->colour, error);
  }
  ss_text_free(&path);
  SS_TRY(status);
  return ss_world_annotate(p->root, p->name, class_name, name, jpeg ? "jpg" : "png", picture, error);
}

/* The threads take the next picture as they become free; after a failure none starts another. */
static ss_status write_part(const part *p, ss_error *error) {
  SS_TRY(make_folders(p, error));
  ss_status outcome = SS_OK;
  atomic_bool stop = false;
#pragma omp parallel num_threads(p->threads)
  {
    ss_world_picture picture = {0};
    ss_error own = {{0}};
#pragma omp for schedule(dynamic)
    for (int index = 0; index < p->count; index++) {
      if (atomic_load(&stop)) {
        continue;
      }
      const ss_status status = write_picture(p, index, &picture, &own);
      if (status != SS_OK) {
#pragma omp critical
        if (outcome == SS_OK) {
          outcome = status;
          if (error) {
            *error = own;
          }
        }
        atomic_store(&stop, true);
      }
    }
    ss_world_picture_free(&picture);
  }
  return outcome;
}

static int remove_entry(const char *path, const struct stat *about, int kind, struct FTW *place) {
  (void)about;
  (void)kind;
  (void)place;
  (void)remove(path); /* what cannot be removed stays; the failure that led here is the one to report */
  return 0;
}

static ss_status check_options(const ss_world_options *options, ss_error *error) {
  const int classes = ss_world_class_count();
  if (options->count < classes || options->count > SS_WORLD_MAX_COUNT) {
    return ss_fail(error, SS_USAGE, "the world cannot have %d pictures; choose %d (one a class) to %d", options->count,
                   classes, SS_WORLD_MAX_COUNT);
  }
  SS_TRY(ss_world_check_size(options->width, options->height, error));
  if (options->format == SS_WORLD_JPEG && (options->quality < 1 || options->quality > 100)) {
    return ss_fail(error, SS_USAGE, "a JPEG's quality is 1 to 100, not %d", options->quality);
  }
  if (options->threads < 0) {
    return ss_fail(error, SS_USAGE, "the world cannot be rendered with %d threads; choose 0 or more", options->threads);
  }
  return SS_OK;
}

/* The folder's name as it can be renamed onto: links resolved, no slash at the end. Fails if something is in it. */
static ss_status free_place(const char *folder, char **place, ss_error *error) {
  struct stat about;
  if (stat(folder, &about) == 0) {
    DIR *entries = opendir(folder);
    if (!entries) {
      return ss_fail_file(error, "open the folder", folder, errno);
    }
    int count = 0;
    while (readdir(entries)) {
      count++;
    }
    closedir(entries);
    if (count > 2) { /* more than . and .. */
      return ss_fail(error, SS_FAILED, "%s is not empty; name a new folder for the world", folder);
    }
    *place = realpath(folder, NULL);
    return *place ? SS_OK : ss_fail_file(error, "find", folder, errno);
  }
  if (errno != ENOENT) {
    return ss_fail_file(error, "look at", folder, errno);
  }
  size_t length = strlen(folder);
  while (length > 1 && folder[length - 1] == '/') {
    length--;
  }
  if (length == 0) {
    return ss_fail(error, SS_USAGE, "the world's folder has no name");
  }
  *place = strndup(folder, length);
  return *place ? SS_OK : ss_fail_memory(error, length + 1, "a path");
}

/* Makes PLACE.making-PROCESS-N, N the first free number, and the folders above it. */
static ss_status make_workplace(const char *place, ss_text *workplace, ss_error *error) {
  ss_text above = {0};
  const char *name = ss_path_name(place);
  ss_text_append_bytes(&above, place, (size_t)(name - place));
  ss_status status = ss_text_check(&above, error);
  if (status == SS_OK && above.length > 0) {
    status = ss_folder_make(above.data, error);
  }
  ss_text_free(&above);
  SS_TRY(status);
  for (int n = 0;; n++) {
    ss_text_free(workplace);
    ss_text_printf(workplace, "%s.making-%ld-%d", place, (long)getpid(), n);
    SS_TRY(ss_text_check(workplace, error));
    if (mkdir(workplace->data, 0777) == 0) {
      return SS_OK;
    }
    if (errno != EEXIST) {
      return ss_fail_file(error, "make the folder", workplace->data, errno);
    }
  }
}

int ss_world_test_count(int count) {
  const int classes = ss_world_class_count();
  return count / 5 > classes ? count / 5 : classes;
}

static ss_status fill(const char *root, const ss_world_options *options, ss_error *error) {
  const int threads = options->threads > 0 ? options->threads : ss_system_processors();
  const part train = {root, "train", options, options->seed, options->count, threads};
  const part test = {root, "test", options, options->seed + 1, ss_world_test_count(options->count), threads};
  SS_TRY(write_part(&train, error));
  SS_TRY(write_part(&test, error));
  return ss_folder_sync(root, error);
}

ss_status ss_world_write_images(const char *folder, const ss_world_options *options, ss_error *error) {
  SS_TRY(check_options(options, error));
  char *place = NULL;
  SS_TRY(free_place(folder, &place, error));
  ss_text workplace = {0};
  ss_status status = make_workplace(place, &workplace, error);
  if (status == SS_OK) {
    status = fill(workplace.data, options, error);
    if (status == SS_OK && rename(workplace.data, place) != 0) {
      status = ss_fail_file(error, "make the folder", place, errno);
    }
    if (status != SS_OK) {
      (void)nftw(workplace.data, remove_entry, 16, FTW_DEPTH | FTW_PHYS);
    }
  }
  ss_text_free(&workplace);
  free(place);
  return status;
}
