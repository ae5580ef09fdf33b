#include "train/config.h"

#include "base/memory.h"
#include "base/system.h"
#include "engine/cpu/features.h"

#include <stdlib.h>
#include <string.h>

const ss_option ss_training_options[] = {
    {"arch", SS_OPTION_TEXT, "resnet18", "backbone: resnet18, resnet34, resnet50, alexnet, alexnet_bn, vgg11_bn ...", 0,
     0, NULL},
    {"width", SS_OPTION_INT, "64", "channels of its first stage; the others scale with it", 4, 1024, NULL},
    {"size", SS_OPTION_INT, NULL, "pixels a side of a view (default: what the pictures allow)", 8, 1024, NULL},
    {"epochs", SS_OPTION_INT, "100", "passes over the data", 1, 1e6, NULL},
    {"steps", SS_OPTION_INT, NULL, "updates, in place of --epochs", 0, 1e12, NULL},
    {"batch", SS_OPTION_INT, NULL, "pictures a step (default 256, less for small data)", 1, 65536, NULL},
    {"lr", SS_OPTION_FLOAT, "0.06", "learning rate at its highest", 0, 1000, NULL},
    {"optimizer", SS_OPTION_CHOICE, "sgd", "sgd, lars, adam or adamw", 0, 0, "sgd|lars|adam|adamw"},
    {"precision", SS_OPTION_CHOICE, NULL, "f32, bf16, or a GPU's tf32 (default: bf16 where it is computed)", 0, 0,
     "f32|tf32|bf16"},
    {"device", SS_OPTION_CHOICE, "cpu", "what computes", 0, 0, "cpu|cuda"},
    {"threads", SS_OPTION_INT, NULL, "threads (default: the processors there are)", 1, 1024, NULL},
    {"seed", SS_OPTION_INT, "0", "of weights, order and views; the same seed gives the same bits", 0, 1e15, NULL},
    {"limit", SS_OPTION_INT, "0", "train on that many pictures only, classes in turn (0: all)", 0, 4e9, NULL},
    {"init", SS_OPTION_TEXT, "", "starting weights: a backbone's .safetensors or a run", 0, 0, NULL},
    {"save-every", SS_OPTION_INT, NULL, "updates between checkpoints (default: an epoch, at most 500)", 1, 1e9, NULL},
    {"recompute", SS_OPTION_BOOL, "0", "make norms' outputs again for the backward pass: less memory, a little slower",
     0, 0, NULL},
    {"accumulate", SS_OPTION_INT, "1", "batches whose gradients make one update", 1, 4096, NULL},
    {"knn-every", SS_OPTION_INT, NULL, "epochs between k-NN checks, 0 never (default: a tenth of the run)", 0, 1e6,
     NULL},
    {"max-bad", SS_OPTION_FRACTION, "0.01", "share of pictures that may fail to decode", 0, 0, NULL},
    {"momentum", SS_OPTION_FRACTION, "0.9", "of sgd and lars", 0, 0, NULL},
    {"beta1", SS_OPTION_FLOAT, "0.9", "of adam and adamw: memory of the gradient", 0.001, 0.99999, NULL},
    {"beta2", SS_OPTION_FLOAT, "0.999", "of adam and adamw: memory of its square", 0.001, 0.9999999, NULL},
    {"trust", SS_OPTION_FLOAT, "0.001", "of lars: a parameter's rate in lengths of itself by lengths of its gradient",
     0, 100, NULL},
    {"clip_trust", SS_OPTION_BOOL, "0", "of lars: no parameter's rate is above --lr", 0, 0, NULL},
    {"nesterov", SS_OPTION_BOOL, "0", "Nesterov's form of momentum (sgd)", 0, 0, NULL},
    {"weight_decay", SS_OPTION_FLOAT, "5e-4", "weight decay", 0, 100, NULL},
    {"decay_all", SS_OPTION_BOOL, "1", "decay norms and biases too (never with lars)", 0, 0, NULL},
    {"schedule", SS_OPTION_CHOICE, "cosine", "of the learning rate", 0, 0, "cosine|step|constant"},
    {"milestones", SS_OPTION_TEXT, "", "epochs at which the step schedule drops: 30,60,80", 0, 0, NULL},
    {"gamma", SS_OPTION_FLOAT, "0.1", "its factor", 0, 1, NULL},
    {"warmup", SS_OPTION_FLOAT, "0", "epochs of linear warm-up", 0, 1e6, NULL},
    {"log_every", SS_OPTION_INT, "10", "updates between lines of metrics.jsonl", 1, 1e9, NULL},
    {"recipe", SS_OPTION_TEXT, "", "a named set of options; see selfsup methods METHOD", 0, 0, NULL},
    {0}};

void ss_config_free(ss_config *config) {
  if (config) {
    ss_settings_free(config->settings);
    ss_ways_free(config->ways);
    free(config->data);
    free(config);
  }
}

ss_status ss_config_new(const char *method, const char *data, ss_config **out, ss_error *error) {
  *out = NULL;
  const ss_method *found = NULL;
  SS_TRY(ss_method_find(method, &found, error));
  ss_config *config = NULL;
  SS_TRY(ss_alloc((void **)&config, 1, sizeof *config, "the configuration", error));
  config->method = found;
  config->data = strdup(data);
  config->ways = ss_ways_new();
  ss_status status = config->data && config->ways ? SS_OK : ss_fail_memory(error, strlen(data), "the configuration");
  if (status == SS_OK) {
    status = ss_settings_new(ss_training_options, found->options, &config->settings, error);
  }
  if (status == SS_OK && found->defaults) {
    status = ss_settings_apply_defaults(config->settings, found->defaults, error);
  }
  if (status != SS_OK) {
    ss_config_free(config);
    return status;
  }
  *out = config;
  return SS_OK;
}

static ss_status apply_recipe(ss_config *config, ss_error *error) {
  const char *name = ss_settings_text(config->settings, "recipe");
  if (!*name) {
    return SS_OK;
  }
  for (const ss_recipe *recipe = config->method->recipes; recipe && recipe->name; recipe++) {
    if (strcmp(recipe->name, name) == 0) {
      return ss_settings_apply_defaults(config->settings, recipe->pairs, error);
    }
  }
  return ss_fail(error, SS_USAGE, "%s has no recipe %s; see selfsup methods %s", config->method->name, name,
                 config->method->name);
}

static int by_value(const void *a, const void *b) {
  const int x = *(const int *)a, y = *(const int *)b;
  return (x > y) - (x < y);
}

/* The input size that suits the pictures: the median of their shorter sides, rounded to a size the field uses. */
static int suitable_size(const ss_source *source) {
  enum { looked_at = 33 };
  int sides[looked_at], count = 0;
  ss_decoder *decoder = NULL;
  ss_image image = {0};
  if (ss_decoder_create(&decoder, NULL) != SS_OK) {
    return 32;
  }
  const uint32_t samples = ss_source_count(source);
  const uint32_t stride = samples > looked_at ? samples / looked_at : 1;
  for (uint32_t i = 0; i < samples && count < looked_at; i += stride) {
    if (ss_source_read(source, i, decoder, NULL, &image, NULL) == SS_OK) {
      sides[count++] = image.width < image.height ? image.width : image.height;
    }
  }
  ss_image_free(&image);
  ss_decoder_free(decoder);
  qsort(sides, (size_t)count, sizeof *sides, by_value);
  const int side = count ? sides[count / 2] : 32;
  return side <= 48 ? 32 : side <= 80 ? 64 : side <= 160 ? 96 : 128;
}

static ss_status set_int(ss_settings *settings, const char *name, int64_t value, ss_error *error) {
  ss_text text = {0};
  ss_text_printf(&text, "%lld", (long long)value);
  ss_status status = ss_text_check(&text, error);
  if (status == SS_OK) {
    status = ss_settings_set(settings, name, text.data, false, error);
  }
  ss_text_free(&text);
  return status;
}

ss_status ss_config_resolve_batch(ss_settings *settings, uint32_t samples, ss_error *error) {
  if (!ss_settings_chosen(settings, "batch")) {
    /* At least four steps an epoch, in multiples of the kernels' 16 images. */
    int64_t batch = ss_settings_known(settings, "batch") ? ss_settings_int(settings, "batch") : 256;
    while (batch > 16 && batch * 4 > (int64_t)samples) {
      batch /= 2;
    }
    SS_TRY(set_int(settings, "batch", batch < (int64_t)samples ? batch : (int64_t)samples, error));
  }
  const int64_t batch = ss_settings_int(settings, "batch");
  if (batch > (int64_t)samples) {
    return ss_fail(error, SS_USAGE, "a batch of %lld needs more pictures than the %u there are: use a smaller --batch",
                   (long long)batch, samples);
  }
  return SS_OK;
}

ss_status ss_config_resolve_precision(ss_settings *settings, ss_error *error) {
  const bool on_cpu = strcmp(ss_settings_text(settings, "device"), "cpu") == 0;
  const bool has_bf16 = !on_cpu || ss_cpu_has_bf16();
  if (!ss_settings_known(settings, "precision")) {
    return ss_settings_set(settings, "precision", has_bf16 ? "bf16" : "f32", false, error);
  }
  const char *wanted = ss_settings_text(settings, "precision");
  if (strcmp(wanted, "bf16") == 0 && !has_bf16) {
    return ss_fail(error, SS_FAILED,
                   "this processor has no bf16 arithmetic (AVX-512 BF16 or AMX): use --precision f32");
  }
  if (strcmp(wanted, "tf32") == 0 && on_cpu) {
    return ss_fail(error, SS_USAGE, "tf32 is arithmetic of GPUs: use --device cuda, or --precision f32 or bf16");
  }
  return SS_OK;
}

ss_status ss_config_resolve(ss_config *config, const ss_source *source, uint32_t samples, ss_error *error) {
  ss_settings *settings = config->settings;
  SS_TRY(apply_recipe(config, error));
  if (!ss_settings_known(settings, "size")) {
    SS_TRY(set_int(settings, "size", suitable_size(source), error));
  }
  SS_TRY(ss_config_resolve_batch(settings, samples, error));
  SS_TRY(ss_config_resolve_precision(settings, error));
  if (!ss_settings_known(settings, "threads")) {
    SS_TRY(set_int(settings, "threads", ss_system_processors(), error));
  }
  const int64_t batch = ss_settings_int(settings, "batch");
  const int64_t per_epoch = (int64_t)samples / batch / ss_settings_int(settings, "accumulate");
  const int64_t steps_per_epoch = per_epoch > 0 ? per_epoch : 1;
  if (!ss_settings_known(settings, "steps")) {
    SS_TRY(set_int(settings, "steps", steps_per_epoch * ss_settings_int(settings, "epochs"), error));
  }
  if (!ss_settings_known(settings, "save-every")) {
    SS_TRY(set_int(settings, "save-every", steps_per_epoch < 500 ? steps_per_epoch : 500, error));
  }
  if (!ss_settings_known(settings, "knn-every")) {
    const int64_t epochs = ss_settings_int(settings, "steps") / steps_per_epoch;
    SS_TRY(set_int(settings, "knn-every", epochs > 10 ? epochs / 10 : 1, error));
  }
  return SS_OK;
}

static ss_status add_machine(cJSON *json, ss_error *error) {
  cJSON *machine = NULL;
  SS_TRY(ss_json_add_object(json, "machine", &machine, error));
  char processor[128];
  ss_system_processor_name(processor, sizeof processor);
  SS_TRY(ss_json_add_string(machine, "processor", processor, error));
  return ss_json_add_int(machine, "processors", ss_system_processors(), error);
}

static ss_status fill_json(const ss_config *config, cJSON *json, ss_error *error) {
  SS_TRY(ss_json_add_string(json, "selfsup", SS_VERSION, error));
  SS_TRY(ss_json_add_string(json, "method", config->method->name, error));
  SS_TRY(ss_json_add_string(json, "data", config->data, error));
  cJSON *options = NULL, *kernels = NULL;
  SS_TRY(ss_json_add_object(json, "options", &options, error));
  SS_TRY(ss_settings_to_json(config->settings, options, error));
  SS_TRY(add_machine(json, error));
  SS_TRY(ss_json_add_object(json, "kernels", &kernels, error));
  for (size_t i = 0; i < ss_ways_count(config->ways); i++) {
    const char *key, *way;
    ss_ways_at(config->ways, i, &key, &way);
    if (ss_ways_used(config->ways, i)) {
      SS_TRY(ss_json_add_string(kernels, key, way, error));
    }
  }
  return SS_OK;
}

ss_status ss_config_write(const ss_config *config, const char *path, ss_error *error) {
  cJSON *json = NULL;
  SS_TRY(ss_json_new_object(&json, error));
  ss_status status = fill_json(config, json, error);
  if (status == SS_OK) {
    status = ss_json_write(path, json, error);
  }
  cJSON_Delete(json);
  return status;
}

static ss_status parse_json(const cJSON *json, const char *path, ss_config **out, ss_error *error) {
  const char *method, *data;
  const cJSON *options, *kernels;
  SS_TRY(ss_json_get_string(json, path, "method", &method, error));
  SS_TRY(ss_json_get_string(json, path, "data", &data, error));
  SS_TRY(ss_json_get_object(json, path, "options", &options, error));
  SS_TRY(ss_json_get_object(json, path, "kernels", &kernels, error));
  ss_error reason = {""};
  if (ss_config_new(method, data, out, &reason) != SS_OK) {
    return ss_fail(error, SS_FAILED, "%s: %.400s", path, reason.message);
  }
  SS_TRY(ss_settings_from_json((*out)->settings, options, path, error));
  const cJSON *kernel;
  cJSON_ArrayForEach(kernel, kernels) {
    if (!cJSON_IsString(kernel)) {
      return ss_fail(error, SS_FAILED, "%s: kernels: %s is not a text", path, kernel->string);
    }
    SS_TRY(ss_ways_set((*out)->ways, kernel->string, kernel->valuestring, NULL, error));
  }
  return SS_OK;
}

ss_status ss_config_read(const char *path, ss_config **out, ss_error *error) {
  *out = NULL;
  cJSON *json = NULL;
  SS_TRY(ss_json_read(&json, path, (size_t)16 << 20, error));
  const ss_status status = parse_json(json, path, out, error);
  cJSON_Delete(json);
  if (status != SS_OK) {
    ss_config_free(*out);
    *out = NULL;
  }
  return status;
}
