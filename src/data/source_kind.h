/* What source.c and the kinds of sources share; nobody else includes it. */
#ifndef SS_DATA_SOURCE_KIND_H
#define SS_DATA_SOURCE_KIND_H

#include "data/files.h"
#include "data/source.h"

typedef struct ss_sample {
  uint64_t name;   /* where in source->names */
  uint64_t offset; /* where in its file */
  uint64_t length; /* bytes there; 0: the whole file */
  uint32_t file;   /* in source->files; unused by folders, whose samples' names are their paths */
  int32_t label;
  uint32_t part; /* an ss_part */
} ss_sample;

/* One kind of source: a file of its own and a row of the table in source.c. */
typedef struct ss_source_kind {
  /* Whether DATA is of this kind, by a quick look. */
  bool (*holds)(const char *data);

  /* Fills source->root, kind_name, samples, files and classes; source->data is set. What it has made by the time it
   * fails is freed by source.c. A source without samples is for source.c to refuse. */
  ss_status (*open)(ss_source *source, ss_error *error);

  /* Reads one sample into `image`, with 1 or 3 channels as the kind likes. Any thread. */
  ss_status (*read)(const ss_source *source, const ss_sample *sample, ss_decoder *decoder,
                    const ss_decode_options *options, ss_image *image, ss_error *error);
} ss_source_kind;

#define SS_SOURCE_MAX_CLASSES (1 << 20)

/* What source_caller.c keeps of the caller's functions. */
typedef struct ss_caller ss_caller;
void ss_caller_free(ss_caller *caller); /* NULL is fine */

struct ss_source {
  const ss_source_kind *kind;
  const char *kind_name; /* for people; a constant */
  char *data;            /* as given */
  char *root;            /* the folder that samples' names begin from */
  ss_sample *samples;
  uint32_t count;
  uint32_t sample_capacity;
  char *names; /* all samples' names, each with its end mark */
  uint64_t names_bytes;
  uint64_t names_capacity;
  char **files; /* paths */
  uint32_t file_count;
  char **classes;
  int class_count;
  int width; /* of pictures stored raw */
  int height;
  int channels;
  ss_caller *caller; /* NULL: no caller's pictures */
};

extern const ss_source_kind ss_source_world;
extern const ss_source_kind ss_source_cifar;
extern const ss_source_kind ss_source_stl10;
extern const ss_source_kind ss_source_idx;
extern const ss_source_kind ss_source_tar;
extern const ss_source_kind ss_source_folder;
extern const ss_source_kind ss_source_picture;

/* An empty source of files below `root`, which is handed over (freed on failure too), for sets of pictures that are
 * listed otherwise than by a kind; ended by ss_source_close. */
ss_status ss_source_of_files(const char *data, const char *kind_name, char *root, ss_source **out, ss_error *error);

/* Appends a sample; its name is copied. */
ss_status ss_source_add_sample(ss_source *source, const char *name, ss_sample sample, ss_error *error);

/* Appends a path to source->files; its number in `file`. */
ss_status ss_source_add_file(ss_source *source, const char *path, uint32_t *file, ss_error *error);

/* The number of the class of this name, added if it is new. */
ss_status ss_source_add_class(ss_source *source, const char *name, int *label, ss_error *error);

/* Appends classes named by their numbers until there are `count`. */
ss_status ss_source_number_classes(ss_source *source, int count, ss_error *error);

/* Appends the non-empty lines of root/name as classes, if there is such a file and it has `count` of them; else numbers
 * them. */
ss_status ss_source_name_classes(ss_source *source, const char *name, int count, ss_error *error);

/* Sorts the classes by name and the samples by part, label (none last) and name, in byte order. */
ss_status ss_source_sort(ss_source *source, ss_error *error);

/* A file of pictures stored raw: picture i is `bytes` bytes at first + i x step. */
typedef struct ss_records {
  uint64_t first;
  uint64_t step;
  uint64_t bytes;
  uint64_t count;
} ss_records;

/* Appends them as samples named FILE#NUMBER; labels: one a picture, or NULL. */
ss_status ss_source_add_records(ss_source *source, const char *file_name, ss_part part, const ss_records *records,
                                const uint8_t *labels, ss_error *error);

/* Whether a file is a picture by its ending. */
bool ss_source_is_picture_name(const char *name);

/* Reads a sample's bytes from its file into the decoder's buffer. */
ss_status ss_source_read_bytes(const ss_source *source, const ss_sample *sample, ss_decoder *decoder,
                               const uint8_t **bytes, ss_error *error);

/* The root for a kind whose files may lie in DATA itself or, as archives unpack, in DATA/inner (may be NULL): where
 * `name` is. NULL if in neither; the caller frees it. */
char *ss_source_find_root(const char *data, const char *inner, const char *name);

/* Which of the folders inside a root are its parts, "train" and "test" or "val"; NULL: none. One of them alone among
 * other folders is a class that happens to be called so. */
void ss_source_find_parts(const ss_listing *folders, const char **train, const char **test);

/* Lists the pictures under source->root, which is set, as `folder` does, and reads one; for kinds that unpack to
 * folders. */
ss_status ss_source_scan_folder(ss_source *source, ss_error *error);
ss_status ss_source_read_file(const ss_source *source, const ss_sample *sample, ss_decoder *decoder,
                              const ss_decode_options *options, ss_image *image, ss_error *error);

#endif
