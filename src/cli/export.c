/* selfsup export RUN -o FILE.safetensors */
#include "cli/arguments.h"
#include "nets/model.h"
#include "nets/onnx.h"

#include <stdio.h>
#include <string.h>

static const ss_flag flags[] = {{"out", 'o', "FILE", "the backbone, as .safetensors or .onnx"},
                                {"half", 0, NULL, "weights in float16, half the size"},
                                {"bf16", 0, NULL, "weights in bfloat16, half the size (.safetensors)"},
                                {"help", 'h', NULL, "this text"},
                                {0}};

static bool ends_in(const char *name, const char *suffix) {
  const size_t length = strlen(name), tail = strlen(suffix);
  return length > tail && strcmp(name + length - tail, suffix) == 0;
}

static ss_status export_model(const ss_arguments *arguments, ss_error *error) {
  const char *out = ss_arguments_value(arguments, "out", NULL);
  if (!out) {
    return ss_fail(error, SS_USAGE, "where to? export needs -o FILE.safetensors or -o FILE.onnx");
  }
  const bool onnx = ends_in(out, ".onnx"), bf16 = ss_arguments_has(arguments, "bf16");
  const bool half = ss_arguments_has(arguments, "half");
  if (!onnx && !ends_in(out, ".safetensors")) {
    return ss_fail(error, SS_USAGE, "the file's name must end in .safetensors or .onnx: %s", out);
  }
  if (half && bf16) {
    return ss_fail(error, SS_USAGE, "--half is float16 and --bf16 bfloat16: only one of them can be");
  }
  if (onnx && bf16) {
    return ss_fail(error, SS_USAGE,
                   "--bf16 is for .safetensors: ONNX files have float32 weights, or float16 by --half");
  }
  ss_model *model = NULL;
  SS_TRY(ss_model_open(arguments->operands[0], 0, 0, &model, error));
  const ss_stored_weights weights = half ? SS_STORED_F16 : bf16 ? SS_STORED_BF16 : SS_STORED_F32;
  const ss_status status = onnx ? ss_onnx_write(out, model, half, error)
                                : ss_model_write(out, model->parameters, "backbone.", &model->backbone, weights, error);
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
    .summary = "writes a backbone as safetensors with torchvision's names, or as ONNX",
    .more =
        "torchvision's network of the same architecture loads the .safetensors file with strict=True once its fc\n"
        "is an identity. The .onnx file takes \"images\" (N, 3, size, size), float32: RGB scaled to 0..1, less the\n"
        "mean, over the deviation that its metadata name (selfsup.mean, selfsup.std), or what selfsup.input says;\n"
        "it gives \"features\" (N, D). Of --half's both compute in float32 from weights rounded to float16; norms' "
        "running\n"
        "statistics stay float32.",
    .least = 1,
    .most = 1,
    .flags = flags,
    .run = run};
