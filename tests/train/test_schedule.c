/* Learning rates against PyTorch's schedulers. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "train/config.h"
#include "train/schedule.h"

#include <math.h>

static ss_settings *make_settings(const char *pairs) {
  ss_settings *settings = NULL;
  ss_error error = {{0}};
  if (ss_settings_new(ss_training_options, NULL, &settings, &error) != SS_OK ||
      ss_settings_apply_defaults(settings, pairs, &error) != SS_OK) {
    fail_msg("%s", error.message);
  }
  return settings;
}

static void check_case(const cJSON *member) {
  const char *pairs = NULL;
  const cJSON *rates = NULL;
  int64_t steps = 0, per_epoch = 0;
  ss_error error = {{0}};
  if (ss_json_get_string(member, "schedule", "pairs", &pairs, &error) != SS_OK ||
      ss_json_get_int(member, "schedule", "steps", 1, 1000, &steps, &error) != SS_OK ||
      ss_json_get_int(member, "schedule", "steps_per_epoch", 1, 1000, &per_epoch, &error) != SS_OK ||
      ss_json_get_array(member, "schedule", "rates", &rates, &error) != SS_OK) {
    fail_msg("%s", error.message);
  }
  ss_settings *settings = make_settings(pairs);
  const double base = ss_settings_float(settings, "lr");
  int64_t step = 0;
  const cJSON *rate;
  cJSON_ArrayForEach(rate, rates) {
    const double ours = ss_schedule_rate(settings, step, steps, per_epoch);
    if (!(fabs(ours - rate->valuedouble) <= 1e-12 * base)) {
      fail_msg("%s: update %lld has the rate %.17g, PyTorch's is %.17g", pairs, (long long)step, ours,
               rate->valuedouble);
    }
    step++;
  }
  assert_int_equal(step, steps);
  ss_settings_free(settings);
}

static void rates_are_pytorchs(void **state) {
  (void)state;
  cJSON *cases = NULL;
  ss_error error = {{0}};
  if (ss_json_read(&cases, SS_GOLDEN "/schedule.json", 1 << 20, &error) != SS_OK) {
    fail_msg("%s", error.message);
  }
  assert_int_equal(cJSON_GetArraySize(cases), 4);
  const cJSON *member;
  cJSON_ArrayForEach(member, cases) {
    check_case(member);
  }
  cJSON_Delete(cases);
}

/* No division by nothing, no rate that is not finite: also where everything is warm-up, or there is one update. */
static void short_runs_have_rates_too(void **state) {
  (void)state;
  static const char *const all[] = {"lr=0.5 schedule=cosine warmup=4", "lr=0.5 schedule=cosine warmup=0",
                                    "lr=0.5 schedule=step milestones=1 warmup=1"};
  for (size_t i = 0; i < sizeof all / sizeof *all; i++) {
    ss_settings *settings = make_settings(all[i]);
    for (int64_t steps = 1; steps < 4; steps++) {
      for (int64_t step = 0; step < steps; step++) {
        const double rate = ss_schedule_rate(settings, step, steps, 1);
        assert_true(rate > 0.0 && rate <= 0.5);
      }
    }
    ss_settings_free(settings);
  }
}

int main(void) {
  const struct CMUnitTest tests[] = {cmocka_unit_test(rates_are_pytorchs), cmocka_unit_test(short_runs_have_rates_too)};
  return cmocka_run_group_tests(tests, NULL, NULL);
}
