/* A split backbone is two networks of half the width side by side: one sees lightness alone, the other colours alone.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "base/random.h"
#include "engine/plan.h"
#include "nets/model.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum { BATCH = 2 };

static void must(ss_status status, const ss_error *error) {
  if (status != SS_OK) {
    fail_msg("%s", error->message);
  }
}

/* A backbone's layers and, as the last one, its output. */
typedef struct answer {
  int count;
  float *values[SS_MAX_LAYERS + 1];
  ss_shape shapes[SS_MAX_LAYERS + 1];
} answer;

static answer run(const ss_model *model, const float *images) {
  const int size = model->backbone.size;
  ss_graph *graph = ss_graph_new(model->parameters, &(ss_graph_options){.compute = SS_F32});
  ss_tensor *input = ss_graph_input(graph, "images", SS_F32, ss_shape_of(BATCH, size, size, 3));
  ss_graph_push_scope(graph, "backbone");
  ss_backbone_layers layers = ss_backbone_build(graph, input, &model->backbone);
  ss_graph_pop_scope(graph);
  ss_tensor *kept[SS_MAX_LAYERS + 1];
  for (int i = 0; i <= layers.count; i++) {
    kept[i] = ss_graph_keep(graph, i < layers.count ? layers.tensors[i] : layers.output);
  }
  ss_plan *plan = NULL;
  ss_error error = {{0}};
  must(ss_plan_new(graph, &(ss_plan_options){.threads = 1}, &plan, &error), &error);
  memcpy(ss_plan_data(plan, input), images, (size_t)(BATCH * size * size * 3) * sizeof *images);
  must(ss_plan_run(plan, 0, &error), &error);
  answer out = {.count = layers.count + 1};
  for (int i = 0; i < out.count; i++) {
    out.shapes[i] = ss_tensor_shape(kept[i]);
    const size_t bytes = (size_t)ss_shape_count(out.shapes[i]) * sizeof(float);
    out.values[i] = malloc(bytes);
    assert_non_null(out.values[i]);
    memcpy(out.values[i], ss_plan_data(plan, kept[i]), bytes);
  }
  ss_plan_free(plan);
  ss_graph_free(graph);
  return out;
}

static void release(answer *a) {
  for (int i = 0; i < a->count; i++) {
    free(a->values[i]);
  }
}

/* The half's parameters, written under their names without the scope, read as a network of half the width. */
static ss_model *open_half(const ss_model *model, const char *prefix, const char *path) {
  ss_backbone_options plain = model->backbone;
  plain.width /= 2;
  plain.input = SS_INPUT_RGB;
  plain.split = false;
  ss_model *half = NULL;
  ss_error error = {{0}};
  must(ss_model_write(path, model->parameters, prefix, &plain, SS_STORED_F32, &error), &error);
  must(ss_model_open(path, 0, 0, &half, &error), &error);
  return half;
}

/* Channels [first, first + the half's) of the whole are the half's. */
static void expect_channels(const answer *whole, const answer *half, bool second) {
  assert_int_equal(whole->count, half->count);
  for (int i = 0; i < half->count; i++) {
    const int64_t channels = half->shapes[i].dims[half->shapes[i].rank - 1];
    const int64_t places = ss_shape_count(half->shapes[i]) / channels;
    assert_int_equal(ss_shape_count(whole->shapes[i]), 2 * ss_shape_count(half->shapes[i]));
    double difference = 0.0, scale = 0.0;
    for (int64_t p = 0; p < places; p++) {
      for (int64_t c = 0; c < channels; c++) {
        const double wanted = half->values[i][p * channels + c];
        difference = fmax(difference, fabs(whole->values[i][(2 * p + second) * channels + c] - wanted));
        scale = fmax(scale, fabs(wanted));
      }
    }
    assert_true(scale > 0.0 && difference <= 1e-5 * scale);
  }
}

/* Pictures of three numbers, and what each half is to see of them. */
static void make_pictures(int64_t pixels, float *lab, float *lightness, float *colour) {
  ss_random random = ss_random_stream(3, SS_RANDOM_METHOD, 0, 0, 0);
  for (int64_t p = 0; p < pixels; p++) {
    for (int c = 0; c < 3; c++) {
      lab[3 * p + c] = ss_random_between(&random, -1.0f, 1.0f);
    }
    for (int c = 0; c < 3; c++) {
      lightness[3 * p + c] = lab[3 * p];
      colour[3 * p + c] = c < 2 ? lab[3 * p + 1 + c] : 0.0f;
    }
  }
}

static void check(const char *name) {
  ss_model *model = NULL;
  ss_error error = {{0}};
  must(ss_model_open(name, 0, 1, &model, &error), &error);
  const int64_t pixels = (int64_t)BATCH * model->backbone.size * model->backbone.size;
  float *pictures[3];
  for (int i = 0; i < 3; i++) {
    pictures[i] = malloc((size_t)(3 * pixels) * sizeof(float));
    assert_non_null(pictures[i]);
  }
  make_pictures(pixels, pictures[0], pictures[1], pictures[2]);
  answer whole = run(model, pictures[0]);
  const ss_shape output = whole.shapes[whole.count - 1];
  assert_int_equal(output.dims[1], ss_backbone_dim(&model->backbone));
  char path[] = "/tmp/selfsup-half-XXXXXX";
  const int file = mkstemp(path);
  assert_true(file >= 0);
  close(file);
  static const char *const prefixes[] = {"backbone.lightness.", "backbone.colour."};
  size_t parameters = 0;
  for (int i = 0; i < 2; i++) {
    ss_model *half = open_half(model, prefixes[i], path);
    answer alone = run(half, pictures[1 + i]);
    expect_channels(&whole, &alone, i == 1);
    parameters += ss_parameters_count(half->parameters);
    release(&alone);
    ss_model_free(half);
  }
  assert_int_equal(parameters, ss_parameters_count(model->parameters)); /* there are no others */
  unlink(path);
  release(&whole);
  for (int i = 0; i < 3; i++) {
    free(pictures[i]);
  }
  ss_model_free(model);
}

static void a_split_network_is_two_of_half_the_width(void **state) {
  (void)state;
  check("random:resnet18?width=8&size=32&input=lab&split=1");
  check("random:resnet50?width=8&size=64&stem=large&input=lab&split=1");
  check("random:alexnet_bn?width=8&size=64&input=lab&split=1");
  check("random:vgg11?width=8&size=32&input=lab&split=1");
}

/* Each half starts from weights of its own. */
static void halves_start_apart(void **state) {
  (void)state;
  ss_model *model = NULL;
  ss_error error = {{0}};
  must(ss_model_open("random:resnet18?width=8&size=32&input=lab&split=1", 0, 1, &model, &error), &error);
  const ss_parameter *a = ss_parameters_find(model->parameters, "backbone.lightness.conv1.weight");
  const ss_parameter *b = ss_parameters_find(model->parameters, "backbone.colour.conv1.weight");
  assert_true(a && b && ss_shape_equal(a->shape, ss_shape_of(4, 3, 3, 3)) && ss_shape_equal(b->shape, a->shape));
  assert_memory_not_equal(a->value, b->value, (size_t)a->count * sizeof(float));
  ss_model_free(model);
}

int main(void) {
  const struct CMUnitTest tests[] = {cmocka_unit_test(a_split_network_is_two_of_half_the_width),
                                     cmocka_unit_test(halves_start_apart)};
  return cmocka_run_group_tests(tests, NULL, NULL);
}
