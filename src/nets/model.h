/* Models: a backbone with its weights, from a run folder, a safetensors file, or untrained. */
#ifndef SS_NETS_MODEL_H
#define SS_NETS_MODEL_H

#include "nets/backbone.h"

/* How a file stores weights; running statistics are always float32: they are few, and a variance should not lose bits.
 */
typedef enum ss_stored_weights { SS_STORED_F32, SS_STORED_F16, SS_STORED_BF16 } ss_stored_weights;

/* The parameters are named "backbone. ..."; arch is owned. */
typedef struct ss_model {
  ss_parameters *parameters;
  ss_backbone_options backbone; /* backbone.arch points to arch; backbone.size is the size it was trained at */
  char arch[32];
  float mean[3], deviation[3]; /* of the pixels it expects, scaled to 0..1, where its input is RGB */
} ss_model;

/* `name` is a run folder (its backbone.safetensors), a .safetensors file, or random:ARCH, optionally with
 * random:ARCH?width=16&size=32&stem=small&input=lab&split=1&norm=layer. Of a file without our metadata (torchvision's),
 * architecture, width and stem are told from its shapes; a leading "backbone.", "module." or "encoder." and a
 * classifier (fc, classifier) are accepted and dropped. `size` is the input size to measure at (0: as trained; 224 for
 * foreign files with a large stem, 32 with a small one); `seed` draws an untrained one. Errors name the file and what
 * is wrong: cut short, a parameter missing or of another shape. */
ss_status ss_model_open(const char *name, int size, uint64_t seed, ss_model **out, ss_error *error);
void ss_model_free(ss_model *model);

/* An untrained model of the same architecture, width, stem, size, input and norm. */
ss_status ss_model_untrained(const ss_model *model, uint64_t seed, ss_model **out, ss_error *error);

/* A copy to be trained on: what is added to it (a head) is drawn from `seed`. */
ss_status ss_model_copy(const ss_model *model, uint64_t seed, ss_model **out, ss_error *error);

/* Writes the parameters "PREFIX..." without the prefix as safetensors that torchvision's network of that architecture
 * loads with strict=True (fc replaced by an identity): what a run's backbone.safetensors is. Of a split backbone,
 * torchvision's network of half the width loads what begins with "lightness." and what begins with "colour.",
 * and with layer norms one whose norms are that. Architecture, stem, width, size, input, norm and pre-processing go
 * into the metadata. SS_FAILED for a weight beyond float16's 65504, where that is asked for. */
ss_status ss_model_write(const char *path, const ss_parameters *parameters, const char *prefix,
                         const ss_backbone_options *backbone, ss_stored_weights weights, ss_error *error);

/* For files of models: `count` weights of the parameter rounded to 16 bits; SS_FAILED, naming it, for one that is
 * beyond float16. */
ss_status ss_weights_round(const ss_parameter *parameter, ss_stored_weights weights, uint16_t *out, ss_error *error);

/* Writes a backbone with a linear classifier behind its output, parameters "fc.weight" (classes, D) and "fc.bias" of
 * the model's store: torchvision's ResNets load all of it with strict=True. The names of the classes (class_count) go
 * into the metadata, as a JSON list under "selfsup.classes". Such a file serves as a model too, without the classifier.
 */
ss_status ss_classifier_write(const char *path, const ss_model *model, const char *const *classes, int class_count,
                              ss_error *error);

/* Sets the parameters "PREFIX..." of a store from a backbone file (--init). The architecture must be the same. */
ss_status ss_model_initialize(const char *path, ss_parameters *parameters, const char *prefix,
                              const ss_backbone_options *backbone, ss_error *error);

#endif
