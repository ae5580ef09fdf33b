#include "base/memory.h"
#include "base/text.h"
#include "nets/model_file.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* ---- names ---- */

static bool starts_with(const char *text, const char *start) {
  return strncmp(text, start, strlen(start)) == 0;
}

static bool ends_with(const char *text, const char *end) {
  const size_t length = strlen(text), wanted = strlen(end);
  return length >= wanted && strcmp(text + length - wanted, end) == 0;
}

/* How many characters of a name are "backbone.", "module." and "encoder.", in any order and number. */
static size_t prefix_length(const char *name) {
  static const char *const prefixes[] = {"backbone.", "module.", "encoder."};
  size_t length = 0;
  for (bool more = true; more;) {
    more = false;
    for (int i = 0; i < 3; i++) {
      if (starts_with(name + length, prefixes[i])) {
        length += strlen(prefixes[i]);
        more = true;
      }
    }
  }
  return length;
}

/* Whether the metadata says that it is two half networks. */
static bool is_split(const ss_safetensors *file) {
  const char *split = ss_safetensors_metadata(file, SS_MODEL_SPLIT);
  return split && strcmp(split, "1") == 0;
}

/* The file's first convolution, which tells what the backbone's names start with. NULL: there is none. */
static const ss_safetensors_tensor *find_stem(const ss_safetensors *file, size_t *skip) {
  const char *half = is_split(file) ? "lightness." : "";
  const ss_safetensors_tensor *found = NULL;
  for (size_t i = 0; i < ss_safetensors_count(file); i++) {
    const ss_safetensors_tensor *tensor = ss_safetensors_at(file, i);
    const size_t length = prefix_length(tensor->name);
    if (!starts_with(tensor->name + length, half)) {
      continue;
    }
    const char *rest = tensor->name + length + strlen(half);
    if ((strcmp(rest, "conv1.weight") == 0 || strcmp(rest, "features.0.weight") == 0) && (!found || length < *skip)) {
      found = tensor;
      *skip = length;
    }
  }
  return found;
}

/* ---- our metadata ---- */

static ss_status read_triple(const char *text, const char *what, double low, float out[3], ss_error *error) {
  for (int i = 0; i < 3; i++) {
    char number[32];
    const size_t length = strcspn(text, ",");
    snprintf(number, sizeof number, "%.*s", (int)(length < 31 ? length : 31), text);
    double value = 0.0;
    SS_TRY(ss_text_float(number, what, low, 1e3, &value, error));
    out[i] = (float)value;
    text += length;
    if ((*text == ',') != (i < 2)) {
      return ss_fail(error, SS_FAILED, "%s must be three numbers", what);
    }
    text += *text == ',';
  }
  return SS_OK;
}

static ss_status read_metadata(const ss_safetensors *file, ss_model *model, ss_error *error) {
  static const char *const keys[] = {SS_MODEL_ARCH, SS_MODEL_STEM, SS_MODEL_WIDTH, SS_MODEL_SIZE};
  const char *texts[4];
  for (int i = 0; i < 4; i++) {
    texts[i] = ss_safetensors_metadata(file, keys[i]);
    if (!texts[i]) {
      return ss_fail(error, SS_FAILED, "the metadata lacks %s", keys[i]);
    }
  }
  if (strlen(texts[0]) >= sizeof model->arch) {
    return ss_fail(error, SS_FAILED, "unknown architecture: %.40s...", texts[0]);
  }
  snprintf(model->arch, sizeof model->arch, "%s", texts[0]);
  if (!ss_model_stem_find(texts[1], &model->backbone.stem)) {
    return ss_fail(error, SS_FAILED, "%s must be small or large, not %.40s", SS_MODEL_STEM, texts[1]);
  }
  int64_t width = 0, size = 0;
  SS_TRY(ss_text_int(texts[2], SS_MODEL_WIDTH, 4, 1024, &width, error));
  SS_TRY(ss_text_int(texts[3], SS_MODEL_SIZE, 1, 4096, &size, error));
  model->backbone.width = (int)width;
  model->backbone.size = (int)size;
  const char *input = ss_safetensors_metadata(file, SS_MODEL_INPUT);
  if (input && !ss_backbone_input_find(input, &model->backbone.input)) {
    return ss_fail(error, SS_FAILED, "%s must be rgb, lightness or lab, not %.40s", SS_MODEL_INPUT, input);
  }
  const char *norm = ss_safetensors_metadata(file, SS_MODEL_NORM);
  if (norm && !ss_backbone_norm_find(norm, &model->backbone.norm)) {
    return ss_fail(error, SS_FAILED, "%s must be batch or layer, not %.40s", SS_MODEL_NORM, norm);
  }
  model->backbone.split = is_split(file);
  const char *mean = ss_safetensors_metadata(file, SS_MODEL_MEAN);
  const char *deviation = ss_safetensors_metadata(file, SS_MODEL_DEVIATION);
  if (mean) {
    SS_TRY(read_triple(mean, SS_MODEL_MEAN, -1e3, model->mean, error));
  }
  return deviation ? read_triple(deviation, SS_MODEL_DEVIATION, 1e-6, model->deviation, error) : SS_OK;
}

/* ---- others' files ---- */

/* Counts the blocks of each stage, "layer3.5. ..." being at least six of the third. */
static bool count_blocks(const ss_safetensors *file, size_t skip, int blocks[4]) {
  bool bottleneck = false;
  for (size_t i = 0; i < ss_safetensors_count(file); i++) {
    const char *name = ss_safetensors_at(file, i)->name;
    int stage = 0, block = 0;
    if (strlen(name) > skip && sscanf(name + skip, "layer%1d.%3d.", &stage, &block) == 2 && stage >= 1 && stage <= 4) {
      blocks[stage - 1] = block >= blocks[stage - 1] ? block + 1 : blocks[stage - 1];
      bottleneck |= ends_with(name, ".conv3.weight");
    }
  }
  return bottleneck;
}

static ss_status tell_resnet(const ss_safetensors *file, size_t skip, const ss_architecture **out, ss_error *error) {
  static const ss_architecture *const known[] = {&ss_resnet18, &ss_resnet34, &ss_resnet50};
  int blocks[4] = {0};
  const bool bottleneck = count_blocks(file, skip, blocks);
  for (int i = 0; i < 3; i++) {
    if (known[i]->bottleneck == bottleneck && memcmp(known[i]->blocks, blocks, sizeof blocks) == 0) {
      *out = known[i];
      return SS_OK;
    }
  }
  return ss_fail(error, SS_FAILED, "no known ResNet has %d, %d, %d and %d %s blocks", blocks[0], blocks[1], blocks[2],
                 blocks[3], bottleneck ? "bottleneck" : "basic");
}

static int count_plan(const int *plan) {
  int convolutions = 0;
  for (; *plan >= 0; plan++) {
    convolutions += *plan > 0;
  }
  return convolutions;
}

static ss_status tell_sequence(const ss_safetensors *file, size_t skip, const ss_safetensors_tensor *stem,
                               const ss_architecture **out, ss_error *error) {
  static const ss_architecture *const vggs[] = {&ss_vgg11,    &ss_vgg11_bn, &ss_vgg13,
                                                &ss_vgg13_bn, &ss_vgg16,    &ss_vgg16_bn};
  int convolutions = 0;
  bool norm = false;
  for (size_t i = 0; i < ss_safetensors_count(file); i++) {
    const ss_safetensors_tensor *tensor = ss_safetensors_at(file, i);
    if (strlen(tensor->name) > skip && starts_with(tensor->name + skip, "features.")) {
      convolutions += tensor->rank == 4;
      norm |= ends_with(tensor->name, ".running_mean");
    }
  }
  if (stem->dims[2] == 11 && convolutions == 5) {
    *out = norm ? &ss_alexnet_bn : &ss_alexnet;
    return SS_OK;
  }
  for (int i = 0; i < 6; i++) {
    if (stem->dims[2] == 3 && vggs[i]->norm == norm && count_plan(vggs[i]->plan) == convolutions) {
      *out = vggs[i];
      return SS_OK;
    }
  }
  return ss_fail(error, SS_FAILED, "no known AlexNet or VGG has %d convolutions, the first %d x %d, %s batch norm",
                 convolutions, (int)stem->dims[2], (int)stem->dims[3], norm ? "with" : "without");
}

static ss_status tell(const ss_safetensors *file, size_t skip, const ss_safetensors_tensor *stem, ss_model *model,
                      ss_error *error) {
  if (stem->rank != 4 || stem->dims[0] < 4 || stem->dims[0] > 1024) {
    return ss_fail(error, SS_FAILED, "%s is not a first convolution of 4 to 1024 channels", stem->name);
  }
  const ss_architecture *architecture = NULL;
  const bool resnet = strcmp(stem->name + skip, "conv1.weight") == 0;
  SS_TRY(resnet ? tell_resnet(file, skip, &architecture, error)
                : tell_sequence(file, skip, stem, &architecture, error));
  snprintf(model->arch, sizeof model->arch, "%s", architecture->name);
  model->backbone.width = (int)stem->dims[0];
  model->backbone.stem = resnet && stem->dims[2] == 3 ? SS_STEM_SMALL : SS_STEM_LARGE;
  return SS_OK;
}

ss_status ss_model_describe(const ss_safetensors *file, ss_model *model, char prefix[SS_MODEL_PREFIX],
                            ss_error *error) {
  const char *path = ss_safetensors_path(file);
  size_t skip = 0;
  const ss_safetensors_tensor *stem = find_stem(file, &skip);
  if (!stem || skip >= SS_MODEL_PREFIX) {
    return ss_fail(error, SS_FAILED, "%s: not a backbone: neither conv1.weight nor features.0.weight is there", path);
  }
  snprintf(prefix, SS_MODEL_PREFIX, "%.*s", (int)skip, stem->name);
  ss_error reason = {{0}};
  const ss_status status = ss_safetensors_metadata(file, SS_MODEL_ARCH) ? read_metadata(file, model, &reason)
                                                                        : tell(file, skip, stem, model, &reason);
  return status == SS_OK ? SS_OK : ss_fail(error, SS_FAILED, "%s: %s", path, reason.message);
}

/* ---- values ---- */

static const char *shape_text(const ss_safetensors_tensor *tensor, char text[80]) {
  size_t length = (size_t)snprintf(text, 80, "(");
  for (int i = 0; i < tensor->rank && length < 80; i++) {
    length += (size_t)snprintf(text + length, 80 - length, "%s%lld", i > 0 ? ", " : "", (long long)tensor->dims[i]);
  }
  if (length < 80) {
    snprintf(text + length, 80 - length, ")");
  }
  return text;
}

static bool same_shape(const ss_safetensors_tensor *tensor, const ss_parameter *parameter) {
  if (parameter->dtype == SS_I64 && tensor->rank == 0) { /* PyTorch's counters have no axis */
    return parameter->count == 1;
  }
  bool same = tensor->rank == parameter->shape.rank;
  for (int i = 0; i < tensor->rank && same; i++) {
    same = tensor->dims[i] == parameter->shape.dims[i];
  }
  return same;
}

static ss_status load_one(const ss_safetensors *file, const ss_safetensors_tensor *tensor, ss_parameter *parameter,
                          ss_error *error) {
  const char *path = ss_safetensors_path(file);
  if (!same_shape(tensor, parameter)) {
    char has[80], wanted[80];
    return ss_fail(error, SS_FAILED, "%s: %s has shape %s, the network needs %s", path, tensor->name,
                   shape_text(tensor, has), ss_shape_text(parameter->shape, wanted));
  }
  if (parameter->dtype == SS_I64) {
    if (tensor->dtype != SS_SAFETENSORS_I64) {
      return ss_fail(error, SS_FAILED, "%s: %s is %s, expected I64", path, tensor->name,
                     ss_safetensors_dtype_name(tensor->dtype));
    }
    return ss_safetensors_read(file, tensor, parameter->value, error);
  }
  float *values = parameter->value;
  SS_TRY(ss_safetensors_read_float(file, tensor, values, error));
  for (int64_t i = 0; i < parameter->count; i++) {
    if (!isfinite(values[i])) {
      return ss_fail(error, SS_FAILED, "%s: %s has a number that is not finite", path, tensor->name);
    }
  }
  return SS_OK;
}

/* Every array of the file is a parameter of the network, a classifier, or another network's. */
static ss_status check_names(const ss_safetensors *file, const char *prefix, const char *arch,
                             const ss_parameters *parameters, ss_error *error) {
  for (size_t i = 0; i < ss_safetensors_count(file); i++) {
    const char *name = ss_safetensors_at(file, i)->name;
    const char *rest = name + strlen(prefix);
    if (!starts_with(name, prefix) || starts_with(rest, "fc.") || starts_with(rest, "classifier.")) {
      continue;
    }
    char own[512];
    if (snprintf(own, sizeof own, "backbone.%s", rest) >= (int)sizeof own || !ss_parameters_find(parameters, own)) {
      return ss_fail(error, SS_FAILED, "%s: %.200s is not a parameter of %s", ss_safetensors_path(file), name, arch);
    }
  }
  return SS_OK;
}

ss_status ss_model_load(const ss_safetensors *file, const char *prefix, const char *arch, ss_parameters *parameters,
                        ss_error *error) {
  for (size_t i = 0; i < ss_parameters_count(parameters); i++) {
    ss_parameter *parameter = ss_parameters_at(parameters, i);
    char theirs[512];
    snprintf(theirs, sizeof theirs, "%s%s", prefix, parameter->name + strlen("backbone."));
    const ss_safetensors_tensor *tensor = ss_safetensors_find(file, theirs);
    if (tensor) {
      SS_TRY(load_one(file, tensor, parameter, error));
    } else if (parameter->dtype != SS_I64) { /* PyTorch before 0.4.1 had no counters; they start at zero */
      return ss_fail(error, SS_FAILED, "%s: %s is missing, which %s needs", ss_safetensors_path(file), theirs, arch);
    }
  }
  return check_names(file, prefix, arch, parameters, error);
}
