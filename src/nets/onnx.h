/* Backbones as ONNX files, for other programs' runtimes. */
#ifndef SS_NETS_ONNX_H
#define SS_NETS_ONNX_H

#include "nets/model.h"

/* Writes the model as ONNX, operator set 17: input "images" (N, 3, size, size) float32 with any N, as the model takes
 * them (RGB scaled to 0..1, less mean, over deviation; or what its input says); output "features" (N, D), the
 * backbone's output in evaluation. Weights have torchvision's names. Architecture, size, input, mean and deviation are
 * in the metadata ("selfsup. ..."). `half`: the weights are float16, half the size, and cast to float32 where they are
 * used, so that runtimes compute as with the float16 .safetensors; SS_FAILED for one beyond 65504. */
ss_status ss_onnx_write(const char *path, const ss_model *model, bool half, ss_error *error);

#endif
