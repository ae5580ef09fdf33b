/* The command finetune: what it prints, writes and refuses. */
#include "support.h"

#include "base/file.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define NETWORK "'random:resnet18?width=4&size=16'"
#define QUICK " --epochs 1 --threads 1 "

static char *read_file(const char *name, size_t *size) {
  char path[600], *bytes = NULL;
  snprintf(path, sizeof path, "%s/%s", support_folder, name);
  ss_error error = {""};
  if (ss_file_read(path, 10000000, &bytes, size, &error) != SS_OK) {
    fail_msg("%s", error.message);
  }
  return bytes;
}

static bool is_null(const cJSON *json, const char *key) {
  return cJSON_IsNull(cJSON_GetObjectItemCaseSensitive(json, key));
}

/* Twelve classes, five training and one test picture each; pictures without labels; one class; a network. */
static int set_up(void **state) {
  if (support_set_up(state) != 0) {
    return -1;
  }
  support_expect("world images world -n 60 --size 16 --seed 2 --threads 1", 0, "done: world");
  char command[1000];
  snprintf(command, sizeof command,
           "cd '%s' && mkdir loose single && cp world/train/cube/*.png loose && cp -r world/train/cube single",
           support_folder);
  assert_int_equal(system(command), 0);
  support_expect("export " NETWORK " -o start.safetensors", 0, "16 px");
  return 0;
}

static double per_cent(const cJSON *json, const char *key) {
  const double value = support_number(json, key);
  assert_true(value >= 0.0 && value <= 100.0);
  return value;
}

static void test_four_networks_side_by_side(void **state) {
  (void)state;
  support_expect("finetune start.safetensors world --supervised start.safetensors --epochs 2 --threads 1 --json", 0,
                 "pretrained, epoch 2/2: loss ");
  assert_non_null(strstr(support_output, "rescaled, epoch 1/2"));
  assert_non_null(strstr(support_output,
                         "trained     pretrained  top-5      random  top-5    rescaled  top-5  "
                         "supervised  top-5\nall"));
  cJSON *json = support_last_line();
  assert_true(support_number(json, "labels") == 1.0 && support_number(json, "epochs") == 2.0);
  assert_true(support_number(json, "classes") == 12 && support_number(json, "train") == 60 &&
              support_number(json, "test") == 12);
  assert_true(is_null(json, "freeze_to"));
  assert_true(per_cent(json, "top1") <= per_cent(json, "top5"));
  assert_true(per_cent(json, "random_top1") <= per_cent(json, "random_top5"));
  per_cent(json, "rescaled_top1");
  /* The same network and the same seed: the same bits. */
  assert_true(per_cent(json, "supervised_top1") == support_number(json, "top1"));
  cJSON_Delete(json);
}

static void test_alone(void **state) {
  (void)state;
  support_expect("finetune start.safetensors world --alone --json --freeze-to layer2" QUICK, 0,
                 "frozen to   pretrained");
  assert_null(strstr(support_output, "random: "));
  cJSON *json = support_last_line();
  assert_true(is_null(json, "random_top1") && is_null(json, "rescaled_top1") && is_null(json, "supervised_top1"));
  const char *layer = NULL;
  assert_int_equal(ss_json_get_string(json, "the last line", "freeze_to", &layer, NULL), SS_OK);
  assert_string_equal(layer, "layer2");
  cJSON_Delete(json);
}

static void test_an_untrained_network_is_its_own_random_row(void **state) {
  (void)state;
  support_expect("finetune " NETWORK " world --json" QUICK, 0, "rescaled: ");
  assert_null(strstr(support_output, "random: "));
  cJSON *json = support_last_line();
  assert_true(support_number(json, "random_top1") == support_number(json, "top1"));
  assert_true(support_number(json, "random_top5") == support_number(json, "top5"));
  cJSON_Delete(json);
}

static void test_a_share_of_the_labels(void **state) {
  (void)state;
  support_expect("finetune start.safetensors world --alone --labels 40% --json" QUICK, 0, "24 training and 12 test");
  cJSON *json = support_last_line();
  assert_true(support_number(json, "labels") == 0.4 && support_number(json, "train") == 24);
  cJSON_Delete(json);
  support_expect("finetune start.safetensors world --alone --labels 0.01 --json" QUICK, 0, "12 training and 12 test");
}

/* What is written serves as RUN; the frozen part of it is RUN's to the bit. */
static void test_the_network_is_written(void **state) {
  (void)state;
  support_expect("finetune start.safetensors world --alone --out tuned --freeze-to layer4" QUICK, 0, "layer4");
  support_expect("knn tuned world --threads 1", 0, "k-NN");
  support_expect("knn tuned/classifier.safetensors world --threads 1", 0, "k-NN");
  size_t size = 0, same_size = 0;
  char *tuned = read_file("tuned/backbone.safetensors", &size), *start = read_file("start.safetensors", &same_size);
  assert_int_equal(size, same_size);
  assert_memory_equal(tuned, start, size); /* everything but the classifier was frozen */
  free(tuned);
  free(start);
  char *figures = read_file("tuned/finetune.json", &size);
  assert_non_null(strstr(figures, "\"freeze_to\": \"layer4\""));
  free(figures);
  support_expect("finetune start.safetensors world --alone --out tuned" QUICK, 1, "another --out");
  /* The same seed: the same bits; another one: others. */
  support_expect("finetune start.safetensors world --alone --out again --freeze-to layer4" QUICK, 0, "pretrained: ");
  support_expect("finetune start.safetensors world --alone --out other --freeze-to layer4 --seed 1" QUICK, 0, "");
  char *one = read_file("tuned/classifier.safetensors", &size), *two = read_file("again/classifier.safetensors", &size);
  char *three = read_file("other/classifier.safetensors", &size);
  assert_memory_equal(one, two, size);
  assert_memory_not_equal(one, three, size);
  free(one);
  free(two);
  free(three);
}

static void test_refuses_wrong_words(void **state) {
  (void)state;
  support_expect("finetune start.safetensors", 2, "usage: selfsup finetune RUN DATA");
  support_expect("finetune nowhere world", 1, "no such run folder or file: nowhere");
  support_expect("finetune start.safetensors nowhere", 1, "nowhere");
  support_expect("finetune start.safetensors world --freeze-to layer5", 2,
                 "unknown layer: layer5; the layers of resnet18 are conv1, layer1, layer2, layer3, layer4");
  support_expect("finetune 'random:alexnet?width=4&size=64' world --freeze-to layer1", 2, "alexnet are conv1, conv2");
  support_expect("finetune start.safetensors world --reinit=0", 2, "name one with --freeze-to");
  support_expect("finetune start.safetensors loose", 1, "needs labels");
  support_expect("finetune start.safetensors single", 1, "at least two classes");
  support_expect("finetune start.safetensors world --batch 61", 2, "a batch of 61 needs more pictures than the 60");
  support_expect("finetune start.safetensors world --labels 2", 2, "labels");
  support_expect("finetune start.safetensors world --epocs 2", 2, "did you mean --epochs");
  support_expect(
      "finetune start.safetensors world --freeze-to layer1 --supervised "
      "'random:alexnet?width=4&size=64' --size 64",
      1, "have other layers; leave out --freeze-to");
}

int main(void) {
  const struct CMUnitTest tests[] = {cmocka_unit_test(test_four_networks_side_by_side),
                                     cmocka_unit_test(test_alone),
                                     cmocka_unit_test(test_an_untrained_network_is_its_own_random_row),
                                     cmocka_unit_test(test_a_share_of_the_labels),
                                     cmocka_unit_test(test_the_network_is_written),
                                     cmocka_unit_test(test_refuses_wrong_words)};
  return cmocka_run_group_tests(tests, set_up, support_tear_down);
}
