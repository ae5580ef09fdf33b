/* Models from files: what is written reads back, others' files are understood, and broken ones are refused by name. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "base/file.h"
#include "base/random.h"
#include "io/safetensors.h"
#include "nets/model.h"

#include <math.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static char folder[64];

static int make_folder(void **state) {
  (void)state;
  snprintf(folder, sizeof folder, "/tmp/selfsup-model-XXXXXX");
  return mkdtemp(folder) ? 0 : 1;
}

static const char *path_of(const char *name) {
  static char path[128];
  snprintf(path, sizeof path, "%s/%s", folder, name);
  return path;
}

static int remove_folder(void **state) {
  (void)state;
  static const char *const names[] = {"a.safetensors", "b.safetensors", "backbone.safetensors"};
  for (size_t i = 0; i < 3; i++) {
    unlink(path_of(names[i]));
  }
  return rmdir(folder);
}

static ss_model *open_model(const char *name, int size, uint64_t seed) {
  ss_model *model = NULL;
  ss_error error = {{0}};
  if (ss_model_open(name, size, seed, &model, &error) != SS_OK) {
    fail_msg("%s", error.message);
  }
  return model;
}

static void expect_refused(const char *name, int size, ss_status expected, const char *const *words) {
  ss_model *model = NULL;
  ss_error error = {{0}};
  const ss_status status = ss_model_open(name, size, 0, &model, &error);
  assert_null(model);
  if (status != expected) {
    fail_msg("%s: status %d, not %d: %s", name, status, expected, error.message);
  }
  for (; *words; words++) {
    if (!strstr(error.message, *words)) {
      fail_msg("%s: \"%s\" does not say \"%s\"", name, error.message, *words);
    }
  }
}
#define EXPECT_REFUSED(name, size, status, ...) \
  expect_refused(name, size, status, (const char *const[]){__VA_ARGS__, NULL})

static void write_model(const char *path, const ss_model *model, ss_stored_weights weights) {
  ss_error error = {{0}};
  if (ss_model_write(path, model->parameters, "backbone.", &model->backbone, weights, &error) != SS_OK) {
    fail_msg("%s", error.message);
  }
}

/* Gives every parameter numbers that no initialisation has. */
static void disturb(ss_model *model) {
  for (size_t i = 0; i < ss_parameters_count(model->parameters); i++) {
    ss_parameter *parameter = ss_parameters_at(model->parameters, i);
    ss_random random = ss_random_stream(7, SS_RANDOM_METHOD, 0, i, 0);
    for (int64_t k = 0; k < parameter->count; k++) {
      if (parameter->dtype == SS_I64) {
        ((int64_t *)parameter->value)[k] = 1000 + (int64_t)i;
      } else {
        ((float *)parameter->value)[k] = ss_random_between(&random, 0.5f, 1.5f);
      }
    }
  }
}

/* Every parameter equal; with `tolerance`, float ones to that relative difference. */
static void expect_equal(const ss_model *a, const ss_model *b, float tolerance) {
  assert_int_equal(ss_parameters_count(a->parameters), ss_parameters_count(b->parameters));
  for (size_t i = 0; i < ss_parameters_count(a->parameters); i++) {
    const ss_parameter *p = ss_parameters_at(a->parameters, i);
    const ss_parameter *q = ss_parameters_find(b->parameters, p->name);
    assert_non_null(q);
    assert_true(p->dtype == q->dtype && ss_shape_equal(p->shape, q->shape));
    if (p->dtype == SS_I64 || tolerance == 0.0f) {
      assert_memory_equal(p->value, q->value, (size_t)p->count * ss_dtype_size(p->dtype));
      continue;
    }
    for (int64_t k = 0; k < p->count; k++) {
      const float x = ((const float *)p->value)[k], y = ((const float *)q->value)[k];
      assert_true(x - y <= tolerance * x && y - x <= tolerance * x);
    }
  }
}

static void what_is_written_reads_back(void **state) {
  (void)state;
  static const char *const names[] = {"random:resnet18?width=4&size=32",
                                      "random:resnet50?width=4&stem=large&size=64",
                                      "random:resnet34?width=8&stem=small&size=96",
                                      "random:alexnet?width=8&size=64",
                                      "random:alexnet_bn?width=8&size=64",
                                      "random:vgg13_bn?width=4&size=32",
                                      "random:resnet18?width=4&size=32&input=lightness",
                                      "random:resnet18?split=1&width=8&size=32&input=lab",
                                      "random:alexnet?width=8&size=64&input=lab&split=1",
                                      "random:resnet18?norm=layer&width=4&size=32",
                                      "random:alexnet_bn?width=8&size=64&input=lab&split=1&norm=layer"};
  for (size_t i = 0; i < sizeof names / sizeof *names; i++) {
    ss_model *model = open_model(names[i], 0, 1);
    disturb(model);
    write_model(path_of("a.safetensors"), model, SS_STORED_F32);
    ss_model *read = open_model(path_of("a.safetensors"), 0, 2);
    assert_string_equal(read->backbone.arch, model->arch);
    assert_ptr_equal(read->backbone.arch, read->arch);
    assert_int_equal(read->backbone.width, model->backbone.width);
    assert_int_equal(read->backbone.size, model->backbone.size);
    assert_int_equal(read->backbone.stem, model->backbone.stem);
    assert_int_equal(read->backbone.input, model->backbone.input);
    assert_int_equal(read->backbone.split, model->backbone.split);
    assert_int_equal(read->backbone.norm, model->backbone.norm);
    assert_memory_equal(read->mean, model->mean, sizeof read->mean);
    assert_memory_equal(read->deviation, model->deviation, sizeof read->deviation);
    expect_equal(model, read, 0.0f);
    ss_model_free(read);
    ss_model_free(model);
  }
}

static void check_half(ss_stored_weights weights, float tolerance) {
  ss_model *model = open_model("random:resnet18?width=4&size=32", 0, 1);
  disturb(model);
  write_model(path_of("a.safetensors"), model, weights);
  ss_model *read = open_model(path_of("a.safetensors"), 0, 2);
  expect_equal(model, read, tolerance);
  const char *statistic = "backbone.bn1.running_var";
  assert_memory_equal(ss_parameters_find(model->parameters, statistic)->value,
                      ss_parameters_find(read->parameters, statistic)->value, 4 * sizeof(float));
  ss_model_free(read);
  ss_model_free(model);
}

/* To nearest: half of the last place of 8 and of 11 bits. */
static void half_keeps_its_bits(void **state) {
  (void)state;
  check_half(SS_STORED_BF16, 1.0f / 256.0f);
  check_half(SS_STORED_F16, 1.0f / 2048.0f);
}

static void a_run_folder_is_its_backbone(void **state) {
  (void)state;
  EXPECT_REFUSED(folder, 0, SS_FAILED, folder, "backbone.safetensors");
  ss_model *model = open_model("random:resnet18?width=4&size=32", 0, 5);
  write_model(path_of("backbone.safetensors"), model, SS_STORED_F32);
  ss_model *read = open_model(folder, 64, 0);
  expect_equal(model, read, 0.0f);
  assert_int_equal(read->backbone.size, 64); /* measured at another size it keeps its stem */
  assert_int_equal(read->backbone.stem, SS_STEM_SMALL);
  ss_model_free(read);
  ss_model_free(model);
  unlink(path_of("backbone.safetensors"));
}

static void the_same_seed_draws_the_same_weights(void **state) {
  (void)state;
  ss_model *model = open_model("random:resnet18?width=8", 32, 11);
  assert_int_equal(model->backbone.stem, SS_STEM_SMALL);
  ss_model *same = NULL, *other = NULL;
  ss_error error = {{0}};
  assert_int_equal(ss_model_untrained(model, 11, &same, &error), SS_OK);
  assert_int_equal(ss_model_untrained(model, 12, &other, &error), SS_OK);
  expect_equal(model, same, 0.0f);
  const ss_parameter *a = ss_parameters_find(model->parameters, "backbone.conv1.weight");
  const ss_parameter *b = ss_parameters_find(other->parameters, "backbone.conv1.weight");
  assert_memory_not_equal(a->value, b->value, (size_t)a->count * sizeof(float));
  ss_model_free(same);
  ss_model_free(other);
  ss_model_free(model);
}

static void random_names_are_read_strictly(void **state) {
  (void)state;
  ss_model *model = open_model("random:resnet50?width=16&size=96&stem=small", 0, 0);
  assert_string_equal(model->arch, "resnet50");
  assert_int_equal(model->backbone.width, 16);
  assert_int_equal(model->backbone.size, 96);
  assert_int_equal(model->backbone.stem, SS_STEM_SMALL);
  assert_int_equal(model->backbone.input, SS_INPUT_RGB);
  assert_false(model->backbone.split);
  assert_int_equal(model->backbone.norm, SS_BACKBONE_BATCH_NORM);
  ss_model_free(model);
  model = open_model("random:resnet18?width=16&input=lab&split=1&norm=layer", 32, 0);
  assert_int_equal(model->backbone.input, SS_INPUT_LAB);
  assert_true(model->backbone.split);
  assert_int_equal(model->backbone.norm, SS_BACKBONE_LAYER_NORM);
  ss_model *untrained = NULL;
  assert_int_equal(ss_model_untrained(model, 0, &untrained, NULL), SS_OK);
  expect_equal(model, untrained, 0.0f);
  ss_model_free(untrained);
  ss_model_free(model);
  EXPECT_REFUSED("random:", 0, SS_USAGE, "random:", "architecture");
  EXPECT_REFUSED("random:resnet19", 0, SS_USAGE, "resnet19", "resnet18");
  EXPECT_REFUSED("random:an-architecture-of-a-very-long-name", 0, SS_USAGE, "unknown architecture");
  EXPECT_REFUSED("random:resnet18?", 0, SS_USAGE, "key=value");
  EXPECT_REFUSED("random:resnet18?width", 0, SS_USAGE, "width", "key=value");
  EXPECT_REFUSED("random:resnet18?widht=8", 0, SS_USAGE, "widht", "did you mean width");
  EXPECT_REFUSED("random:resnet18?width=many", 0, SS_USAGE, "width", "many");
  EXPECT_REFUSED("random:resnet18?width=2000", 0, SS_USAGE, "width");
  EXPECT_REFUSED("random:resnet18?stem=middle", 0, SS_USAGE, "middle", "small or large");
  EXPECT_REFUSED("random:resnet18?input=hsv", 0, SS_USAGE, "hsv", "rgb, lightness or lab");
  EXPECT_REFUSED("random:resnet18?norm=group", 0, SS_USAGE, "group", "batch or layer");
  EXPECT_REFUSED("random:vgg11?norm=layer", 0, SS_USAGE, "vgg11 has no batch norms");
  EXPECT_REFUSED("random:resnet18?split=2", 0, SS_USAGE, "split");
  EXPECT_REFUSED("random:resnet18?split=1", 0, SS_USAGE, "input must be lab, not rgb");
  EXPECT_REFUSED("random:resnet18?input=lab&split=1&width=9", 0, SS_USAGE, "must be even, not 9");
  EXPECT_REFUSED("random:resnet18?width=8&", 0, SS_USAGE, "key=value");
  EXPECT_REFUSED("random:alexnet", 32, SS_USAGE, "alexnet", "63");
  EXPECT_REFUSED("no-such-run", 0, SS_FAILED, "no-such-run");
}

/* Every float parameter is what the file has under that prefix. */
static void expect_values(const char *path, const char *prefix, const ss_model *model) {
  ss_safetensors *file = NULL;
  ss_error error = {{0}};
  assert_int_equal(ss_safetensors_open(&file, path, &error), SS_OK);
  for (size_t i = 0; i < ss_parameters_count(model->parameters); i++) {
    const ss_parameter *parameter = ss_parameters_at(model->parameters, i);
    char name[256];
    snprintf(name, sizeof name, "%s%s", prefix, parameter->name + strlen("backbone."));
    const ss_safetensors_tensor *tensor = ss_safetensors_find(file, name);
    if (parameter->dtype == SS_F32) {
      assert_non_null(tensor);
      float *values = calloc(tensor->count, sizeof *values);
      assert_non_null(values);
      assert_int_equal(ss_safetensors_read_float(file, tensor, values, &error), SS_OK);
      assert_memory_equal(values, parameter->value, tensor->count * sizeof *values);
      free(values);
    }
  }
  ss_safetensors_close(file);
}

static void others_files_are_understood(void **state) {
  (void)state;
  static const struct {
    const char *name, *prefix, *arch;
    int width, size;
    ss_stem stem;
  } cases[] = {{"resnet18_classifier", "", "resnet18", 4, 224, SS_STEM_LARGE},
               {"resnet18_small_module", "module.backbone.", "resnet18", 4, 32, SS_STEM_SMALL},
               {"resnet34", "", "resnet34", 4, 224, SS_STEM_LARGE},
               {"resnet50", "", "resnet50", 4, 224, SS_STEM_LARGE},
               {"alexnet_encoder", "encoder.", "alexnet", 4, 224, SS_STEM_LARGE},
               {"alexnet_bn", "", "alexnet_bn", 4, 224, SS_STEM_LARGE},
               {"vgg11", "", "vgg11", 4, 224, SS_STEM_LARGE},
               {"vgg11_bn", "", "vgg11_bn", 4, 224, SS_STEM_LARGE}};
  for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
    char path[512];
    snprintf(path, sizeof path, "%s/%s.safetensors", SS_GOLDEN, cases[i].name);
    ss_model *model = open_model(path, 0, 0);
    assert_string_equal(model->arch, cases[i].arch);
    assert_int_equal(model->backbone.width, cases[i].width);
    assert_int_equal(model->backbone.size, cases[i].size);
    assert_int_equal(model->backbone.stem, cases[i].stem);
    expect_values(path, cases[i].prefix, model);
    ss_model_free(model);
  }
}

/* What a written file may have wrong. */
typedef struct damage {
  const char *without; /* leaves this parameter out */
  const char *shorter; /* drops the last of its rows */
  const char *added;   /* an array that no network has */
  const char *broken;  /* its first number becomes NaN */
  bool mislabelled;    /* with metadata of ours that says resnet50 */
  const char *norm;    /* with metadata of ours that says so */
} damage;

/* Writes random:resnet18?width=4&size=32 with the damage. */
static void write_damaged(const char *path, const damage *wrong) {
  ss_model *model = open_model("random:resnet18?width=4&size=32", 0, 1);
  ss_safetensors_entry entries[200];
  size_t count = 0;
  const float nothing = 0.0f;
  for (size_t i = 0; i < ss_parameters_count(model->parameters); i++) {
    ss_parameter *parameter = ss_parameters_at(model->parameters, i);
    const char *name = parameter->name + strlen("backbone.");
    if (wrong->without && strcmp(name, wrong->without) == 0) {
      continue;
    }
    if (wrong->broken && strcmp(name, wrong->broken) == 0) {
      *(float *)parameter->value = NAN;
    }
    ss_safetensors_entry *entry = &entries[count++];
    *entry = (ss_safetensors_entry){.name = name,
                                    .dtype = parameter->dtype == SS_I64 ? SS_SAFETENSORS_I64 : SS_SAFETENSORS_F32,
                                    .rank = parameter->shape.rank,
                                    .data = parameter->value};
    memcpy(entry->dims, parameter->shape.dims, (size_t)entry->rank * sizeof *entry->dims);
    entry->dims[0] -= wrong->shorter && strcmp(name, wrong->shorter) == 0;
  }
  if (wrong->added) {
    entries[count++] = (ss_safetensors_entry){.name = wrong->added, .dtype = SS_SAFETENSORS_F32, .data = &nothing};
  }
  const ss_safetensors_text texts[] = {{"selfsup.arch", wrong->mislabelled ? "resnet50" : "resnet18"},
                                       {"selfsup.stem", "small"},
                                       {"selfsup.width", "4"},
                                       {"selfsup.size", "32"},
                                       {"selfsup.norm", wrong->norm}};
  ss_error error = {{0}};
  if (ss_safetensors_write(path, entries, count, texts,
                           wrong->norm          ? 5
                           : wrong->mislabelled ? 4
                                                : 0,
                           &error) != SS_OK) {
    fail_msg("%s", error.message);
  }
  ss_model_free(model);
}

static void broken_files_are_refused_by_name(void **state) {
  (void)state;
  const char *path = path_of("a.safetensors");
  write_damaged(path, &(damage){0});
  ss_model_free(open_model(path, 0, 0));
  write_damaged(path, &(damage){.without = "layer3.1.bn2.running_var"});
  EXPECT_REFUSED(path, 0, SS_FAILED, path, "layer3.1.bn2.running_var is missing", "resnet18");
  write_damaged(path, &(damage){.shorter = "layer2.0.conv1.weight"});
  EXPECT_REFUSED(path, 0, SS_FAILED, path, "layer2.0.conv1.weight", "(7, 4, 3, 3)", "(8, 4, 3, 3)");
  write_damaged(path, &(damage){.added = "projector.0.weight"});
  EXPECT_REFUSED(path, 0, SS_FAILED, path, "projector.0.weight is not a parameter of resnet18");
  write_damaged(path, &(damage){.added = "fc.bias"});
  ss_model_free(open_model(path, 0, 0));
  write_damaged(path, &(damage){.broken = "layer1.0.bn1.weight"});
  EXPECT_REFUSED(path, 0, SS_FAILED, path, "layer1.0.bn1.weight", "not finite");
  write_damaged(path, &(damage){.mislabelled = true});
  EXPECT_REFUSED(path, 0, SS_FAILED, path, "layer1.0.conv1.weight", "(4, 4, 1, 1)");
  write_damaged(path, &(damage){.norm = "group"});
  EXPECT_REFUSED(path, 0, SS_FAILED, path, "selfsup.norm must be batch or layer, not group");
  write_damaged(path, &(damage){.norm = "layer"});
  EXPECT_REFUSED(path, 0, SS_FAILED, path, "bn1.num_batches_tracked is not a parameter of resnet18");
  write_damaged(path, &(damage){.norm = "batch"});
  ss_model_free(open_model(path, 0, 0));
  write_damaged(path, &(damage){.without = "conv1.weight"});
  EXPECT_REFUSED(path, 0, SS_FAILED, path, "not a backbone");
  write_damaged(path, &(damage){.added = "layer4.2.conv1.weight"});
  EXPECT_REFUSED(path, 0, SS_FAILED, path, "no known ResNet has 2, 2, 2 and 3 basic blocks");
}

static void cut_files_are_refused(void **state) {
  (void)state;
  const char *path = path_of("a.safetensors");
  write_damaged(path, &(damage){0});
  char *data = NULL;
  size_t size = 0;
  ss_error error = {{0}};
  assert_int_equal(ss_file_read(path, 1 << 24, &data, &size, &error), SS_OK);
  for (size_t left = 0; left < size; left += size / 7) {
    char other[128];
    snprintf(other, sizeof other, "%s/b.safetensors", folder);
    assert_int_equal(ss_file_write(other, data, left, SS_FILE_UNSYNCED, &error), SS_OK);
    EXPECT_REFUSED(other, 0, SS_FAILED, other);
  }
  free(data);
}

static void a_network_starts_from_a_file(void **state) {
  (void)state;
  char path[128];
  snprintf(path, sizeof path, "%s", path_of("a.safetensors"));
  ss_model *model = open_model("random:resnet18?width=4&size=32", 0, 1);
  ss_model *target = open_model("random:resnet18?width=4&size=32", 0, 2);
  write_model(path, model, SS_STORED_F32);
  ss_error error = {{0}};
  assert_int_equal(ss_model_initialize(path, target->parameters, "backbone.", &target->backbone, &error), SS_OK);
  expect_equal(model, target, 0.0f);
  ss_model_free(target);
  static const char *const others[] = {"random:resnet50?width=4&size=32",
                                       "random:resnet18?width=8&size=32",
                                       "random:resnet18?width=4&size=32&stem=large",
                                       "random:resnet18?width=4&size=32&input=lightness",
                                       "random:resnet18?width=4&size=32&input=lab&split=1",
                                       "random:resnet18?width=4&size=32&norm=layer"};
  static const char *const words[] = {"resnet50",        "width 8",          "large stem",
                                      "lightness input", "lab input, split", "rgb input, layer norm"};
  for (size_t i = 0; i < 6; i++) {
    ss_model *other = open_model(others[i], 0, 2), *before = open_model(others[i], 0, 2);
    assert_int_equal(ss_model_initialize(path, other->parameters, "backbone.", &other->backbone, &error), SS_FAILED);
    assert_non_null(strstr(error.message, path));
    assert_non_null(strstr(error.message, words[i]));
    expect_equal(before, other, 0.0f);
    ss_model_free(other);
    ss_model_free(before);
  }
  assert_int_equal(ss_model_initialize(path, model->parameters, "momentum.", &model->backbone, &error), SS_FAILED);
  assert_non_null(strstr(error.message, "no place"));
  assert_int_equal(
      ss_model_write(path_of("b.safetensors"), model->parameters, "momentum.", &model->backbone, SS_STORED_F32, &error),
      SS_FAILED);
  assert_false(ss_file_exists(path_of("b.safetensors")));
  ss_model_free(model);
}

int main(void) {
  const struct CMUnitTest tests[] = {cmocka_unit_test(a_run_folder_is_its_backbone),
                                     cmocka_unit_test(what_is_written_reads_back),
                                     cmocka_unit_test(half_keeps_its_bits),
                                     cmocka_unit_test(the_same_seed_draws_the_same_weights),
                                     cmocka_unit_test(random_names_are_read_strictly),
                                     cmocka_unit_test(others_files_are_understood),
                                     cmocka_unit_test(broken_files_are_refused_by_name),
                                     cmocka_unit_test(a_network_starts_from_a_file),
                                     cmocka_unit_test(cut_files_are_refused)};
  return cmocka_run_group_tests(tests, make_folder, remove_folder);
}
