#include "base/bfloat16.h"
#include "base/float16.h"
#include "base/json.h"
#include "base/memory.h"
#include "base/text.h"
#include "nets/model_file.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

const float ss_model_mean[3] = {0.485f, 0.456f, 0.406f};
const float ss_model_deviation[3] = {0.229f, 0.224f, 0.225f};

const char *ss_model_stem_name(ss_stem stem) {
  return stem == SS_STEM_SMALL ? "small" : "large";
}

bool ss_model_stem_find(const char *name, ss_stem *stem) {
  if (strcmp(name, "small") != 0 && strcmp(name, "large") != 0) {
    return false;
  }
  *stem = strcmp(name, "small") == 0 ? SS_STEM_SMALL : SS_STEM_LARGE;
  return true;
}

/* What is being written. */
typedef struct writing {
  ss_safetensors_entry *entries;
  size_t count;
  uint16_t **halves; /* one a parameter; NULL where it is written as it is */
} writing;

ss_status ss_weights_round(const ss_parameter *parameter, ss_stored_weights weights, uint16_t *out, ss_error *error) {
  const float *values = parameter->value;
  for (int64_t i = 0; i < parameter->count; i++) {
    out[i] = weights == SS_STORED_BF16 ? ss_bf16_from_float(values[i]) : ss_f16_from_float(values[i]);
    if (weights == SS_STORED_F16 && fabsf(values[i]) > SS_F16_MAX) {
      return ss_fail(error, SS_FAILED, "%s has a weight of %g, beyond float16's 65504; store bfloat16 or float32",
                     parameter->name, (double)values[i]);
    }
  }
  return SS_OK;
}

static ss_status add_half(writing *file, const ss_parameter *parameter, ss_stored_weights weights, ss_error *error) {
  uint16_t *half = NULL;
  SS_TRY(ss_alloc((void **)&half, (size_t)parameter->count, sizeof *half, parameter->name, error));
  file->halves[file->count] = half;
  file->entries[file->count].dtype = weights == SS_STORED_BF16 ? SS_SAFETENSORS_BF16 : SS_SAFETENSORS_F16;
  file->entries[file->count].data = half;
  return ss_weights_round(parameter, weights, half, error);
}

static ss_status add(writing *file, const ss_parameter *parameter, const char *name, ss_stored_weights weights,
                     ss_error *error) {
  ss_safetensors_entry *entry = &file->entries[file->count];
  const bool counter = parameter->dtype == SS_I64;
  *entry = (ss_safetensors_entry){.name = name,
                                  .dtype = counter ? SS_SAFETENSORS_I64 : SS_SAFETENSORS_F32,
                                  .rank = counter ? 0 : parameter->shape.rank, /* PyTorch's counters have no axis */
                                  .data = parameter->value};
  memcpy(entry->dims, parameter->shape.dims, (size_t)entry->rank * sizeof *entry->dims);
  ss_status status = SS_OK;
  if (weights != SS_STORED_F32 && !counter && (parameter->flags & SS_TRAINABLE)) {
    status = add_half(file, parameter, weights, error);
  }
  file->count++;
  return status;
}

void ss_model_write_triple(const float values[3], char text[SS_MODEL_TRIPLE]) {
  char numbers[3][32];
  for (int c = 0; c < 3; c++) {
    ss_text_write_decimal((double)values[c], numbers[c]);
  }
  snprintf(text, SS_MODEL_TRIPLE, "%s,%s,%s", numbers[0], numbers[1], numbers[2]);
}

static ss_status open_writing(writing *file, const ss_parameters *parameters, const char *path, ss_error *error) {
  const size_t count = ss_parameters_count(parameters);
  SS_TRY(ss_alloc((void **)&file->entries, count, sizeof *file->entries, path, error));
  return ss_alloc((void **)&file->halves, count, sizeof *file->halves, path, error);
}

static void close_writing(writing *file) {
  for (size_t i = 0; i < file->count && file->halves; i++) {
    free(file->halves[i]);
  }
  free(file->halves);
  free(file->entries);
}

/* Adds the parameters whose names start with `prefix`, without its first `dropped` characters. */
static ss_status add_all(writing *file, const ss_parameters *parameters, const char *prefix, size_t dropped,
                         ss_stored_weights weights, ss_error *error) {
  for (size_t i = 0; i < ss_parameters_count(parameters); i++) {
    const ss_parameter *parameter = ss_parameters_at(parameters, i);
    if (strncmp(parameter->name, prefix, strlen(prefix)) == 0) {
      SS_TRY(add(file, parameter, parameter->name + dropped, weights, error));
    }
  }
  return SS_OK;
}

/* `classes` is the JSON list, NULL of a backbone alone. */
static ss_status write_entries(const char *path, const writing *file, const ss_backbone_options *backbone,
                               const char *classes, ss_error *error) {
  char width[16], size[16], mean[SS_MODEL_TRIPLE], deviation[SS_MODEL_TRIPLE];
  snprintf(width, sizeof width, "%d", backbone->width > 0 ? backbone->width : 64);
  snprintf(size, sizeof size, "%d", backbone->size);
  ss_model_write_triple(ss_model_mean, mean);
  ss_model_write_triple(ss_model_deviation, deviation);
  const ss_safetensors_text texts[] = {{"format", "pt"},
                                       {SS_MODEL_ARCH, backbone->arch},
                                       {SS_MODEL_STEM, ss_model_stem_name(ss_backbone_stem(backbone))},
                                       {SS_MODEL_WIDTH, width},
                                       {SS_MODEL_SIZE, size},
                                       {SS_MODEL_INPUT, ss_backbone_input_name(backbone->input)},
                                       {SS_MODEL_SPLIT, backbone->split ? "1" : "0"},
                                       {SS_MODEL_NORM, ss_backbone_norm_name(backbone->norm)},
                                       {SS_MODEL_MEAN, mean},
                                       {SS_MODEL_DEVIATION, deviation},
                                       {SS_MODEL_CLASSES, classes}};
  const size_t count = sizeof texts / sizeof *texts;
  return ss_safetensors_write(path, file->entries, file->count, texts, classes ? count : count - 1, error);
}

ss_status ss_model_write(const char *path, const ss_parameters *parameters, const char *prefix,
                         const ss_backbone_options *backbone, ss_stored_weights weights, ss_error *error) {
  writing file = {0};
  ss_status status = open_writing(&file, parameters, path, error);
  if (status == SS_OK) {
    status = add_all(&file, parameters, prefix, strlen(prefix), weights, error);
  }
  if (status == SS_OK && file.count == 0) {
    status = ss_fail(error, SS_FAILED, "nothing to write to %s: no parameter is named %s...", path, prefix);
  }
  if (status == SS_OK) {
    status = write_entries(path, &file, backbone, NULL, error);
  }
  close_writing(&file);
  return status;
}

ss_status ss_classifier_write(const char *path, const ss_model *model, const char *const *classes, int class_count,
                              ss_error *error) {
  ss_text names = {0};
  ss_text_append(&names, "[");
  for (int i = 0; i < class_count; i++) {
    ss_text_append(&names, i > 0 ? ", " : "");
    ss_json_append_string(&names, classes[i]);
  }
  ss_text_append(&names, "]");
  writing file = {0};
  ss_status status = ss_text_check(&names, error);
  if (status == SS_OK) {
    status = open_writing(&file, model->parameters, path, error);
  }
  if (status == SS_OK) {
    status = add_all(&file, model->parameters, "backbone.", strlen("backbone."), SS_STORED_F32, error);
  }
  if (status == SS_OK) {
    status = add_all(&file, model->parameters, "fc.", 0, SS_STORED_F32, error);
  }
  if (status == SS_OK) {
    status = write_entries(path, &file, &model->backbone, names.data, error);
  }
  close_writing(&file);
  ss_text_free(&names);
  return status;
}
