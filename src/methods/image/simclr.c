/* A Simple Framework for Contrastive Learning of Visual Representations. Chen, Kornblith, Norouzi, Hinton. ICML 2020.
 */
#include "methods/image/two_views.h"
#include "methods/image/views.h"
#include "methods/method.h"
#include "methods/projector.h"

static const ss_option options[] = {
    {"temperature", SS_OPTION_FLOAT, "0.5", "tau of the loss", 0.001, 100, NULL},
    {"projector_layers", SS_OPTION_INT, "2", "linear layers of the projector (0: none)", 0, 8, NULL},
    {"projector_hidden", SS_OPTION_INT, "0", "outputs of its inner layers (0: as the backbone's)", 0, 65536, NULL},
    {"projector_output", SS_OPTION_INT, "128", "dimensions of the embedding", 1, 65536, NULL},
    {"projector_norm", SS_OPTION_BOOL, "1", "batch norm after its layers, the last one too", 0, 0, NULL},
    SS_TWO_VIEWS_OPTIONS("0.08", "0.8", "0.8", "0.8", "0.2"),
    {0}};

static const ss_recipe recipes[] = {
    {"paper", "the paper's CIFAR-10 setting (appendix B.9)",
     "optimizer=lars lr=1.0 weight_decay=1e-6 warmup=10 batch=512 epochs=1000 jitter=0.5"},
    {"solo-learn", "CIFAR-10 as solo-learn trains it",
     "temperature=0.2 projector_hidden=2048 projector_output=256 projector_norm=0 blur=0.5 optimizer=lars trust=0.02 "
     "clip_trust=1 lr=0.4 weight_decay=1e-4 batch=256 epochs=1000 warmup=10"},
    {"lightly", "lightly's CIFAR-10 benchmark", "temperature=0.5 blur=0 " SS_LIGHTLY_TRAINING},
    {0}};

/* (2N, H, W, 3) -> h = f(x): (2N, D) -> z = g(h): (2N, 128) -> equation 1. */
static void loss(ss_build *build) {
  const ss_settings *settings = build->task->settings;
  ss_graph *graph = build->graph;
  ss_tensor *h = ss_build_backbone(build, build->inputs[0]).output;
  const ss_projector_options projector = {.layers = (int)ss_settings_int(settings, "projector_layers"),
                                          .hidden = (int)ss_settings_int(settings, "projector_hidden"),
                                          .output = (int)ss_settings_int(settings, "projector_output"),
                                          .norm = ss_settings_bool(settings, "projector_norm"),
                                          .last_norm = ss_settings_bool(settings, "projector_norm")};
  ss_tensor *z = ss_projector(graph, h, &projector, "projector");
  const float temperature = (float)ss_settings_float(settings, "temperature");
  build->losses[0] = ss_nt_xent(graph, z, temperature);
  build->embeddings = z;
  build->score = ss_matching_score(graph, z);
}

const ss_method ss_method_simclr = {
    .name = "simclr",
    .modality = SS_MODALITY_IMAGE,
    .summary = "two views of a picture agree, views of different pictures do not",
    .paper = {"A Simple Framework for Contrastive Learning of Visual Representations",
              "Chen, Kornblith, Norouzi, Hinton", "ICML 2020"},
    .options = options,
    .defaults = "optimizer=sgd lr=0.06 momentum=0.9 weight_decay=5e-4 schedule=cosine warmup=0",
    .recipes = recipes,
    .changes =
        "up to 64 px: 3x3 stem, no blur; batch norm after the projector's last layer; SGD (lightly's CIFAR-10 setting)",
    .score = {"the other view found among all views of the batch", true, true, ss_two_views_chance, false},
    .configure = ss_two_views_configure,
    .release = ss_two_views_release,
    .views = ss_two_views,
    .view_options = ss_two_views_options,
    .loss = loss,
    .picture = ss_two_views_picture};
