#include "nets/model.h"

#include "base/file.h"
#include "base/memory.h"
#include "base/text.h"
#include "nets/model_file.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { large_size = 224, small_size = 32, most_size = 4096, batch = 2 };

void ss_model_free(ss_model *model) {
  if (model) {
    ss_parameters_free(model->parameters);
    free(model);
  }
}

/* Makes the parameters: recording a backbone makes what it uses, so it is recorded once and thrown away. */
static ss_status make_parameters(ss_model *model, uint64_t seed, ss_error *error) {
  SS_TRY(ss_backbone_check(&model->backbone, error));
  model->parameters = ss_parameters_new(seed);
  const ss_graph_options options = {.compute = SS_F32};
  ss_graph *graph = model->parameters ? ss_graph_new(model->parameters, &options) : NULL;
  if (!graph) {
    return ss_fail(error, SS_NO_MEMORY, "not enough memory for the parameters of %s", model->arch);
  }
  const int size = model->backbone.size;
  ss_tensor *images = ss_graph_input(graph, "images", SS_F32, ss_shape_of(batch, size, size, 3));
  ss_graph_push_scope(graph, "backbone");
  ss_backbone_build(graph, images, &model->backbone);
  ss_graph_pop_scope(graph);
  const ss_status status = ss_graph_status(graph, error);
  ss_graph_free(graph);
  return status;
}

/* A model without parameters yet, arch and pre-processing at their defaults. */
static ss_status new_model(ss_model **out, ss_error *error) {
  ss_model *model = NULL;
  SS_TRY(ss_alloc((void **)&model, 1, sizeof *model, "a model", error));
  model->backbone.arch = model->arch;
  memcpy(model->mean, ss_model_mean, sizeof model->mean);
  memcpy(model->deviation, ss_model_deviation, sizeof model->deviation);
  *out = model;
  return SS_OK;
}

/* ---- random:ARCH?key=value&... ---- */

static ss_status set_random(ss_model *model, const char *key, const char *value, ss_error *error) {
  static const char *const keys[] = {"width", "size", "stem", "input", "split", "norm"};
  int64_t number = 0;
  if (strcmp(key, "width") == 0) {
    SS_TRY(ss_text_int(value, "width", 4, 1024, &number, error));
    model->backbone.width = (int)number;
    return SS_OK;
  }
  if (strcmp(key, "size") == 0) {
    SS_TRY(ss_text_int(value, "size", 1, most_size, &number, error));
    model->backbone.size = (int)number;
    return SS_OK;
  }
  if (strcmp(key, "stem") == 0) {
    return ss_model_stem_find(value, &model->backbone.stem)
               ? SS_OK
               : ss_fail(error, SS_USAGE, "stem must be small or large, not %s", value);
  }
  if (strcmp(key, "input") == 0) {
    return ss_backbone_input_find(value, &model->backbone.input)
               ? SS_OK
               : ss_fail(error, SS_USAGE, "input must be rgb, lightness or lab, not %s", value);
  }
  if (strcmp(key, "split") == 0) {
    SS_TRY(ss_text_int(value, "split", 0, 1, &number, error));
    model->backbone.split = number == 1;
    return SS_OK;
  }
  if (strcmp(key, "norm") == 0) {
    return ss_backbone_norm_find(value, &model->backbone.norm)
               ? SS_OK
               : ss_fail(error, SS_USAGE, "norm must be batch or layer, not %s", value);
  }
  const char *nearest = ss_text_nearest(key, keys, 6);
  return ss_fail(error, SS_USAGE, "unknown key: %s; %s%s", key, nearest ? "did you mean " : "known are ",
                 nearest ? nearest : "width, size, stem, input, split and norm");
}

/* Sets `model` from what follows "random:". */
static ss_status parse_random(ss_model *model, const char *text, ss_error *error) {
  const size_t length = strcspn(text, "?");
  if (length == 0) {
    return ss_fail(error, SS_USAGE, "an architecture must follow, as in random:resnet18?width=16&size=32");
  }
  if (length >= sizeof model->arch) {
    return ss_fail(error, SS_USAGE, "unknown architecture: %.*s", (int)length, text);
  }
  memcpy(model->arch, text, length);
  for (const char *at = text + length; *at;) {
    at++; /* over '?' or '&' */
    char pair[64];
    const size_t taken = strcspn(at, "&");
    snprintf(pair, sizeof pair, "%.*s", (int)taken, at);
    char *equals = strchr(pair, '=');
    if (!equals || taken >= sizeof pair) {
      return ss_fail(error, SS_USAGE, "expected key=value, not \"%s\"", pair);
    }
    *equals = '\0';
    SS_TRY(set_random(model, pair, equals + 1, error));
    at += taken;
  }
  return SS_OK;
}

static ss_status open_random(const char *name, int size, uint64_t seed, ss_model *model, ss_error *error) {
  ss_backbone_options *backbone = &model->backbone;
  ss_error reason = {{0}};
  ss_status status = parse_random(model, name + strlen("random:"), &reason);
  if (status == SS_OK) {
    if (backbone->size == 0) {
      backbone->size = size > 0 ? size : backbone->stem == SS_STEM_SMALL ? small_size : large_size;
    }
    backbone->width = backbone->width > 0 ? backbone->width : 64;
    status = ss_backbone_check(backbone, &reason);
  }
  if (status == SS_OK) {
    backbone->stem = ss_backbone_stem(backbone); /* kept when measured at another size */
    backbone->size = size > 0 ? size : backbone->size;
    status = make_parameters(model, seed, &reason);
  }
  return status == SS_OK ? SS_OK : ss_fail(error, status, "%s: %s", name, reason.message);
}

/* ---- files ---- */

static ss_status open_file(const char *path, int size, ss_model *model, ss_error *error) {
  ss_safetensors *file = NULL;
  SS_TRY(ss_safetensors_open(&file, path, error));
  char prefix[SS_MODEL_PREFIX];
  ss_status status = ss_model_describe(file, model, prefix, error);
  if (status == SS_OK) {
    if (model->backbone.size == 0) {
      model->backbone.size = model->backbone.stem == SS_STEM_SMALL ? small_size : large_size;
    }
    model->backbone.size = size > 0 ? size : model->backbone.size;
    ss_error reason = {{0}};
    status = make_parameters(model, 0, &reason);
    if (status != SS_OK) {
      status = ss_fail(error, size > 0 ? status : SS_FAILED, "%s: %s", path, reason.message);
    }
  }
  if (status == SS_OK) {
    status = ss_model_load(file, prefix, model->arch, model->parameters, error);
  }
  ss_safetensors_close(file);
  return status;
}

/* `name` is a run folder or a file. */
static ss_status open_path(const char *name, int size, ss_model *model, ss_error *error) {
  if (!ss_folder_exists(name)) {
    if (!ss_file_exists(name)) {
      return ss_fail(error, SS_FAILED, "no such run folder or file: %s; random:ARCH is an untrained network", name);
    }
    return open_file(name, size, model, error);
  }
  char *path = NULL;
  SS_TRY(ss_path_join(&path, name, "backbone.safetensors", error));
  const ss_status status =
      ss_file_exists(path)
          ? open_file(path, size, model, error)
          : ss_fail(error, SS_FAILED,
                    "no backbone.safetensors in %s: not a run folder, or one that has learned nothing", name);
  free(path);
  return status;
}

ss_status ss_model_open(const char *name, int size, uint64_t seed, ss_model **out, ss_error *error) {
  *out = NULL;
  if (size < 0 || size > most_size) {
    return ss_fail(error, SS_USAGE, "the size must be up to %d px, not %d", most_size, size);
  }
  ss_model *model = NULL;
  SS_TRY(new_model(&model, error));
  const ss_status status = strncmp(name, "random:", strlen("random:")) == 0
                               ? open_random(name, size, seed, model, error)
                               : open_path(name, size, model, error);
  if (status != SS_OK) {
    ss_model_free(model);
    return status;
  }
  *out = model;
  return SS_OK;
}

ss_status ss_model_untrained(const ss_model *model, uint64_t seed, ss_model **out, ss_error *error) {
  *out = NULL;
  ss_model *untrained = NULL;
  SS_TRY(ss_alloc((void **)&untrained, 1, sizeof *untrained, "a model", error));
  *untrained = *model;
  untrained->parameters = NULL;
  untrained->backbone.arch = untrained->arch;
  const ss_status status = make_parameters(untrained, seed, error);
  if (status != SS_OK) {
    ss_model_free(untrained);
    return status;
  }
  *out = untrained;
  return SS_OK;
}

ss_status ss_model_copy(const ss_model *model, uint64_t seed, ss_model **out, ss_error *error) {
  SS_TRY(ss_model_untrained(model, seed, out, error));
  for (size_t i = 0; i < ss_parameters_count((*out)->parameters); i++) {
    const ss_parameter *to = ss_parameters_at((*out)->parameters, i);
    const ss_parameter *from = ss_parameters_find(model->parameters, to->name);
    if (!from || from->count != to->count || from->dtype != to->dtype) {
      const ss_status status = ss_fail(error, SS_FAILED, "the network has no parameter %s of its shape", to->name);
      ss_model_free(*out);
      *out = NULL;
      return status;
    }
    memcpy(to->value, from->value, (size_t)to->count * ss_dtype_size(to->dtype));
  }
  memcpy((*out)->mean, model->mean, sizeof model->mean);
  memcpy((*out)->deviation, model->deviation, sizeof model->deviation);
  return SS_OK;
}

/* ---- --init ---- */

/* Writes "resnet18, width 64, large stem, lab input, split, layer norm" to `text`. */
static const char *describe(const ss_backbone_options *backbone, char text[128]) {
  snprintf(text, 128, "%.31s, width %d, %s stem, %s input%s%s", backbone->arch,
           backbone->width > 0 ? backbone->width : 64, ss_model_stem_name(ss_backbone_stem(backbone)),
           ss_backbone_input_name(backbone->input), backbone->split ? ", split" : "",
           backbone->norm == SS_BACKBONE_LAYER_NORM ? ", layer norm" : "");
  return text;
}

/* Copies the model's values, or only looks whether every one has its place. */
static ss_status copy_values(const char *path, const ss_model *model, ss_parameters *parameters, const char *prefix,
                             bool only_look, ss_error *error) {
  for (size_t i = 0; i < ss_parameters_count(model->parameters); i++) {
    const ss_parameter *from = ss_parameters_at(model->parameters, i);
    const char *name = from->name + strlen("backbone.");
    char full[512];
    if (snprintf(full, sizeof full, "%s%s", prefix, name) >= (int)sizeof full) {
      return ss_fail(error, SS_FAILED, "%s: the name is too long: %s", path, name);
    }
    ss_parameter *to = ss_parameters_find(parameters, full);
    if (!to || to->dtype != from->dtype || !ss_shape_equal(to->shape, from->shape)) {
      return ss_fail(error, SS_FAILED, "%s: %s has no place in the network", path, name);
    }
    if (!only_look) {
      memcpy(to->value, from->value, (size_t)from->count * ss_dtype_size(from->dtype));
    }
  }
  return SS_OK;
}

ss_status ss_model_initialize(const char *path, ss_parameters *parameters, const char *prefix,
                              const ss_backbone_options *backbone, ss_error *error) {
  ss_model *model = NULL;
  SS_TRY(new_model(&model, error));
  ss_status status = open_path(path, 0, model, error);
  if (status == SS_OK) {
    char has[128], wanted[128];
    describe(&model->backbone, has);
    describe(backbone, wanted);
    if (strcmp(has, wanted) != 0) {
      status = ss_fail(error, SS_FAILED, "%s holds %s; the run's network is %s", path, has, wanted);
    }
  }
  if (status == SS_OK) {
    status = copy_values(path, model, parameters, prefix, true, error);
  }
  if (status == SS_OK) {
    status = copy_values(path, model, parameters, prefix, false, error);
  }
  ss_model_free(model);
  return status;
}
