/* Momentum Contrast for Unsupervised Visual Representation Learning. He, Fan, Wu, Xie, Girshick. CVPR 2020. The
 * sections are its; version 2 is Improved Baselines with Momentum Contrastive Learning. Chen, Fan, Girshick, He. 2020.
 */
#include "methods/image/two_views.h"
#include "methods/image/views.h"
#include "methods/method.h"
#include "methods/momentum_encoder.h"
#include "methods/projector.h"
#include "methods/queue.h"

static const ss_option options[] = {
    {"temperature", SS_OPTION_FLOAT, "0.2", "tau of the loss", 0.001, 100, NULL},
    {"queue", SS_OPTION_INT, "4096", "keys in the queue, the negatives", 1, 10000000, NULL},
    {"symmetric", SS_OPTION_BOOL, "0", "each view is a query once and a key once", 0, 0, NULL},
    {"shuffle_parts", SS_OPTION_INT, "1", "parts of a batch with norms of their own, keys shuffled over them", 1, 4096,
     NULL},
    {"projector_layers", SS_OPTION_INT, "2", "linear layers of the projector", 1, 8, NULL},
    {"projector_hidden", SS_OPTION_INT, "0", "outputs of its inner layers (0: as the backbone's)", 0, 65536, NULL},
    {"projector_output", SS_OPTION_INT, "128", "dimensions of the embedding", 1, 65536, NULL},
    SS_MOMENTUM_OPTIONS("0.99", "0.99"),
    SS_TWO_VIEWS_OPTIONS("0.08", "0.8", "0.8", "0.8", "0.2"),
    {0}};

static const ss_recipe recipes[] = {
    {"v1", "the first paper's (sections 3 and 4): a linear head, weak colour jitter, eight devices",
     "projector_layers=1 temperature=0.07 queue=65536 tau=0.999 tau_end=0.999 shuffle_parts=8 min_scale=0.2 "
     "brightness=0.4 contrast=0.4 saturation=0.4 hue=0.4 jitter_probability=1 blur=0 lr=0.03 batch=256 "
     "weight_decay=1e-4 epochs=200 schedule=step milestones=120,160"},
    {"v2", "Chen, Fan, Girshick, He 2020: two layers, blur, cosine schedule",
     "projector_hidden=2048 temperature=0.2 queue=65536 tau=0.999 tau_end=0.999 shuffle_parts=8 min_scale=0.2 "
     "brightness=0.4 contrast=0.4 saturation=0.4 hue=0.1 blur=0.5 lr=0.03 batch=256 weight_decay=1e-4 epochs=800"},
    {"solo-learn", "MoCo v2+ on CIFAR-10 as solo-learn trains it",
     "projector_hidden=2048 projector_output=256 queue=32768 symmetric=1 tau=0.99 tau_end=0.999 lr=0.3 "
     "weight_decay=1e-4 batch=256 epochs=1000 warmup=10 " SS_SOLO_LEARN_WEAK_VIEWS},
    {"lightly", "lightly's CIFAR-10 benchmark",
     "temperature=0.1 queue=4096 symmetric=1 tau=0.99 tau_end=0.99 shuffle_parts=8 blur=0 " SS_LIGHTLY_TRAINING},
    {0}};

static ss_status configure(ss_task *task, ss_error *error) {
  SS_TRY(ss_two_views_configure(task, error));
  const int64_t queue = ss_settings_int(task->settings, "queue"),
                parts = ss_settings_int(task->settings, "shuffle_parts");
  const int64_t keys = ss_settings_bool(task->settings, "symmetric") ? 2 * (int64_t)task->batch : task->batch;
  if (queue < keys) {
    return ss_fail(error, SS_USAGE, "a queue of %lld keys does not hold a batch's %lld; set a larger queue or --batch",
                   (long long)queue, (long long)keys);
  }
  if (task->batch % parts != 0 || task->batch / parts < 2) {
    return ss_fail(error, SS_USAGE,
                   "a batch of %d is not %lld equal parts of two or more; set shuffle_parts or --batch", task->batch,
                   (long long)parts);
  }
  return SS_OK;
}

/* f(x): (M, H, W, 3) -> (M, 128), of unit length (section 3.1). */
static ss_tensor *encode(ss_build *build, ss_tensor *x, int parts) {
  const ss_settings *settings = build->task->settings;
  ss_graph_norm_parts(build->graph, parts);
  ss_tensor *h = ss_build_backbone(build, x).output;
  const ss_projector_options projector = {.layers = (int)ss_settings_int(settings, "projector_layers"),
                                          .hidden = (int)ss_settings_int(settings, "projector_hidden"),
                                          .output = (int)ss_settings_int(settings, "projector_output"),
                                          .norm = false,
                                          .last_norm = false};
  ss_tensor *z = ss_projector(build->graph, h, &projector, "projector");
  ss_graph_norm_parts(build->graph, 1);
  return ss_l2_normalize(build->graph, ss_cast(build->graph, z, SS_F32));
}

/* Algorithm 1: queries by the encoder, keys by the momentum encoder from a shuffled batch, the queue's keys as
 * negatives, InfoNCE (equation 1). With symmetric=1 both views take both parts: (2N, ...) in place of (N, ...). So they
 * do where the score is measured: of two encoders each makes all its own embeddings more alike than a pair of views. */
static void loss(ss_build *build) {
  ss_graph *graph = build->graph;
  const ss_settings *settings = build->task->settings;
  const bool training = ss_graph_is_training(graph);
  const bool symmetric = ss_settings_bool(settings, "symmetric") || !training;
  const int parts = training ? (int)ss_settings_int(settings, "shuffle_parts") : 1;
  const int views = symmetric ? 2 : 1; /* each view has norms of its own */
  ss_tensor *both = build->inputs[0];
  ss_tensor *q = encode(build, symmetric ? both : ss_first_views(graph, both), parts * views);
  ss_tensor *x_k =
      ss_shuffle_batch(graph, symmetric ? ss_swap_views(graph, both) : ss_second_views(graph, both), views, parts);
  ss_momentum_encoder_begin(graph);
  ss_tensor *k = ss_unshuffle_batch(graph, encode(build, x_k, parts * views), views, parts);
  ss_momentum_encoder_end(graph);
  ss_tensor *queue = ss_queue(graph, ss_settings_int(settings, "queue"), ss_tensor_dim(q, 1));
  build->losses[0] = ss_info_nce(graph, q, k, queue, (float)ss_settings_float(settings, "temperature"));
  build->carried = k;
  build->embeddings = q;
  build->score = ss_matching_score(
      graph, symmetric ? q : ss_concatenate(graph, (ss_tensor *[]){q, k}, 2, 0)); /* N pairs either way */
}

/* "enqueue and dequeue" of algorithm 1. */
static ss_status after_batch(ss_task *task, ss_parameters *parameters, const float *keys, ss_error *error) {
  return ss_queue_push(parameters, keys, ss_settings_bool(task->settings, "symmetric") ? 2 * task->batch : task->batch,
                       error);
}

const ss_method ss_method_moco = {
    .name = "moco",
    .modality = SS_MODALITY_IMAGE,
    .summary = "finds a view's partner, encoded by a slow copy of itself, in a queue of other pictures' views",
    .paper = {"Momentum Contrast for Unsupervised Visual Representation Learning", "He, Fan, Wu, Xie, Girshick",
              "CVPR 2020"},
    .options = options,
    .defaults = "optimizer=sgd lr=0.06 momentum=0.9 weight_decay=5e-4 schedule=cosine warmup=0",
    .recipes = recipes,
    .changes =
        "version 2's head and temperature with a queue of 4,096, a momentum of 0.99 and SimCLR's views "
        "(lightly's CIFAR-10 setting); up to 64 px: 3x3 stem, no blur; the keys' shuffle is the same for every "
        "batch, batches being drawn at random",
    .score = {"the other view found among all views of the batch", true, true, ss_two_views_chance, false},
    .configure = configure,
    .release = ss_two_views_release,
    .views = ss_two_views,
    .view_options = ss_two_views_options,
    .loss = loss,
    .picture = ss_two_views_picture,
    .before_epoch = ss_momentum_before_epoch,
    .after_batch = after_batch,
    .after_step = ss_momentum_after_step};
