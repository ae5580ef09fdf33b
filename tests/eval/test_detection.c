/* Detection as transfer: what a detector learns on a small world, and that the same seed gives the same bits. */
#include "support.h"

#include "eval/detection.h"

#include <stdlib.h>
#include <string.h>

typedef struct scene {
  char cache[256];
  ss_box_set *set;
  ss_subset train, test;
  ss_model *model;
} scene;

static scene open_scene(const char *data, const char *name) {
  scene at = {.set = NULL};
  ss_error error = {""};
  support_make_folder(at.cache);
  setenv("XDG_CACHE_HOME", at.cache, 1);
  support_ok(ss_box_set_open(data, &at.set, &error), &error);
  support_ok(ss_box_set_parts(at.set, &at.train, &at.test, &error), &error);
  at.model = support_model(name);
  return at;
}

static void close_scene(scene *at) {
  ss_model_free(at->model);
  ss_subset_free(&at->train);
  ss_subset_free(&at->test);
  ss_box_set_close(at->set);
  unsetenv("XDG_CACHE_HOME");
  support_remove_folder(at->cache);
}

static const ss_detection_options quick = {.batch = 8,
                                           .epochs = 2,
                                           .threads = 2,
                                           .channels = 16,
                                           .rate = 2e-3f,
                                           .weight_decay = 1e-4f,
                                           .min_scale = 0.6f,
                                           .seed = 5,
                                           .max_bad = 0.01};

typedef struct losses {
  double first, last;
} losses;

static void tell(void *context, int epoch, double loss) {
  losses *kept = context;
  kept->first = epoch == 1 ? loss : kept->first;
  kept->last = loss;
}

/* Learned by heart: the loss falls, and the surest box of a picture covers its object. */
static void learns_to_find_objects(void **unused) {
  (void)unused;
  scene at = open_scene("world:images?n=24&size=16&seed=2", "random:resnet18?width=8&size=16");
  losses told = {0};
  ss_detection_options options = quick;
  options.epochs = 40;
  options.finetune = true;
  options.rate = 4e-3f;
  options.tell = tell;
  options.tell_context = &told;
  ss_detection_score score;
  ss_detections found = {0};
  double per_class[12], loss = 0.0;
  ss_error error = {""};
  support_ok(ss_detect(at.model, at.set, &at.train, &at.train, &options, &score, per_class, &found, &loss, &error),
             &error);
  assert_true(loss == told.last && told.last < 0.7 * told.first);
  double covered = 0.0; /* how well the surest box covers each picture's object, whatever its class */
  for (uint32_t picture = 0; picture < at.train.count; picture++) {
    size_t count = 0;
    const ss_labelled_box *box = ss_box_set_boxes(at.set, at.train.samples[picture], &count);
    for (size_t i = 0; i < found.count; i++) {
      if (found.boxes[i].picture == (int32_t)picture) { /* the surest comes first */
        covered += ss_bounding_box_iou(&box->box, &found.boxes[i].box) / at.train.count;
        break;
      }
    }
  }
  assert_true(covered > 0.5);
  ss_detections_free(&found);
  close_scene(&at);
}

static void the_same_seed_gives_the_same_bits(void **unused) {
  (void)unused;
  scene at = open_scene("world:images?n=24&size=16&seed=2", "random:resnet18?width=8&size=16");
  ss_detection_score scores[3];
  ss_detections found[3];
  ss_error error = {""};
  ss_ways *ways = ss_ways_new(); /* the same kernels */
  for (int i = 0; i < 3; i++) {
    ss_detection_options options = quick;
    options.ways = ways;
    options.seed = i < 2 ? 5 : 6;
    support_ok(ss_detect(at.model, at.set, &at.train, &at.test, &options, &scores[i], NULL, &found[i], NULL, &error),
               &error);
  }
  assert_true(found[0].count > 0 && found[0].count == found[1].count);
  for (size_t i = 0; i < found[0].count; i++) {
    const ss_found_box *a = &found[0].boxes[i], *b = &found[1].boxes[i];
    assert_true(a->score == b->score && a->label == b->label && a->box.left == b->box.left);
  }
  bool differs = found[2].count != found[0].count;
  for (size_t i = 0; i < found[0].count && !differs; i++) {
    differs = found[0].boxes[i].score != found[2].boxes[i].score;
  }
  assert_true(differs);
  for (int i = 0; i < 3; i++) {
    ss_detections_free(&found[i]);
  }
  ss_ways_free(ways);
  close_scene(&at);
}

/* Training goes on in a copy. */
static void leaves_the_model_as_it_is(void **unused) {
  (void)unused;
  scene at = open_scene("world:images?n=24&size=16&seed=2", "random:resnet18?width=8&size=16");
  const ss_parameter *weight = ss_parameters_find(at.model->parameters, "backbone.conv1.weight");
  const size_t count = ss_parameters_count(at.model->parameters), bytes = (size_t)weight->count * sizeof(float);
  float *before = malloc(bytes);
  memcpy(before, weight->value, bytes);
  ss_detection_options options = quick;
  options.finetune = true;
  ss_detection_score score;
  ss_error error = {""};
  support_ok(ss_detect(at.model, at.set, &at.train, &at.test, &options, &score, NULL, NULL, NULL, &error), &error);
  assert_int_equal(ss_parameters_count(at.model->parameters), count);
  assert_memory_equal(before, weight->value, bytes);
  free(before);
  close_scene(&at);
}

int main(void) {
  const struct CMUnitTest tests[] = {cmocka_unit_test(learns_to_find_objects),
                                     cmocka_unit_test(the_same_seed_gives_the_same_bits),
                                     cmocka_unit_test(leaves_the_model_as_it_is)};
  return cmocka_run_group_tests(tests, NULL, NULL);
}
