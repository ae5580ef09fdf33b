/* selfsup export RUN -o FILE.safetensors */
#include "cli/arguments.h"
#include "nets/model.h"

#include <stdio.h>
#include <string.h>

static const ss_flag flags[] = {{"out", 'o', "FILE", "the backbone's weights, a .safetensors file"},
                                {"half", 0, NULL, "in bfloat16, half the size"},
                                {"help", 'h', NULL, "this text"},
                                {0}};

static ss_status export_model(const ss_arguments *arguments, ss_error *error) {
  static const char suffix[] = ".safetensors";
  const char *out = ss_arguments_value(arguments, "out", NULL);
  if (!out) {
    return ss_fail(error, SS_USAGE, "where to? export needs -o FILE.safetensors");
  }
  const size_t length = strlen(out);
  if (length < sizeof suffix || strcmp(out + length - (sizeof suffix - 1), suffix) != 0) {
    return ss_fail(error, SS_USAGE, "the file's name must end in .safetensors: %s", out);
  }
  ss_model *model = NULL;
  SS_TRY(ss_model_open(arguments->operands[0], 0, 0, &model, error));
  const ss_status status =
      ss_model_write(out, model->parameters, "backbone.", &model->backbone, ss_arguments_has(arguments, "half"), error);
  if (status == SS_OK) {
    const ss_backbone_options *backbone = &model->backbone;
    printf("%s, %d channels wide%s%s, for %d px of %s: %s\n", backbone->arch, backbone->width,
           backbone->split ? " in two halves" : "", backbone->norm == SS_BACKBONE_LAYER_NORM ? ", layer norms" : "",
           backbone->size, ss_backbone_input_name(backbone->input), out);
  }
  ss_model_free(model);
  return status;
}

static int run(const ss_arguments *arguments) {
  ss_error error = {""};
  return ss_complain(export_model(arguments, &error), &error);
}

const ss_command ss_command_export = {
    .name = "export",
    .operands = "RUN",
    .summary = "writes a backbone as safetensors with torchvision's names",
    .more =
        "torchvision's network of the same architecture loads the file with strict=True once its fc is an identity.",
    .least = 1,
    .most = 1,
    .flags = flags,
    .run = run};
