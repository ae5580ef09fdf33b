/* Sources: what DATA on the command line names, as a numbered list of pictures with labels.
 *
 *     ss_source *source = NULL;
 *     ss_subset train = {0}, test = {0};
 *     bool split = false;
 *     SS_TRY(ss_source_open("~/cifar-10-batches-bin", &source, error));
 *     SS_TRY(ss_subset_for_probe(source, &train, &test, &split, error));
 *     ... ss_source_read(source, train.samples[i], decoder, NULL, &image, error) ...
 *     ss_subset_free(&train); ss_subset_free(&test); ss_source_close(source);
 */
#ifndef SS_DATA_SOURCE_H
#define SS_DATA_SOURCE_H

#include "data/decode.h"

#include <stdbool.h>

/* An opened DATA. Reading is safe from any number of threads; only ss_subset_for_probe_of_two changes one. */
typedef struct ss_source ss_source;

typedef enum ss_part {
  SS_PART_TRAIN = 0, /* also everything of a DATA without parts */
  SS_PART_TEST,
  SS_PART_UNLABELLED /* STL-10's third part */
} ss_part;

/* Opens DATA: a folder of class folders or of loose pictures (with train/ and test/ or val/ inside, or without), a
 * folder of CIFAR-10, CIFAR-100, STL-10 or MNIST (IDX) binary files, a .tar shard, PREFIX-{000..123}.tar, a folder of
 * shards, one picture, or world:images?n=20000&size=32&seed=1. It is recognised by what it holds. Only names, headers
 * and (for tar) member headers are read here, pictures when they are asked for. SS_FAILED with the path and what to do
 * when there is no such file, no picture, or a header is wrong. The caller closes what it gets. */
ss_status ss_source_open(const char *data, ss_source **source, ss_error *error);
/* The caller's pictures as a source: `pictures` is copied, what it points to must outlast the source. SS_USAGE for a
 * count or a label that cannot be. The caller closes what it gets. */
ss_status ss_source_of_caller(const ss_picture_source *pictures, ss_source **source, ss_error *error);
void ss_source_close(ss_source *source); /* NULL is fine */

const char *ss_source_kind_name(const ss_source *source); /* for people: "folder", "CIFAR-10", "tar shards", ... */
const char *ss_source_path(const ss_source *source);      /* DATA as it was given */
uint32_t ss_source_count(const ss_source *source);        /* samples of all parts; at least 1 */
bool ss_source_has_part(const ss_source *source, ss_part part);

/* Of sample 0 to count-1. The order is the same at each open: in folders by part, class name, then file name in byte
 * order; elsewhere by part, then as stored. */
int ss_source_label(const ss_source *source, uint32_t sample);        /* 0 to class_count-1, -1: none */
ss_part ss_source_part(const ss_source *source, uint32_t sample);     /* which part it belongs to */
const char *ss_source_name(const ss_source *source, uint32_t sample); /* path relative to DATA, e.g. "cat/1.jpg" or
                                                                         "data_batch_1.bin#17"; owned by the source */

int ss_source_class_count(const ss_source *source); /* 0: no labels */
const char *ss_source_class_name(const ss_source *source, int label);

/* Reads and decodes one sample into `image`. Thread safe with a decoder a thread. The message names the file. */
ss_status ss_source_read(const ss_source *source, uint32_t sample, ss_decoder *decoder,
                         const ss_decode_options *options, ss_image *image, ss_error *error);

/* Some samples of a source, in an order; a zeroed struct is empty. The functions below overwrite what they are given
 * to fill (not freeing it), and leave it empty on failure. */
typedef struct ss_subset {
  uint32_t *samples; /* owned; indices into the source */
  uint32_t count;
} ss_subset;

void ss_subset_free(ss_subset *subset);

/* All samples, in order; for `embed`. */
ss_status ss_subset_everything(const ss_source *source, ss_subset *all, ss_error *error);

/* For measuring with labels: the labelled samples of the train part and of the test part. Without a test part about
 * every tenth sample of a class, by a hash of its name, is the test part, at least one, and `*split_made` is set, so
 * that it can be said. SS_FAILED without labels, or when a class of the train part has no test sample or the other
 * way round. */
ss_status ss_subset_for_probe(const ss_source *source, ss_subset *train, ss_subset *test, bool *split_made,
                              ss_error *error);

/* The same where the test part is another DATA (--test): all labelled train samples of `train_source` (everything,
 * where it has no train part) and the labelled test samples of `test_source` (everything, where it has no test part).
 * Gives the classes of `test_source` the numbers that `train_source` has for the same names. */
ss_status ss_subset_for_probe_of_two(const ss_source *train_source, ss_source *test_source, ss_subset *train,
                                     ss_subset *test, ss_error *error);

/* For pretraining: `train` is the train part (with `unlabelled`, that part too), cut to `limit` samples as
 * ss_subset_limit does (0: all). `held` is the test part where there is one (*held_out is then false), else 1 % of
 * the train part, at most 1,000, chosen by a hash of the names and kept out of `train`: first from what `limit` leaves
 * over, so that `train` then has the same samples with and without. Labels are not needed. `held` may come out empty
 * (a single picture). */
ss_status ss_subset_for_pretext(const ss_source *source, bool unlabelled, uint32_t limit, ss_subset *train,
                                ss_subset *held, bool *held_out, ss_error *error);

/* Cuts to `limit` samples (0, or no fewer than there are: nothing changes), taking the classes in turn: the first of
 * each class, then the second of each, and so on with the classes that have some left; unlabelled ones are one class,
 * the last. The order is then that of the taking. */
ss_status ss_subset_limit(const ss_source *source, ss_subset *subset, uint32_t limit, ss_error *error);

#endif
