/* FCOS against torchvision's: the boxes that places are given, the loss with its gradients, and what is found. */
#include "support.h"

#include "engine/plan.h"
#include "eval/fcos.h"
#include "eval/non_maximum_suppression.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

enum { size = 64, classes = 4, pictures = 3, places = 84, columns = classes + 5 };

/* For a backbone with layers of the goldens' sides: three that make levels, one that another of its size follows, and a
 * finer one before them. */
static ss_fcos_grid grid_of_goldens(void) {
  static const int64_t sides[] = {32, 8, 4, 4, 2};
  static const char *const names[] = {"conv1", "layer1", "layer2", "layer3", "layer4"};
  ss_parameters *parameters = ss_parameters_new(0);
  ss_graph *graph = ss_graph_new(parameters, &(ss_graph_options){.compute = SS_F32});
  ss_backbone_layers layers = {.count = 5};
  for (int i = 0; i < 5; i++) {
    layers.names[i] = names[i];
    layers.tensors[i] = ss_graph_input(graph, names[i], SS_F32, ss_shape_of(1, sides[i], sides[i], 8));
  }
  ss_fcos_grid grid;
  ss_error error = {""};
  support_ok(ss_fcos_grid_of(&layers, size, classes, &grid, &error), &error);
  ss_graph_free(graph);
  ss_parameters_free(parameters);
  return grid;
}

static void takes_the_last_layers_of_different_sizes(void **unused) {
  (void)unused;
  const ss_fcos_grid grid = grid_of_goldens();
  assert_int_equal(grid.count, 3);
  assert_int_equal(grid.places, places);
  static const int layers[3] = {1, 3, 4};
  static const double strides[3] = {8, 16, 32}, least[3] = {0, 64, 128};
  for (int i = 0; i < 3; i++) {
    assert_int_equal(grid.levels[i].layer, layers[i]);
    assert_true(grid.levels[i].stride == strides[i] && grid.levels[i].least == least[i]);
  }
  assert_true(grid.levels[0].most == 64.0 && isinf(grid.levels[2].most));
}

typedef struct arrays {
  float *classes, *distances, *objects, *centreness; /* of all pictures */
  int64_t found;
} arrays;

static arrays assigned(const ss_fcos_grid *grid) {
  int64_t count, six;
  float *golden = support_golden("fcos_boxes", &count, &six);
  arrays all = {.classes = calloc(pictures * places, classes * sizeof(float)),
                .distances = calloc(pictures * places, 4 * sizeof(float)),
                .objects = calloc(pictures * places, sizeof(float)),
                .centreness = calloc(pictures * places, sizeof(float))};
  for (int p = 0; p < pictures; p++) {
    ss_true_box boxes[16];
    size_t filled = 0;
    for (int64_t i = 0; i < count; i++) {
      const float *row = golden + 6 * i;
      if ((int)row[0] == p) {
        boxes[filled++] =
            (ss_true_box){.picture = p, .label = (int32_t)row[1], .box = {row[2], row[3], row[4], row[5]}};
      }
    }
    const int64_t first = (int64_t)p * places;
    ss_fcos_targets targets = {.classes = all.classes + first * classes,
                               .distances = all.distances + first * 4,
                               .objects = all.objects + first,
                               .centreness = all.centreness + first};
    all.found += ss_fcos_assign(grid, boxes, filled, &targets);
  }
  free(golden);
  return all;
}

static void free_arrays(arrays *all) {
  free(all->classes);
  free(all->distances);
  free(all->objects);
  free(all->centreness);
}

static void gives_places_the_boxes_that_torchvision_gives(void **unused) {
  (void)unused;
  const ss_fcos_grid grid = grid_of_goldens();
  arrays all = assigned(&grid);
  int64_t rows, width, objects = 0;
  float *golden = support_golden("fcos_targets", &rows, &width);
  assert_int_equal(rows, pictures * places);
  assert_int_equal(width, columns);
  for (int64_t i = 0; i < rows; i++) {
    const float *row = golden + i * columns;
    const bool object = row[classes] > 0.0f;
    objects += object;
    assert_true(all.objects[i] == (object ? 1.0f : 0.0f));
    for (int c = 0; c < classes; c++) {
      assert_true(all.classes[i * classes + c] == row[c]);
    }
    for (int e = 0; e < 4; e++) {
      assert_float_equal(all.distances[4 * i + e], object ? row[classes + e] : 1.0f, 1e-5);
    }
    assert_float_equal(all.centreness[i], row[classes + 4], 1e-5);
  }
  assert_int_equal(objects, all.found);
  assert_true(objects > 10);
  free(golden);
  free_arrays(&all);
}

typedef struct recorded {
  ss_parameters *parameters;
  ss_graph *graph;
  ss_plan *plan;
  ss_tensor *answers[3], *gradients[3], *truth[5], *loss;
} recorded;

/* Where the answers stand in a golden's row. */
static const int from[3] = {0, classes, classes + 4}, widths[3] = {classes, 4, 1};

static void record_loss(recorded *net) {
  static const char *const names[] = {"logits", "distances", "centreness"};
  static const char *const true_names[] = {"true classes", "true distances", "objects", "true centreness",
                                           "per object"};
  ss_error error = {""};
  net->parameters = ss_parameters_new(0);
  net->graph = ss_graph_new(net->parameters, &(ss_graph_options){.compute = SS_F32, .training = true});
  const ss_shape shapes[] = {ss_shape_of(pictures, places, classes), ss_shape_of(pictures, places, 4),
                             ss_shape_of(pictures, places)};
  for (int i = 0; i < 3; i++) {
    net->answers[i] = ss_graph_input(net->graph, names[i], SS_F32, shapes[i]);
    ss_graph_want_gradient(net->graph, net->answers[i]);
  }
  const ss_shape true_shapes[] = {shapes[0], shapes[1], shapes[2], shapes[2], ss_shape_of(1)};
  for (int i = 0; i < 5; i++) {
    net->truth[i] = ss_graph_input(net->graph, true_names[i], SS_F32, true_shapes[i]);
  }
  const ss_fcos_answers answers = {net->answers[0], net->answers[1], net->answers[2]};
  const ss_fcos_truth truth = {net->truth[0], net->truth[1], net->truth[2], net->truth[3], net->truth[4]};
  net->loss = ss_graph_keep(net->graph, ss_fcos_loss(net->graph, &answers, &truth));
  ss_graph_backward(net->graph, net->loss, "");
  for (int i = 0; i < 3; i++) {
    net->gradients[i] = ss_graph_keep(net->graph, ss_graph_gradient_of(net->graph, net->answers[i]));
  }
  support_ok(ss_plan_new(net->graph, &(ss_plan_options){.threads = 2}, &net->plan, &error), &error);
}

static void fill(const recorded *net, const float *answers, const arrays *all) {
  const float per_object = 1.0f / (float)all->found;
  const float *const truth[] = {all->classes, all->distances, all->objects, all->centreness, &per_object};
  for (int i = 0; i < 5; i++) {
    memcpy(ss_plan_data(net->plan, net->truth[i]), truth[i],
           (size_t)ss_shape_count(ss_tensor_shape(net->truth[i])) * sizeof(float));
  }
  for (int i = 0; i < 3; i++) {
    float *to = ss_plan_data(net->plan, net->answers[i]);
    for (int64_t row = 0; row < pictures * places; row++) {
      memcpy(to + row * widths[i], answers + row * columns + from[i], (size_t)widths[i] * sizeof(float));
    }
  }
}

static void loses_as_torchvision_does(void **unused) {
  (void)unused;
  const ss_fcos_grid grid = grid_of_goldens();
  arrays all = assigned(&grid);
  recorded net = {0};
  int64_t rows, width;
  float *answers = support_golden("fcos_answers", &rows, &width);
  float *gradients = support_golden("fcos_gradients", &rows, &width);
  float *figures = support_golden("fcos_figures", &rows, &width);
  record_loss(&net);
  fill(&net, answers, &all);
  ss_error error = {""};
  support_ok(ss_plan_run(net.plan, 0, &error), &error);
  assert_float_equal(*(const float *)ss_plan_data(net.plan, net.loss), figures[0], 1e-5);
  for (int i = 0; i < 3; i++) {
    const float *mine = ss_plan_data(net.plan, net.gradients[i]);
    for (int64_t row = 0; row < pictures * places; row++) {
      for (int c = 0; c < widths[i]; c++) {
        assert_float_equal(mine[row * widths[i] + c], gradients[row * columns + from[i] + c], 1e-6);
      }
    }
  }
  free(answers);
  free(gradients);
  free(figures);
  free_arrays(&all);
  ss_plan_free(net.plan);
  ss_graph_free(net.graph);
  ss_parameters_free(net.parameters);
}

static void finds_what_torchvision_finds(void **unused) {
  (void)unused;
  const ss_fcos_grid grid = grid_of_goldens();
  int64_t rows, width, wanted;
  float *answers = support_golden("fcos_answers", &rows, &width);
  float *golden = support_golden("fcos_found", &wanted, &width);
  assert_int_equal(width, 7);
  float logits[places * classes], distances[places * 4], centreness[places];
  ss_found_box *found = malloc(SS_FCOS_ROOM * sizeof *found);
  int64_t at = 0;
  for (int p = 0; p < pictures; p++) {
    for (int64_t place = 0; place < places; place++) {
      const float *row = answers + (p * places + place) * columns;
      memcpy(logits + place * classes, row, classes * sizeof(float));
      memcpy(distances + place * 4, row + classes, 4 * sizeof(float));
      centreness[place] = row[classes + 4];
    }
    size_t count = 0;
    ss_fcos_decode(&grid, logits, distances, centreness, p, found, &count);
    for (size_t i = 0; i < count; i++, at++) {
      assert_true(at < wanted);
      const float *row = golden + 7 * at;
      const ss_bounding_box *box = &found[i].box;
      assert_int_equal(found[i].picture, (int)row[0]);
      assert_int_equal(found[i].label, (int)row[1]);
      assert_float_equal(found[i].score, row[2], 1e-6);
      assert_float_equal(box->left, row[3], 1e-4);
      assert_float_equal(box->top, row[4], 1e-4);
      assert_float_equal(box->right, row[5], 1e-4);
      assert_float_equal(box->bottom, row[6], 1e-4);
    }
  }
  assert_int_equal(at, wanted);
  free(found);
  free(answers);
  free(golden);
}

static void suppression_keeps_the_surest_of_a_class(void **unused) {
  (void)unused;
  ss_found_box boxes[] = {{0, 0, 0.5f, {0, 0, 10, 10}},   {0, 0, 0.9f, {1, 0, 11, 10}}, {0, 1, 0.4f, {0, 0, 10, 10}},
                          {0, 0, 0.3f, {50, 50, 60, 60}}, {0, 0, 0.3f, {0, 0, 10, 4}},  {0, 0, 0.2f, {50, 50, 60, 61}}};
  assert_int_equal(ss_non_maximum_suppression(boxes, 6, 0.5, 100), 4);
  static const float scores[] = {0.9f, 0.4f, 0.3f, 0.3f}, left[] = {1, 0, 50, 0};
  for (int i = 0; i < 4; i++) {
    assert_true(boxes[i].score == scores[i] && boxes[i].box.left == left[i]);
  }
  assert_int_equal(ss_non_maximum_suppression(boxes, 4, 0.5, 2), 2);
  assert_int_equal(ss_non_maximum_suppression(boxes, 0, 0.5, 2), 0);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(takes_the_last_layers_of_different_sizes),
      cmocka_unit_test(gives_places_the_boxes_that_torchvision_gives), cmocka_unit_test(loses_as_torchvision_does),
      cmocka_unit_test(finds_what_torchvision_finds), cmocka_unit_test(suppression_keeps_the_surest_of_a_class)};
  return cmocka_run_group_tests(tests, NULL, NULL);
}
