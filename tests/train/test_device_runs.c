/* The same run on the processors and on a GPU: each method's first losses agree, and a GPU's run repeats and resumes to
 * the bit. Where the build has no GPU there is nothing to compare. */
#include "support.h"

#include "base/file.h"
#include "base/json.h"
#include "engine/device.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { MOST_STEPS = 10 };
static int steps; /* fewer where the GPU is emulated, which is slow */

static void skip_without_a_gpu(void) {
  steps = strstr(ss_device_describe(support_gpu()), "emulated") ? 4 : MOST_STEPS;
}

/* What some methods need to be quick, or to run at all, on small pictures. */
static const char *need_of(const char *method) {
  static const struct {
    const char *method, *pair;
  } needs[] = {{"superres", "blocks=1"}, {"bow", "words=random:resnet18?width=4&size=16"}, {"byol", "hidden=64"}};
  for (size_t i = 0; i < sizeof needs / sizeof *needs; i++) {
    if (strcmp(needs[i].method, method) == 0) {
      return needs[i].pair;
    }
  }
  return NULL;
}

/* Trains on `device` into FOLDER/NAME, whose path is returned. */
static char *train(const char *name, const char *method, const char *device, const char *pair, bool resume,
                   int64_t stop_after) {
  char on[32], length[32], *out = support_path(support_home, name);
  snprintf(on, sizeof on, "device=%s", device);
  snprintf(length, sizeof length, "steps=%d", steps);
  /* At larger rates so small a network is chaotic: a last bit's difference grows tenfold and more a step. */
  ss_config *config = support_config(method, support_data, length, on, "lr=0.001", NULL);
  const char *pairs[] = {need_of(method), strcmp(method, "superres") == 0 ? "size=24" : NULL,
                         strcmp(method, "bow") == 0 ? "vocabulary=8" : NULL, pair};
  ss_error error = {""};
  for (size_t i = 0; i < sizeof pairs / sizeof *pairs; i++) {
    if (pairs[i] && ss_settings_set_pair(config->settings, pairs[i], &error) != SS_OK) {
      fail_msg("%s", error.message);
    }
  }
  ss_train_result result;
  const ss_status status = support_train(config, out, resume, stop_after, &result, &error);
  if (status != (stop_after ? SS_INTERRUPTED : SS_OK)) {
    fail_msg("%s on %s: %s", method, device, error.message);
  }
  ss_config_free(config);
  return out;
}

/* The losses of the run's steps; of all players where there are several. Returns how many. */
static int losses_of(const char *out, double losses[2 * MOST_STEPS]) {
  char *path = support_path(out, "metrics.jsonl"), *text = NULL, *rest = NULL;
  size_t size = 0;
  int count = 0;
  assert_int_equal(ss_file_read(path, 1 << 20, &text, &size, NULL), SS_OK);
  for (char *line = strtok_r(text, "\n", &rest); line; line = strtok_r(NULL, "\n", &rest)) {
    cJSON *json = cJSON_Parse(line), *player = NULL;
    assert_non_null(json);
    const cJSON *players = cJSON_GetObjectItem(json, "player_losses");
    if (!players) {
      assert_true(count < 2 * MOST_STEPS);
      losses[count++] = cJSON_GetObjectItem(json, "loss")->valuedouble;
    }
    cJSON_ArrayForEach(player, players) {
      assert_true(count < 2 * MOST_STEPS);
      losses[count++] = player->valuedouble;
    }
    cJSON_Delete(json);
  }
  free(text);
  free(path);
  return count;
}

/* `tolerance`: of the loss. Returns the largest difference in shares of the loss. */
static double compare(const char *method, const char *pair, double tolerance) {
  double here[2 * MOST_STEPS], there[2 * MOST_STEPS], largest = 0.0;
  char names[2][120];
  snprintf(names[0], sizeof names[0], "cpu-%s-%s", method, pair ? pair : "");
  snprintf(names[1], sizeof names[1], "cuda-%s-%s", method, pair ? pair : "");
  char *outs[2] = {train(names[0], method, "cpu", pair, false, 0), train(names[1], method, "cuda", pair, false, 0)};
  const int count = losses_of(outs[0], here);
  assert_int_equal(losses_of(outs[1], there), count);
  assert_true(count >= steps);
  for (int i = 0; i < count; i++) {
    const double difference = fabs(here[i] - there[i]) / fmax(fabs(here[i]), 1e-3);
    largest = fmax(largest, difference);
    if (!(difference <= tolerance)) {
      fail_msg("%s: loss %d is %.8g on the processors, %.8g on the GPU", method, i, here[i], there[i]);
    }
  }
  free(outs[0]);
  free(outs[1]);
  return largest;
}

static void first_losses_agree(void **state) {
  (void)state;
  skip_without_a_gpu();
  for (const ss_method *const *method = ss_methods(); *method; method++) {
    if (!(*method)->untrained) {
      const double off = compare((*method)->name, NULL, 1e-4);
      print_message("%s: within %.1e\n", (*method)->name, off);
    }
  }
}

static void first_losses_agree_in_bf16(void **state) {
  (void)state;
  skip_without_a_gpu();
  print_message("simclr: within %.1e\n", compare("simclr", "precision=bf16", 0.02));
  print_message("rotation: within %.1e\n", compare("rotation", "precision=bf16", 0.02));
}

/* Every optimiser, and gradients added up over batches. */
static void optimisers_agree(void **state) {
  (void)state;
  skip_without_a_gpu();
  static const char *const pairs[] = {"optimizer=lars", "optimizer=adam", "optimizer=adamw", "accumulate=2"};
  for (size_t i = 0; i < sizeof pairs / sizeof *pairs; i++) {
    print_message("%s: within %.1e\n", pairs[i], compare("rotation", pairs[i], 1e-3));
  }
}

static void repeats_and_resumes_to_the_same_bits(void **state) {
  (void)state;
  skip_without_a_gpu();
  static const char *const methods[] = {"simclr", "moco", "byol", "deepcluster", "inpainting"};
  for (size_t i = 0; i < sizeof methods / sizeof *methods; i++) {
    char names[3][80];
    for (int k = 0; k < 3; k++) {
      snprintf(names[k], sizeof names[k], "bits-%s-%d", methods[i], k);
    }
    char *whole = train(names[0], methods[i], "cuda", NULL, false, 0);
    char *again = train(names[1], methods[i], "cuda", NULL, false, 0);
    free(train(names[2], methods[i], "cuda", NULL, false, 2));
    char *parts = train(names[2], methods[i], "cuda", NULL, true, 0);
    support_same_file(whole, again, "checkpoint.safetensors");
    support_same_file(whole, parts, "checkpoint.safetensors");
    support_same_file(whole, parts, "backbone.safetensors");
    free(whole);
    free(again);
    free(parts);
  }
}

/* One of the devices begins, the other goes on: a checkpoint is of neither. */
static void a_run_changes_its_device(void **state) {
  (void)state;
  skip_without_a_gpu();
  free(train("changes", "moco", "cpu", NULL, false, 2));
  double losses[2 * MOST_STEPS] = {0}, whole[2 * MOST_STEPS] = {0};
  char *changed = train("changes", "moco", "cuda", NULL, true, 0), *out = train("stays", "moco", "cpu", NULL, false, 0);
  assert_int_equal(losses_of(changed, losses), losses_of(out, whole));
  for (int i = 0; i < steps; i++) {
    assert_true(fabs(losses[i] - whole[i]) <= 1e-4 * fabs(whole[i]));
  }
  free(changed);
  free(out);
}

int main(void) {
  const struct CMUnitTest tests[] = {cmocka_unit_test(first_losses_agree), cmocka_unit_test(first_losses_agree_in_bf16),
                                     cmocka_unit_test(optimisers_agree),
                                     cmocka_unit_test(repeats_and_resumes_to_the_same_bits),
                                     cmocka_unit_test(a_run_changes_its_device)};
  return cmocka_run_group_tests(tests, support_set_up, support_tear_down);
}
