/* Bootstrap Your Own Latent: A New Approach to Self-Supervised Learning. Grill, Strub, Altche, Tallec, Richemond,
 * Buchatskaya, Doersch, Pires, Guo, Azar, Piot, Kavukcuoglu, Munos, Valko. NeurIPS 2020.
 */
#include "methods/image/two_views.h"
#include "methods/image/views.h"
#include "methods/method.h"
#include "methods/momentum_encoder.h"
#include "methods/projector.h"

static const ss_option options[] = {
    {"hidden", SS_OPTION_INT, "1024", "outputs of the inner layer of projector and predictor", 1, 65536, NULL},
    {"output", SS_OPTION_INT, "256", "dimensions of the embedding", 1, 65536, NULL},
    SS_MOMENTUM_OPTIONS("0.99", "0.99"),
    SS_TWO_VIEWS_OPTIONS("0.08", "0.8", "0.8", "0.8", "0.2"),
    {0}};

static const ss_recipe recipes[] = {
    {"paper", "the paper's setting (section 3.2 and appendix B) but for its batch of 4,096 and 1.5e-6 decay",
     "hidden=4096 tau=0.996 tau_end=1 brightness=0.4 contrast=0.4 saturation=0.2 hue=0.1 blur=1 second_blur=0.1 "
     "solarize=0 second_solarize=0.2 optimizer=lars lr=0.2 weight_decay=1.5e-6 batch=256 epochs=1000 warmup=10"},
    {"solo-learn", "CIFAR-10 as solo-learn trains it",
     "hidden=4096 tau=0.99 tau_end=1 second_solarize=0.2 optimizer=lars trust=0.02 clip_trust=1 lr=1.0 "
     "weight_decay=1e-5 batch=256 epochs=1000 warmup=10 " SS_SOLO_LEARN_WEAK_VIEWS},
    {"lightly", "lightly's CIFAR-10 benchmark", "hidden=1024 tau=0.99 tau_end=0.99 blur=0 " SS_LIGHTLY_TRAINING},
    {0}};

/* g(f(x)): (2N, H, W, 3) -> (2N, 256); each view with norms of its own, as when they are encoded one after the other.
 */
static ss_tensor *project(ss_build *build, const ss_projector_options *head) {
  ss_tensor *y = ss_build_backbone(build, build->inputs[0]).output;
  return ss_projector(build->graph, y, head, "projector");
}

/* z = g(f(v)), p = q(z) online; z' = g'(f'(v')) by the target; equation 2, both ways round: the mean over all 2N views
 * of -cos(p, z'), which is the paper's loss but for a factor of 4 and a constant. */
static void loss(ss_build *build) {
  ss_graph *graph = build->graph;
  const ss_settings *settings = build->task->settings;
  const ss_projector_options head = {.layers = 2,
                                     .hidden = (int)ss_settings_int(settings, "hidden"),
                                     .output = (int)ss_settings_int(settings, "output"),
                                     .norm = true,
                                     .last_norm = false};
  ss_graph_norm_parts(graph, 2);
  ss_tensor *z = project(build, &head);
  ss_tensor *p = ss_projector(graph, z, &head, "predictor");
  ss_momentum_encoder_begin(graph);
  ss_tensor *target = ss_swap_views(graph, project(build, &head));
  ss_momentum_encoder_end(graph);
  ss_graph_norm_parts(graph, 1);
  build->losses[0] = ss_negative_cosine_similarity(graph, p, target);
  build->embeddings = z;
  build->score = ss_matching_score(graph, z);
}

const ss_method ss_method_byol = {
    .name = "byol",
    .modality = SS_MODALITY_IMAGE,
    .summary = "predicts from one view what a slow copy of the network makes of the other, without negatives",
    .paper =
        {"Bootstrap Your Own Latent: A New Approach to Self-Supervised Learning",
         "Grill, Strub, Altche, Tallec, Richemond, Buchatskaya, Doersch, Pires, Guo, Azar, Piot, Kavukcuoglu, Munos, "
         "Valko",
         "NeurIPS 2020"},
    .options = options,
    .defaults = "optimizer=sgd lr=0.06 momentum=0.9 weight_decay=5e-4 schedule=cosine warmup=0",
    .recipes = recipes,
    .changes =
        "inner layers of 1,024, a constant momentum of 0.99, SimCLR's views and SGD (lightly's CIFAR-10 setting); "
        "up to 64 px: 3x3 stem, no blur; the loss is a quarter of the paper's, less a constant",
    .score = {"the other view found among all views of the batch", true, true, ss_two_views_chance, false},
    .configure = ss_two_views_configure,
    .release = ss_two_views_release,
    .views = ss_two_views,
    .view_options = ss_two_views_options,
    .loss = loss,
    .picture = ss_two_views_picture,
    .before_epoch = ss_momentum_before_epoch,
    .after_step = ss_momentum_after_step};
