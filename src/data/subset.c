/* Which samples of a source train and which test. */
#include "base/memory.h"
#include "base/random.h"
#include "data/source.h"
#include "data/source_kind.h"

#include <stdlib.h>
#include <string.h>

#define SPLIT_ONE_IN 10
#define HELD_ONE_IN 100
#define HELD_AT_MOST 1000

static ss_status subset_alloc(ss_subset *subset, uint32_t capacity, ss_error *error) {
  subset->count = 0;
  return ss_alloc((void **)&subset->samples, capacity ? capacity : 1, sizeof *subset->samples, "a list of samples",
                  error);
}

void ss_subset_free(ss_subset *subset) {
  free(subset->samples);
  *subset = (ss_subset){0};
}

/* The samples of a part in order, or of all parts if `part` is below 0. */
static ss_status take_part(const ss_source *source, int part, bool labelled_only, ss_subset *out, ss_error *error) {
  SS_TRY(subset_alloc(out, source->count, error));
  for (uint32_t i = 0; i < source->count; i++) {
    const ss_sample *sample = &source->samples[i];
    if ((part < 0 || sample->part == (uint32_t)part) && (!labelled_only || sample->label >= 0)) {
      out->samples[out->count++] = i;
    }
  }
  return SS_OK;
}

ss_status ss_subset_everything(const ss_source *source, ss_subset *all, ss_error *error) {
  return take_part(source, -1, false, all, error);
}

static uint64_t name_hash(const ss_source *source, uint32_t sample) {
  return ss_hash_text(ss_source_name(source, sample));
}

/* Moves about every tenth sample of each class from `train` to `test`: those whose hash says so; of a class of at least
 * two samples not fewer than one and not all, then by the smallest and the largest hash. */
static ss_status split_tenth(const ss_source *source, ss_subset *train, ss_subset *test, ss_error *error) {
  typedef struct tally {
    uint32_t total;
    uint32_t tested;
    uint32_t smallest; /* samples */
    uint32_t largest;
    uint64_t smallest_hash;
    uint64_t largest_hash;
  } tally;
  tally *tallies = NULL;
  SS_TRY(ss_alloc((void **)&tallies, (size_t)source->class_count, sizeof *tallies, "the classes", error));
  for (uint32_t i = 0; i < train->count; i++) {
    const uint32_t sample = train->samples[i];
    const uint64_t hash = name_hash(source, sample);
    tally *of = &tallies[source->samples[sample].label];
    of->tested += hash % SPLIT_ONE_IN == 0;
    if (of->total == 0 || hash < of->smallest_hash) {
      of->smallest = sample, of->smallest_hash = hash;
    }
    if (of->total == 0 || hash >= of->largest_hash) {
      of->largest = sample, of->largest_hash = hash;
    }
    of->total++;
  }
  const ss_status status = subset_alloc(test, train->count, error);
  uint32_t kept = 0;
  for (uint32_t i = 0; i < train->count && status == SS_OK; i++) {
    const uint32_t sample = train->samples[i];
    const tally *of = &tallies[source->samples[sample].label];
    bool tests = name_hash(source, sample) % SPLIT_ONE_IN == 0;
    if (of->tested == 0 && of->total >= 2) {
      tests = sample == of->smallest;
    } else if (of->tested == of->total) {
      tests = sample != of->largest;
    }
    if (tests) {
      test->samples[test->count++] = sample;
    } else {
      train->samples[kept++] = sample;
    }
  }
  train->count = status == SS_OK ? kept : train->count;
  free(tallies);
  return status;
}

/* Every class of the one part has samples in the other. */
static ss_status check_classes(const ss_source *train_source, const ss_subset *train, const ss_source *test_source,
                               const ss_subset *test, ss_error *error) {
  if (train->count == 0) {
    return ss_fail(error, SS_FAILED, "no labelled training pictures in %s: they lie in one folder a class",
                   train_source->data);
  }
  if (test->count == 0) {
    return ss_fail(error, SS_FAILED, "no labelled test pictures in %s: they lie in one folder a class",
                   test_source->data);
  }
  const size_t classes = (size_t)train_source->class_count;
  uint8_t *seen = NULL; /* bit 0: in training, bit 1: in the test */
  SS_TRY(ss_alloc((void **)&seen, classes, sizeof *seen, "the classes", error));
  for (uint32_t i = 0; i < train->count; i++) {
    seen[train_source->samples[train->samples[i]].label] |= 1;
  }
  for (uint32_t i = 0; i < test->count; i++) {
    seen[test_source->samples[test->samples[i]].label] |= 2;
  }
  ss_status status = SS_OK;
  for (size_t i = 0; i < classes && status == SS_OK; i++) {
    if (seen[i] == 1) {
      status = ss_fail(error, SS_FAILED, "class \"%s\" has no test images in %s; add some, or leave the class out",
                       train_source->classes[i], test_source->data);
    } else if (seen[i] == 2) {
      status = ss_fail(error, SS_FAILED, "class \"%s\" has no training images in %s; add some, or leave the class out",
                       train_source->classes[i], train_source->data);
    }
  }
  free(seen);
  return status;
}

static ss_status for_probe(const ss_source *source, ss_subset *train, ss_subset *test, bool *split_made,
                           ss_error *error) {
  SS_TRY(take_part(source, SS_PART_TRAIN, true, train, error));
  *split_made = !ss_source_has_part(source, SS_PART_TEST);
  if (*split_made && train->count > 0) {
    SS_TRY(split_tenth(source, train, test, error));
  } else {
    SS_TRY(take_part(source, SS_PART_TEST, true, test, error));
  }
  return check_classes(source, train, source, test, error);
}

ss_status ss_subset_for_probe(const ss_source *source, ss_subset *train, ss_subset *test, bool *split_made,
                              ss_error *error) {
  *train = *test = (ss_subset){0};
  *split_made = false;
  const ss_status status = for_probe(source, train, test, split_made, error);
  if (status != SS_OK) {
    ss_subset_free(train);
    ss_subset_free(test);
  }
  return status;
}

/* Numbers the classes of `source` as `model` has them. */
static ss_status match_classes(ss_source *source, const ss_source *model, ss_error *error) {
  int *numbers = NULL;
  char **names = NULL;
  SS_TRY(ss_alloc((void **)&numbers, (size_t)source->class_count + 1, sizeof *numbers, "the classes", error));
  ss_status status = ss_alloc((void **)&names, (size_t)model->class_count + 1, sizeof *names, "the classes", error);
  for (int i = 0; i < source->class_count && status == SS_OK; i++) {
    numbers[i] = -1;
    for (int k = 0; k < model->class_count && numbers[i] < 0; k++) {
      numbers[i] = strcmp(source->classes[i], model->classes[k]) == 0 ? k : -1;
    }
    if (numbers[i] < 0) {
      status =
          ss_fail(error, SS_FAILED, "class \"%s\" of %s has no training images in %s; their class folders must match",
                  source->classes[i], source->data, model->data);
    }
  }
  int copied = 0;
  while (copied < model->class_count && status == SS_OK) {
    names[copied] = strdup(model->classes[copied]);
    if (names[copied]) {
      copied++;
    } else {
      status = ss_fail_memory(error, strlen(model->classes[copied]), "a name");
    }
  }
  if (status == SS_OK) {
    for (uint32_t i = 0; i < source->count; i++) {
      int32_t *label = &source->samples[i].label;
      *label = *label >= 0 ? numbers[*label] : -1;
    }
    char **old_names = source->classes;
    const int old_count = source->class_count;
    source->classes = names;
    source->class_count = model->class_count;
    names = old_names;
    copied = old_count;
  }
  for (int i = 0; i < copied; i++) {
    free(names[i]);
  }
  free(names);
  free(numbers);
  return status;
}

static ss_status for_probe_of_two(const ss_source *train_source, ss_source *test_source, ss_subset *train,
                                  ss_subset *test, ss_error *error) {
  const bool has_train = ss_source_has_part(train_source, SS_PART_TRAIN);
  const bool has_test = ss_source_has_part(test_source, SS_PART_TEST);
  SS_TRY(match_classes(test_source, train_source, error));
  SS_TRY(take_part(train_source, has_train ? SS_PART_TRAIN : -1, true, train, error));
  SS_TRY(take_part(test_source, has_test ? SS_PART_TEST : -1, true, test, error));
  return check_classes(train_source, train, test_source, test, error);
}

ss_status ss_subset_for_probe_of_two(const ss_source *train_source, ss_source *test_source, ss_subset *train,
                                     ss_subset *test, ss_error *error) {
  *train = *test = (ss_subset){0};
  const ss_status status = for_probe_of_two(train_source, test_source, train, test, error);
  if (status != SS_OK) {
    ss_subset_free(train);
    ss_subset_free(test);
  }
  return status;
}

typedef struct hashed {
  uint64_t hash;
  uint32_t sample;
} hashed;

static int by_hash(const void *a, const void *b) {
  const hashed *left = a, *right = b;
  if (left->hash != right->hash) {
    return left->hash < right->hash ? -1 : 1;
  }
  return left->sample < right->sample ? -1 : left->sample > right->sample;
}

/* The `count` samples of `from` with the smallest hashes, in order of these. */
static ss_status pick_by_hash(const ss_source *source, const ss_subset *from, uint32_t count, ss_subset *picked,
                              ss_error *error) {
  hashed *items = NULL;
  SS_TRY(ss_alloc((void **)&items, (size_t)from->count + 1, sizeof *items, "a list of samples", error));
  for (uint32_t i = 0; i < from->count; i++) {
    items[i] = (hashed){name_hash(source, from->samples[i]), from->samples[i]};
  }
  qsort(items, from->count, sizeof *items, by_hash);
  const ss_status status = subset_alloc(picked, count, error);
  for (uint32_t i = 0; i < count && i < from->count && status == SS_OK; i++) {
    picked->samples[picked->count++] = items[i].sample;
  }
  free(items);
  return status;
}

/* Takes the samples of `others` out of `subset`; of the rest the order stays. */
static ss_status take_out(const ss_source *source, ss_subset *subset, const ss_subset *others, ss_error *error) {
  uint8_t *out = NULL;
  SS_TRY(ss_alloc((void **)&out, source->count, sizeof *out, "a list of samples", error));
  for (uint32_t i = 0; i < others->count; i++) {
    out[others->samples[i]] = 1;
  }
  uint32_t kept = 0;
  for (uint32_t i = 0; i < subset->count; i++) {
    if (!out[subset->samples[i]]) {
      subset->samples[kept++] = subset->samples[i];
    }
  }
  subset->count = kept;
  free(out);
  return SS_OK;
}

/* Holds out 1 % of `train`, from `rest` (what the limit left over) if that is enough. */
static ss_status hold_out(const ss_source *source, ss_subset *train, ss_subset *rest, ss_subset *held,
                          ss_error *error) {
  uint32_t count = train->count / HELD_ONE_IN;
  count = count > HELD_AT_MOST ? HELD_AT_MOST : count;
  if (count == 0 && train->count > 1) {
    count = 1;
  }
  SS_TRY(take_out(source, rest, train, error));
  const bool from_rest = rest->count >= count;
  SS_TRY(pick_by_hash(source, from_rest ? rest : train, count, held, error));
  return from_rest ? SS_OK : take_out(source, train, held, error);
}

static ss_status for_pretext(const ss_source *source, bool unlabelled, uint32_t limit, ss_subset *train,
                             ss_subset *held, bool *held_out, ss_error *error) {
  SS_TRY(take_part(source, SS_PART_TRAIN, false, train, error));
  for (uint32_t i = 0; i < source->count && (unlabelled || train->count == 0); i++) {
    if (source->samples[i].part == SS_PART_UNLABELLED) {
      train->samples[train->count++] = i; /* room for all samples is there */
    }
  }
  if (train->count == 0) {
    return ss_fail(error, SS_FAILED, "no training pictures in %s: it has only a test part", source->data);
  }
  ss_subset rest = {0};
  SS_TRY(subset_alloc(&rest, train->count, error));
  memcpy(rest.samples, train->samples, train->count * sizeof *rest.samples);
  rest.count = train->count;
  ss_status status = ss_subset_limit(source, train, limit, error);
  *held_out = !ss_source_has_part(source, SS_PART_TEST);
  if (status == SS_OK) {
    status =
        *held_out ? hold_out(source, train, &rest, held, error) : take_part(source, SS_PART_TEST, false, held, error);
  }
  ss_subset_free(&rest);
  return status;
}

ss_status ss_subset_for_pretext(const ss_source *source, bool unlabelled, uint32_t limit, ss_subset *train,
                                ss_subset *held, bool *held_out, ss_error *error) {
  *train = *held = (ss_subset){0};
  *held_out = false;
  const ss_status status = for_pretext(source, unlabelled, limit, train, held, held_out, error);
  if (status != SS_OK) {
    ss_subset_free(train);
    ss_subset_free(held);
  }
  return status;
}

ss_status ss_subset_limit(const ss_source *source, ss_subset *subset, uint32_t limit, ss_error *error) {
  if (limit == 0 || limit >= subset->count) {
    return SS_OK;
  }
  /* Each class's samples are chained in order; each turn takes the head of every chain that still has one. */
  const size_t classes = (size_t)source->class_count + 1; /* the last: no label */
  const uint32_t none = UINT32_MAX;
  uint32_t *heads = NULL, *tails = NULL, *next = NULL, *taken = NULL;
  ss_status status = ss_alloc((void **)&heads, classes, sizeof *heads, "the classes", error);
  status = status ? status : ss_alloc((void **)&tails, classes, sizeof *tails, "the classes", error);
  status = status ? status : ss_alloc((void **)&next, subset->count, sizeof *next, "a list of samples", error);
  status = status ? status : ss_alloc((void **)&taken, limit, sizeof *taken, "a list of samples", error);
  if (status == SS_OK) {
    memset(heads, 0xFF, classes * sizeof *heads);
    for (uint32_t i = 0; i < subset->count; i++) {
      const int label = source->samples[subset->samples[i]].label;
      const size_t class_index = label >= 0 ? (size_t)label : classes - 1;
      if (heads[class_index] == none) {
        heads[class_index] = i;
      } else {
        next[tails[class_index]] = i;
      }
      tails[class_index] = i;
      next[i] = none;
    }
    uint32_t count = 0;
    for (size_t c = 0; count < limit; c = c + 1 == classes ? 0 : c + 1) {
      if (heads[c] != none) {
        taken[count++] = subset->samples[heads[c]];
        heads[c] = next[heads[c]];
      }
    }
    memcpy(subset->samples, taken, limit * sizeof *taken);
    subset->count = limit;
  }
  free(heads);
  free(tails);
  free(next);
  free(taken);
  return status;
}
