/* The page: whole, harmless, self-contained, and honest about what is missing. */
#include "support.h"

#include "report/report.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

static double epochs[] = {1.0, 2.0, 3.0}, scores[] = {26.0, 40.0, 61.3}, losses[] = {1.4, 1.2, 0.9};
static ss_report_layer layers[] = {{"conv1", {40.0, 38.0, 39.0, NAN}}, {"layer1", {44.0, 36.0, NAN, NAN}}};
static ss_report_operation operations[] = {{"<conv>", "amx", "4x4", 3.0, 1.5, 1.0}, {"relu", "", "", 1.0, 0.0, 1.0}};
static ss_report_setting settings[] = {{"lr", "0.06"}, {"only\"here", "<i>"}};
static ss_report_setting other_settings[] = {{"lr", "0.03"}, {"seed", "1"}};
static ss_report_point points[] = {{"cat/<1>.jpg", 0, {0.0f, 0.0f}, {1.0f, 2.0f}},
                                   {"dog/2.jpg", 1, {1.0f, 0.0f}, {3.0f, 1.0f}},
                                   {"3.jpg", -1, {0.0f, 1.0f}, {2.0f, 5.0f}}};
static const char *classes[] = {"cat & co", "dog"};
static ss_report_found found[] = {{{(const uint8_t *)"foo", 3, "image/jpeg", 8, 8, "dog"}, 0.5, 1}, {{0}, 0.25, 0}};
static ss_report_query queries[] = {
    {{{(const uint8_t *)"foo", 3, "image/jpeg", 8, 8, "\"q\""}, 0.0, -1}, found, 2, NULL}};
static ss_report_sample samples[] = {{"step 1", {(const uint8_t *)"foo", 3, "image/jpeg", 8, 8, "early"}},
                                     {"step 9", {(const uint8_t *)"foo", 3, "image/jpeg", 8, 8, "late"}}};
static ss_report_sprite sprites[] = {{{(const uint8_t *)"foo", 3, "image/jpeg", 112, 112, NULL}, 2, 2, 56}};

static ss_report_run unknown_run(void) {
  return (ss_report_run){.name = "bare",
                         .path = "runs/bare",
                         .method = "rotation",
                         .epochs = NAN,
                         .steps = NAN,
                         .seconds = NAN,
                         .images_per_s = NAN,
                         .loss = NAN,
                         .spread = NAN,
                         .score = NAN,
                         .chance = NAN,
                         .knn = NAN,
                         .knn_measured = NAN,
                         .map = {.knn = NAN, .knn_untrained = NAN},
                         .curves_missing = "no curves & `selfsup <x>` makes them",
                         .probe_missing = "no probe",
                         .filters_missing = "no filters",
                         .samples_missing = "no samples",
                         .pictures_missing = "no pictures",
                         .operations_missing = "no times"};
}

static ss_report_run full_run(void) {
  ss_report_run run = unknown_run();
  run.name = "<script>alert(1)</script>";
  run.paper = "A & B. ICLR 2018";
  run.summary = "by how many quarters";
  run.data = "it's \"here\"";
  run.score_what = "accuracy";
  run.score_higher_is_better = run.score_per_cent = true;
  run.score = 61.3;
  run.chance = 25.0;
  run.loss = 0.9;
  run.curves[SS_CURVE_PRETEXT] = (ss_report_curve){epochs, scores, 3};
  run.curves[SS_CURVE_LOSS] = (ss_report_curve){epochs, losses, 3};
  run.curves_missing = NULL;
  run.layers = layers;
  run.layer_count = 2;
  run.probe_train = 100.0;
  run.probe_test = 20.0;
  run.probe_data = "<data>";
  run.filters = (ss_html_picture){(const uint8_t *)"foo", 3, "image/png", 8, 8, "16 filters"};
  run.samples = samples;
  run.sample_count = 2;
  run.queries = queries;
  run.query_count = 1;
  run.map = (ss_report_map){.points = points,
                            .count = 3,
                            .has_tsne = true,
                            .classes = classes,
                            .class_count = 2,
                            .knn = 34.8,
                            .knn_untrained = 21.0,
                            .knn_k = 2};
  run.operations = operations;
  run.operation_count = 2;
  run.step_ms = 4.0;
  run.settings = settings;
  run.setting_count = 2;
  return run;
}

static ss_text page_of(ss_report_run *runs, int count) {
  ss_text text = {0};
  const ss_report_page page = {
      .version = "0", .made = "<now>", .runs = runs, .run_count = count, .sprites = sprites, .sprite_count = 1};
  ss_report_append(&page, &text);
  support_well_formed(&text);
  return text;
}

/* All of the page's own: nothing is fetched, and only the script and the style are scripts and styles. */
static void expect_harmless(const ss_text *text) {
  static const char *const fetched[] = {"http:", "https:", "src=\"/", "@import", "<link", "<iframe", "url(/"};
  for (size_t i = 0; i < sizeof fetched / sizeof *fetched; i++) {
    assert_int_equal(support_times(text->data, fetched[i]), 0);
  }
  assert_int_equal(support_times(text->data, "<script"), 1);
  assert_int_equal(support_times(text->data, "<style"), 1);
  assert_int_equal(support_times(text->data, "<i>"), 0);
  assert_int_equal(support_times(text->data, "nan"), 0);
}

static void test_a_full_page(void **state) {
  (void)state;
  ss_report_run run = full_run();
  ss_text text = page_of(&run, 1);
  expect_harmless(&text);
  support_has(&text, "<h1>&lt;script&gt;alert(1)&lt;/script&gt;</h1>");
  support_has(&text, "it&#39;s &quot;here&quot;");
  support_has(&text, "61.3\u202f%<small>chance 25.0\u202f%</small>");
  support_has(&text, "<title>cat &amp; co\ncat/&lt;1&gt;.jpg</title>");
  support_has(&text, "<title>3.jpg</title>");
  support_has(&text, ".sprite0{background-size:200% auto;background-image:url(data:image/jpeg;base64,Zm9v)}");
  support_has(&text, "alt=\"&quot;q&quot;\"");
  support_has(&text, "&lt;conv&gt;");
  support_has(&text, "75.0\u202f%");
  support_has(&text, "<tr class=\"best\"><th scope=\"row\">layer1</th>");
  assert_int_equal(support_times(text.data, "<use href=\"#m0\" x="), 6); /* three points, two maps */
  assert_null(strstr(text.data, "Supervised"));                          /* a network that was not probed */
  assert_null(strstr(text.data, "≠"));
  assert_null(strstr(text.data, "class=\"missing\""));
  ss_text_free(&text);
}

static void test_what_is_missing_is_said(void **state) {
  (void)state;
  ss_report_run run = unknown_run();
  ss_text text = page_of(&run, 1);
  expect_harmless(&text);
  support_has(&text, "no curves &amp; <code>selfsup &lt;x&gt;</code> makes them");
  static const char *const said[] = {"no probe",    "no filters", "no samples",
                                     "no pictures", "no times",   "Nothing is known yet of how well it has learned."};
  for (size_t i = 0; i < sizeof said / sizeof *said; i++) {
    support_has(&text, said[i]);
  }
  ss_text_free(&text);
}

static void test_several_runs_side_by_side(void **state) {
  (void)state;
  ss_report_run runs[] = {full_run(), full_run(), unknown_run()};
  runs[1].name = "second";
  runs[1].settings = other_settings;
  ss_text text = page_of(runs, 3);
  expect_harmless(&text);
  support_has(&text, "<h1>&lt;script&gt;alert(1)&lt;/script&gt;, second and bare</h1>");
  support_has(
      &text,
      "<tr class=\"differs\"><th scope=\"row\">≠ lr</th><td class=\"word\">0.06</td><td class=\"word\">0.03</td>"
      "<td class=\"word\">–</td>");
  support_has(&text, "≠ seed");
  assert_int_equal(support_times(text.data, "role=\"group\""), 2); /* maps */
  assert_int_equal(support_times(text.data, "class=\"level\""), 2);
  support_has(&text, "no pictures");
  ss_text_free(&text);
}

static void expect_verdict(const ss_report_run *run, const char *expected) {
  ss_text text = {0};
  ss_report_append_verdict(run, &text);
  assert_string_equal(text.data, expected);
  ss_text_free(&text);
}

static void test_verdicts(void **state) {
  (void)state;
  ss_report_run run = full_run();
  expect_verdict(
      &run,
      "It has learned its pretext task: 61.3\u202f% where chance is 25.0\u202f%. Its features know more about the "
      "classes than the same network untrained: 34.8\u202f% against 21.0\u202f% (k\u2011NN among the pictures of the "
      "map).");
  run.map.count = 0;
  run.score = 27.0;
  expect_verdict(
      &run,
      "It has begun to learn its pretext task: 27.0\u202f% where chance is 25.0\u202f%. Its features know more about "
      "the classes than the same network untrained: 44.0\u202f% against 38.0\u202f% (linear probe of the best layer).");
  run.layer_count = 0;
  run.score = 25.1;
  expect_verdict(&run, "It has not learned its pretext task: 25.1\u202f% where chance is 25.0\u202f%.");
  run.score = run.chance = NAN;
  run.spread = 0.01;
  expect_verdict(&run, "Its embeddings have collapsed: they are nearly the same for every picture.");
  run.score_per_cent = run.score_higher_is_better = false; /* an error: lower is better */
  run.spread = NAN;
  run.score = 0.02;
  run.chance = 0.08;
  expect_verdict(&run, "It has learned its pretext task: 0.02 where chance is 0.08.");
  run.score = 0.09;
  expect_verdict(&run, "It has not learned its pretext task: 0.09 where chance is 0.08.");
}

int main(void) {
  const struct CMUnitTest tests[] = {cmocka_unit_test(test_a_full_page), cmocka_unit_test(test_what_is_missing_is_said),
                                     cmocka_unit_test(test_several_runs_side_by_side), cmocka_unit_test(test_verdicts)};
  return cmocka_run_group_tests(tests, NULL, NULL);
}
