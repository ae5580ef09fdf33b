/* Axes with round numbers, and plots that hold what they are given. */
#include "support.h"

#include "report/axis.h"
#include "report/plot.h"

#include <math.h>
#include <string.h>

/* Steps of 1, 2 or 5 times a power of ten, few of them, around the values. */
static void test_axes_are_round(void **state) {
  (void)state;
  const double ends[][2] = {{0, 100},     {49.8, 54.4}, {-3, 7},           {1e-7, 3e-7}, {0.9653, 0.9973},
                            {12, 4.84e6}, {4.84, 3.99}, {99.999, 100.001}, {-250, -240}, {0, 0.06}};
  for (size_t i = 0; i < sizeof ends / sizeof *ends; i++) {
    for (int most = 1; most <= 12; most++) {
      const ss_axis axis = ss_axis_around(ends[i][0], ends[i][1], most);
      const double low = fmin(ends[i][0], ends[i][1]), high = fmax(ends[i][0], ends[i][1]);
      const double slack = 1e-6 * axis.step, power = pow(10.0, floor(log10(axis.step) + 1e-9));
      const double lead = axis.step / power;
      assert_true(fabs(lead - 1.0) < 1e-6 || fabs(lead - 2.0) < 1e-6 || fabs(lead - 5.0) < 1e-6);
      assert_true(axis.low <= low + slack && axis.high >= high - slack);
      assert_true(axis.low > low - axis.step - slack && axis.high < high + axis.step + slack);
      assert_true(ss_axis_tick_count(&axis) >= 2 && ss_axis_tick_count(&axis) <= most + 1 + (most == 1));
      assert_true(fabs(ss_axis_tick(&axis, 0) - axis.low) < slack);
    }
  }
}

static void test_axes_of_what_is_no_range(void **state) {
  (void)state;
  const double ends[][2] = {{5, 5}, {0, 0}, {-2, -2}, {NAN, 3}, {INFINITY, -INFINITY}};
  for (size_t i = 0; i < sizeof ends / sizeof *ends; i++) {
    const ss_axis around = ss_axis_around(ends[i][0], ends[i][1], 5),
                  between = ss_axis_between(ends[i][0], ends[i][1], 5);
    assert_true(isfinite(around.low) && around.high > around.low && around.step > 0.0);
    assert_true(isfinite(between.low) && between.high > between.low && between.step > 0.0);
  }
}

static void test_places_and_labels(void **state) {
  (void)state;
  char label[32];
  ss_axis axis = ss_axis_around(0.0, 1.0, 5);
  axis.from = 200.0;
  axis.to = 100.0;
  assert_true(fabs(ss_axis_at(&axis, 0.25) - 175.0) < 1e-9);
  assert_int_equal(ss_axis_tick_count(&axis), 6);
  ss_axis_label(&axis, ss_axis_tick(&axis, 3), label);
  assert_string_equal(label, "0.6");
  axis = ss_axis_between(0.025, 3.0, 5);
  assert_int_equal(ss_axis_tick_count(&axis), 3);
  ss_axis_label(&axis, ss_axis_tick(&axis, 0), label);
  assert_string_equal(label, "1");
}

static void test_lines(void **state) {
  (void)state;
  const double x[] = {0.0, 1.0, 2.0}, y[] = {10.0, NAN, 20.0};
  const ss_plot_line line = {.name = "<b>", .x = x, .y = y, .count = 3, .colour = 9};
  const ss_plot_level levels[] = {{.name = "chance", .y = 25.0, .colour = SS_PLOT_GREY}, {.name = "none", .y = NAN}};
  const ss_line_plot plot = {.title = "a & b",
                             .x_name = "epoch",
                             .unit = " %",
                             .lines = &line,
                             .line_count = 1,
                             .levels = levels,
                             .level_count = 2};
  ss_text text = {0};
  ss_plot_append_lines(&plot, &text);
  support_well_formed(&text);
  support_has(&text, "aria-label=\"a &amp; b\"");
  support_has(
      &text, "<g class=\"s1\"><path class=\"line\" d=\"M54.0 202.0L420.0 78.0\"/>"); /* of 10 to 25, the NaN left out */
  support_has(&text, ">25 %</text>");
  support_has(&text, ">chance</text>");
  support_has(&text, "&lt;b&gt;: 20 %");
  assert_null(strstr(text.data, "none"));
  assert_null(strstr(text.data, "nan"));
  assert_int_equal(support_times(text.data, "<circle"), 2);
  ss_text_free(&text);
}

static void test_a_plot_of_nothing_is_a_plot(void **state) {
  (void)state;
  ss_text text = {0};
  ss_plot_append_lines(&(ss_line_plot){.title = "nothing"}, &text);
  ss_plot_append_bars(&(ss_bar_plot){.title = "nothing"}, &text);
  ss_plot_append_dots(&(ss_dot_plot){.title = "nothing"}, &text);
  support_well_formed(&text);
  assert_null(strstr(text.data, "nan"));
  assert_null(strstr(text.data, "inf"));
  ss_text_free(&text);
}

static void test_bars(void **state) {
  (void)state;
  const char *const groups[] = {"conv1", "layer1"}, *const series[] = {"pretrained", "random"};
  const int colours[] = {0, SS_PLOT_GREY};
  const double values[] = {50.0, 25.0, 40.0, NAN};
  ss_text text = {0};
  ss_plot_append_bars(&(ss_bar_plot){.title = "probe",
                                     .unit = " %",
                                     .groups = groups,
                                     .group_count = 2,
                                     .series = series,
                                     .series_count = 2,
                                     .colours = colours,
                                     .values = values},
                      &text);
  support_well_formed(&text);
  assert_int_equal(support_times(text.data, "<rect"), 3);
  support_has(&text, "height=\"186.0\""); /* the highest fills the plot, the next is half of it */
  support_has(&text, "height=\"93.0\"");
  support_has(&text, "conv1, random: 25 %");
  ss_text_free(&text);
}

static void test_dots_stand_alone(void **state) {
  (void)state;
  const char *const names[] = {"a & b"}, *const notes[] = {"resnet18"};
  const ss_plot_dot dots[] = {
      {.row = 0, .value = 40.0, .name = "16", .title = "width 16: 40.0 % at layer2", .shade = 0},
      {.row = 0, .value = 60.0, .name = "32", .title = "width 32: 60.0 % at layer3", .shade = 9}};
  ss_text text = {0};
  ss_plot_append_dots(
      &(ss_dot_plot){.title = "probe", .names = names, .notes = notes, .row_count = 1, .dots = dots, .dot_count = 2},
      &text);
  support_well_formed(&text);
  support_has(&text, "<svg xmlns=\"http://www.w3.org/2000/svg\"");
  support_has(&text, "a &amp; b");
  support_has(&text, "<path class=\"join\" d=\"M300.0 69.0H770.0\"/>");
  support_has(&text, "cx=\"770.0\" cy=\"69.0\" r=\"6\" fill=\"#0b2d5c\"><title>width 32");
  ss_text_free(&text);
}

int main(void) {
  const struct CMUnitTest tests[] = {cmocka_unit_test(test_axes_are_round),
                                     cmocka_unit_test(test_axes_of_what_is_no_range),
                                     cmocka_unit_test(test_places_and_labels),
                                     cmocka_unit_test(test_lines),
                                     cmocka_unit_test(test_a_plot_of_nothing_is_a_plot),
                                     cmocka_unit_test(test_bars),
                                     cmocka_unit_test(test_dots_stand_alone)};
  return cmocka_run_group_tests(tests, NULL, NULL);
}
