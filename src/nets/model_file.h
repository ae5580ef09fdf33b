/* Inside the models: what a weights file says of its network, and its values. */
#ifndef SS_NETS_MODEL_FILE_H
#define SS_NETS_MODEL_FILE_H

#include "io/safetensors.h"
#include "nets/model.h"

/* The keys of our metadata. */
#define SS_MODEL_ARCH "selfsup.arch"
#define SS_MODEL_STEM "selfsup.stem"
#define SS_MODEL_WIDTH "selfsup.width"
#define SS_MODEL_SIZE "selfsup.size"
#define SS_MODEL_INPUT "selfsup.input" /* without it: rgb */
#define SS_MODEL_SPLIT "selfsup.split" /* "1" or "0"; without it: 0 */
#define SS_MODEL_NORM "selfsup.norm"   /* "batch" or "layer"; without it: batch */
#define SS_MODEL_MEAN "selfsup.mean"
#define SS_MODEL_DEVIATION "selfsup.deviation"
#define SS_MODEL_CLASSES "selfsup.classes" /* of a classifier: a JSON list of their names */

/* What backbones here are trained with and torchvision's are too: ImageNet's mean and deviation of red, green, blue. */
extern const float ss_model_mean[3], ss_model_deviation[3];

/* "0.485,0.456,0.406": how the metadata hold three numbers. */
#define SS_MODEL_TRIPLE 100
void ss_model_write_triple(const float values[3], char text[SS_MODEL_TRIPLE]);

/* "small", "large". */
const char *ss_model_stem_name(ss_stem stem);
/* The stem of that name; false if there is none. */
bool ss_model_stem_find(const char *name, ss_stem *stem);

#define SS_MODEL_PREFIX 128

/* Sets arch, backbone, mean and deviation of `model` from the file's metadata or, without it, from names and shapes;
 * `prefix` becomes what the backbone's names start with there ("", "module.encoder."). */
ss_status ss_model_describe(const ss_safetensors *file, ss_model *model, char prefix[SS_MODEL_PREFIX], ss_error *error);

/* Sets every parameter "backbone. ..." of `parameters` from the file. Arrays that the network lacks are an error, but
 * for classifiers and for names outside the prefix. */
ss_status ss_model_load(const ss_safetensors *file, const char *prefix, const char *arch, ss_parameters *parameters,
                        ss_error *error);

#endif
