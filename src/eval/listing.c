/* The public API's lists of methods and options, and how a model is handed on. */
#include "nets/model.h"
#include "nets/onnx.h"
#include "train/config.h"

#include <string.h>

static const ss_method *method_at(size_t index) {
  for (const ss_method *const *method = ss_methods(); *method; method++) {
    if (index-- == 0) {
      return *method;
    }
  }
  return NULL;
}

static const char *text_or_empty(const char *text) {
  return text ? text : "";
}

static const ss_option *option_at(const ss_option *table, size_t index) {
  for (; table && table->name; table++) {
    if (index-- == 0) {
      return table;
    }
  }
  return NULL;
}

static int describe(const ss_option *option, ss_option_info *info) {
  *info = (ss_option_info){0};
  if (option) {
    *info = (ss_option_info){
        .name = option->name, .standard = option->standard, .help = option->help, .choices = option->choices};
  }
  return option != NULL;
}

int ss_method_describe(size_t method, ss_method_info *info) {
  *info = (ss_method_info){0};
  const ss_method *found = method_at(method);
  if (!found) {
    return 0;
  }
  *info = (ss_method_info){.name = found->name,
                           .summary = found->summary,
                           .title = text_or_empty(found->paper.title),
                           .authors = text_or_empty(found->paper.authors),
                           .venue = text_or_empty(found->paper.venue),
                           .defaults = text_or_empty(found->defaults)};
  while (option_at(found->options, info->options)) {
    info->options++;
  }
  return 1;
}

int ss_method_option(size_t method, size_t option, ss_option_info *info) {
  const ss_method *found = method_at(method);
  return describe(found ? option_at(found->options, option) : NULL, info);
}

int ss_training_option(size_t option, ss_option_info *info) {
  return describe(option_at(ss_training_options, option), info);
}

static bool ends_in(const char *name, const char *suffix) {
  const size_t length = strlen(name), tail = strlen(suffix);
  return length > tail && strcmp(name + length - tail, suffix) == 0;
}

ss_status ss_export(const char *model, const char *path, ss_error *error) {
  const bool onnx = ends_in(path, ".onnx");
  if (!onnx && !ends_in(path, ".safetensors")) {
    return ss_fail(error, SS_USAGE, "the file's name must end in .safetensors or .onnx: %s", path);
  }
  ss_model *opened = NULL;
  SS_TRY(ss_model_open(model, 0, 0, &opened, error));
  const ss_status status =
      onnx ? ss_onnx_write(path, opened, false, error)
           : ss_model_write(path, opened->parameters, "backbone.", &opened->backbone, SS_STORED_F32, error);
  ss_model_free(opened);
  return status;
}
