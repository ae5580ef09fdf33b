/* The commands segment, depth and detect: exit statuses, messages, their JSON and sheets. */
#include "support.h"

#include "base/file.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define NETWORK "'random:resnet18?width=4&size=16'"
#define LITTLE " --epochs 1 --threads 1 --limit 32 "

static int set_up(void **state) {
  if (support_set_up(state) != 0) {
    return -1;
  }
  support_expect("world images world -n 60 --size 16 --seed 2 --threads 1", 0, "done: world");
  return 0;
}

static const cJSON *member(const cJSON *json, const char *key) {
  const cJSON *found = cJSON_GetObjectItemCaseSensitive(json, key);
  assert_non_null(found);
  return found;
}

static void test_segment(void **state) {
  (void)state;
  support_expect("segment " NETWORK " world" LITTLE "--sheet seg.png --json", 0, "mIoU");
  cJSON *json = support_last_line();
  const cJSON *random = member(json, "random"), *constant = member(json, "constant");
  assert_int_equal(cJSON_GetArraySize(member(json, "classes")), 13);
  assert_int_equal(cJSON_GetArraySize(member(random, "iou")), 13);
  assert_true(support_number(json, "train") == 32 && support_number(json, "test") == 12);
  assert_true(support_number(random, "miou") == support_number(member(json, "pretrained"), "miou"));
  assert_true(cJSON_IsObject(member(json, "rescaled")) && cJSON_IsNull(member(json, "supervised")));
  /* All background: its share of the pixels is its IoU, the other twelve have 0. */
  assert_float_equal(support_number(constant, "miou"), support_number(constant, "pixel_accuracy") / 13.0, 1e-9);
  cJSON_Delete(json);
  char path[600];
  snprintf(path, sizeof path, "%s/seg.png", support_folder);
  assert_true(ss_file_exists(path));
}

static void test_depth(void **state) {
  (void)state;
  support_expect("depth " NETWORK " world" LITTLE "--alone --json", 0, "abs rel");
  cJSON *json = support_last_line();
  const double error = support_number(member(json, "pretrained"), "abs_rel");
  const double rmse = support_number(member(json, "constant"), "rmse");
  assert_true(error > 0.0 && error < 10.0);
  assert_true(cJSON_IsNull(member(json, "random")) && cJSON_IsNull(member(json, "rescaled")));
  assert_true(cJSON_IsNull(member(member(json, "constant"), "scale_invariant")));
  cJSON_Delete(json);
  /* In units ten times as large the errors of ratios stay, those in metres do not. */
  support_expect("depth " NETWORK " world" LITTLE "--alone --json --scale 100", 0, "abs rel");
  json = support_last_line();
  assert_float_equal(support_number(member(json, "constant"), "rmse"), 10.0 * rmse, 1e-4);
  assert_float_equal(support_number(member(json, "pretrained"), "abs_rel"), error, 1e-3);
  cJSON_Delete(json);
}

static void test_finetuning(void **state) {
  (void)state;
  support_expect("segment " NETWORK " 'world:images?n=24&size=16'" LITTLE "--finetune --json", 0,
                 "fine-tuned backbone: 24 training and 12 test pictures");
  cJSON *json = support_last_line();
  assert_true(cJSON_IsTrue(member(json, "finetune")) && cJSON_IsNull(member(json, "rescaled")));
  assert_float_equal(support_number(json, "lr"), 0.0003, 1e-9);
  cJSON_Delete(json);
}

/* Boxes are shared out as maps are, and the measured network is its own random row. */
static void test_detect(void **state) {
  (void)state;
  support_expect("detect " NETWORK " 'world:images?n=24&size=16'" LITTLE "--channels 8 --sheet det.png --json", 0,
                 "frozen backbone: 24 training and 12 test pictures, 16 px, 1 epochs of batch 16");
  assert_non_null(strstr(support_output, "rescaled: epoch 1 of 1, loss "));
  assert_null(strstr(support_output, "random: epoch"));
  cJSON *json = support_last_line();
  const cJSON *own = member(json, "pretrained"), *random = member(json, "random");
  assert_int_equal(cJSON_GetArraySize(member(json, "classes")), 12);
  assert_int_equal(cJSON_GetArraySize(member(own, "voc_ap50_of_class")), 12);
  assert_true(support_number(own, "loss") == support_number(random, "loss"));
  assert_true(support_number(own, "loss") != support_number(member(json, "rescaled"), "loss"));
  assert_true(cJSON_IsNull(member(json, "supervised")) && support_number(json, "size") == 16);
  cJSON_Delete(json);
  char path[600];
  snprintf(path, sizeof path, "%s/det.png", support_folder);
  assert_true(ss_file_exists(path));
}

static void test_mistakes(void **state) {
  (void)state;
  support_expect("segment " NETWORK, 2, "RUN DATA");
  support_expect("segment " NETWORK " nowhere", 1, "nowhere");
  support_expect("segment " NETWORK " world --epoch 3", 2, "epochs");
  support_expect("segment " NETWORK " world --classes 5", 2, "has 13 classes, not 5");
  support_expect("depth missing world", 1, "missing");
  support_expect("depth " NETWORK " world --skips 9", 2, "skips");
  support_expect("depth " NETWORK " world" LITTLE "--alone --sheet nowhere/x.png", 1, "nowhere");
  /* Known before the first step. */
  support_expect("detect " NETWORK " 'world:images?n=24&size=16'" LITTLE "--alone --sheet nowhere/x.png", 1, "nowhere");
  assert_null(strstr(support_output, "epoch"));
}

int main(void) {
  const struct CMUnitTest tests[] = {cmocka_unit_test(test_segment), cmocka_unit_test(test_depth),
                                     cmocka_unit_test(test_finetuning), cmocka_unit_test(test_detect),
                                     cmocka_unit_test(test_mistakes)};
  return cmocka_run_group_tests(tests, set_up, support_tear_down);
}
