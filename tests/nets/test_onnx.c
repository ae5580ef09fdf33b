/* ONNX files: every value is defined before it is used, weights are the model's, shapes and metadata say how to use it.
 * What a runtime makes of them is compared by check_onnx.py. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "base/file.h"
#include "base/float16.h"
#include "nets/onnx.h"

#include <onnx.pb-c.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static char folder[256];

static int set_up(void **state) {
  (void)state;
  const char *base = getenv("TMPDIR");
  snprintf(folder, sizeof folder, "%.200s/selfsup-onnx-XXXXXX", base && *base ? base : P_tmpdir);
  return mkdtemp(folder) ? 0 : -1;
}

static int tear_down(void **state) {
  (void)state;
  return rmdir(folder);
}

static ss_model *open_model(const char *name) {
  ss_model *model = NULL;
  ss_error error = {""};
  if (ss_model_open(name, 0, 3, &model, &error) != SS_OK) {
    fail_msg("%s", error.message);
  }
  return model;
}

/* The model written and read again; freed with onnx__model__free_unpacked. */
static Onnx__Model *write_and_read(const ss_model *model, bool half) {
  char path[300], *bytes = NULL;
  size_t size = 0;
  ss_error error = {""};
  snprintf(path, sizeof path, "%s/model.onnx", folder);
  if (ss_onnx_write(path, model, half, &error) != SS_OK ||
      ss_file_read(path, (size_t)1 << 28, &bytes, &size, &error) != SS_OK) {
    fail_msg("%s", error.message);
  }
  Onnx__Model *read = onnx__model__unpack(NULL, size, (const uint8_t *)bytes);
  assert_non_null(read);
  free(bytes);
  assert_int_equal(remove(path), 0);
  return read;
}

static const Onnx__Tensor *find_initializer(const Onnx__Graph *graph, const char *name) {
  for (size_t i = 0; i < graph->n_initializer; i++) {
    if (strcmp(graph->initializer[i]->name, name) == 0) {
      return graph->initializer[i];
    }
  }
  return NULL;
}

static int count_of(const Onnx__Graph *graph, const char *operation) {
  int count = 0;
  for (size_t i = 0; i < graph->n_node; i++) {
    count += strcmp(graph->node[i]->op_type, operation) == 0;
  }
  return count;
}

/* Whether a node before `before` makes the value, or it is an input or a weight. */
static bool is_defined(const Onnx__Graph *graph, size_t before, const char *name) {
  for (size_t i = 0; i < before; i++) {
    if (strcmp(graph->node[i]->output[0], name) == 0) {
      return true;
    }
  }
  return strcmp(name, "images") == 0 || find_initializer(graph, name);
}

static void every_value_is_defined_before_it_is_used(void **state) {
  (void)state;
  static const char *const names[] = {"random:resnet18?width=4&size=32",
                                      "random:resnet50?width=4&size=64",
                                      "random:resnet18?width=4&size=32&norm=layer",
                                      "random:resnet18?width=8&size=32&input=lab&split=1",
                                      "random:alexnet?width=4&size=96",
                                      "random:vgg11_bn?width=4&size=32"};
  for (size_t k = 0; k < sizeof names / sizeof *names; k++) {
    ss_model *model = open_model(names[k]);
    Onnx__Model *file = write_and_read(model, k % 2 == 1);
    const Onnx__Graph *graph = file->graph;
    for (size_t i = 0; i < graph->n_node; i++) {
      for (size_t j = 0; j < graph->node[i]->n_input; j++) {
        if (!is_defined(graph, i, graph->node[i]->input[j])) {
          fail_msg("%s: node %zu, %s, reads %s", names[k], i, graph->node[i]->op_type, graph->node[i]->input[j]);
        }
      }
      assert_false(is_defined(graph, i, graph->node[i]->output[0])); /* and once */
    }
    assert_true(is_defined(graph, graph->n_node, "features"));
    onnx__model__free_unpacked(file, NULL);
    ss_model_free(model);
  }
}

static void weights_are_the_models(void **state) {
  (void)state;
  ss_model *model = open_model("random:resnet18?width=4&size=32");
  Onnx__Model *file = write_and_read(model, false);
  const Onnx__Graph *graph = file->graph;
  assert_int_equal(count_of(graph, "Conv"), 20);
  assert_int_equal(count_of(graph, "BatchNormalization"), 20);
  assert_int_equal(count_of(graph, "Add"), 8);
  assert_int_equal(count_of(graph, "MaxPool"), 0); /* the small stem */
  size_t compared = 0;
  for (size_t i = 0; i < ss_parameters_count(model->parameters); i++) {
    const ss_parameter *parameter = ss_parameters_at(model->parameters, i);
    const Onnx__Tensor *tensor = find_initializer(graph, parameter->name + strlen("backbone."));
    if (parameter->dtype != SS_F32) {
      assert_null(tensor);
      continue;
    }
    assert_non_null(tensor);
    assert_int_equal(tensor->n_dims, parameter->shape.rank);
    for (int d = 0; d < parameter->shape.rank; d++) {
      assert_int_equal(tensor->dims[d], parameter->shape.dims[d]);
    }
    assert_int_equal(tensor->raw_data.len, (size_t)parameter->count * sizeof(float));
    assert_memory_equal(tensor->raw_data.data, parameter->value, tensor->raw_data.len);
    compared++;
  }
  assert_int_equal(compared, graph->n_initializer);
  onnx__model__free_unpacked(file, NULL);
  ss_model_free(model);
}

/* Weights in float16, each cast where it is used; running statistics as they are. */
static void half_is_half_the_size(void **state) {
  (void)state;
  ss_model *model = open_model("random:resnet18?width=4&size=32");
  Onnx__Model *file = write_and_read(model, true);
  const Onnx__Graph *graph = file->graph;
  int casts = 0;
  for (size_t i = 0; i < ss_parameters_count(model->parameters); i++) {
    const ss_parameter *parameter = ss_parameters_at(model->parameters, i);
    const Onnx__Tensor *tensor = find_initializer(graph, parameter->name + strlen("backbone."));
    if (parameter->dtype != SS_F32 || !(parameter->flags & SS_TRAINABLE)) {
      assert_true(parameter->dtype != SS_F32 || (tensor && tensor->data_type == 1));
      continue;
    }
    assert_non_null(tensor);
    assert_int_equal(tensor->data_type, 10);
    assert_int_equal(tensor->raw_data.len, (size_t)parameter->count * 2);
    for (int64_t k = 0; k < parameter->count; k++) {
      ss_f16 half;
      memcpy(&half, tensor->raw_data.data + 2 * k, sizeof half);
      assert_int_equal(half, ss_f16_from_float(((const float *)parameter->value)[k]));
    }
    casts++;
  }
  assert_int_equal(casts, 60); /* 20 convolutions, 20 norms */
  assert_int_equal(count_of(graph, "Cast"), casts);
  for (size_t i = 0; i < graph->n_node; i++) {
    if (strcmp(graph->node[i]->op_type, "Conv") == 0) {
      const char *weight = graph->node[i]->input[1];
      assert_string_equal(weight + strlen(weight) - strlen("weight_f32"), "weight_f32");
    }
  }
  onnx__model__free_unpacked(file, NULL);
  ss_model_free(model);
}

static void a_weight_beyond_float16_is_told(void **state) {
  (void)state;
  ss_model *model = open_model("random:resnet18?width=4&size=32");
  ((float *)ss_parameters_find(model->parameters, "backbone.layer1.0.conv1.weight")->value)[3] = -70000.0f;
  char path[300];
  snprintf(path, sizeof path, "%s/model", folder);
  ss_error error = {""};
  assert_int_equal(ss_onnx_write(path, model, true, &error), SS_FAILED);
  assert_non_null(strstr(error.message, "layer1.0.conv1.weight has a weight of -70000"));
  error.message[0] = '\0';
  assert_int_equal(ss_model_write(path, model->parameters, "backbone.", &model->backbone, SS_STORED_F16, &error),
                   SS_FAILED);
  assert_non_null(strstr(error.message, "65504"));
  assert_false(ss_file_exists(path));
  assert_int_equal(ss_onnx_write(path, model, false, &error), SS_OK);
  assert_int_equal(remove(path), 0);
  ss_model_free(model);
}

static const char *property(const Onnx__Model *file, const char *key) {
  for (size_t i = 0; i < file->n_metadata_props; i++) {
    if (strcmp(file->metadata_props[i]->key, key) == 0) {
      return file->metadata_props[i]->value;
    }
  }
  fail_msg("no metadata %s", key);
  return NULL;
}

static void the_file_says_how_to_use_it(void **state) {
  (void)state;
  ss_model *model = open_model("random:resnet18?width=4&size=40&input=lightness");
  Onnx__Model *file = write_and_read(model, false);
  const Onnx__Shape *in = file->graph->input[0]->type->tensor_type->shape;
  const Onnx__Shape *out = file->graph->output[0]->type->tensor_type->shape;
  assert_string_equal(file->graph->input[0]->name, "images");
  assert_string_equal(in->dim[0]->dim_param, "N");
  assert_true(in->dim[1]->dim_value == 3 && in->dim[2]->dim_value == 40 && in->dim[3]->dim_value == 40);
  assert_string_equal(file->graph->output[0]->name, "features");
  assert_int_equal(out->dim[1]->dim_value, 32);
  assert_int_equal(file->opset_import[0]->version, 17);
  assert_string_equal(property(file, "selfsup.input"), "lightness");
  assert_string_equal(property(file, "selfsup.arch"), "resnet18");
  assert_string_equal(property(file, "selfsup.mean"), "0.485,0.456,0.406");
  assert_string_equal(property(file, "selfsup.std"), "0.229,0.224,0.225");
  onnx__model__free_unpacked(file, NULL);
  ss_model_free(model);
}

static void a_place_that_cannot_be_written_is_told(void **state) {
  (void)state;
  ss_model *model = open_model("random:resnet18?width=4&size=32");
  ss_error error = {""};
  assert_int_equal(ss_onnx_write("/no/such/folder/model.onnx", model, false, &error), SS_FAILED);
  assert_non_null(strstr(error.message, "/no/such/folder"));
  ss_model_free(model);
}

int main(void) {
  const struct CMUnitTest tests[] = {cmocka_unit_test(every_value_is_defined_before_it_is_used),
                                     cmocka_unit_test(weights_are_the_models),
                                     cmocka_unit_test(half_is_half_the_size),
                                     cmocka_unit_test(a_weight_beyond_float16_is_told),
                                     cmocka_unit_test(the_file_says_how_to_use_it),
                                     cmocka_unit_test(a_place_that_cannot_be_written_is_told)};
  return cmocka_run_group_tests(tests, set_up, tear_down);
}
