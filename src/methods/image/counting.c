/* Representation Learning by Learning to Count. Noroozi, Pirsiavash, Favaro. ICCV 2017. */
#include "methods/image/counting.h"

#include "augment/crop.h"
#include "augment/view.h"
#include "methods/method.h"
#include "methods/projector.h"

#include <stdlib.h>
#include <string.h>

static const ss_option options[] = {
    {"margin", SS_OPTION_FLOAT, "10", "M of the loss: how far another picture's counts are to be", 0, 1e6, NULL},
    {"features", SS_OPTION_INT, "1000", "numbers that are counted", 1, 65536, NULL},
    {"head_layers", SS_OPTION_INT, "3", "linear layers from the backbone to the counts", 1, 8, NULL},
    {"head_hidden", SS_OPTION_INT, "0", "outputs of its inner layers (0: as the backbone's)", 0, 65536, NULL},
    {"filter", SS_OPTION_CHOICE, "random", "how pictures are down-sampled; always alike it gives itself away", 0, 0,
     "random|box|bilinear|bicubic|lanczos"},
    {"gray", SS_OPTION_FRACTION, "0.67", "share of pictures without colour, against chromatic aberration", 0, 0, NULL},
    {"min_scale", SS_OPTION_FRACTION, "0.5", "smallest area of the random crop", 0, 0, NULL},
    {"flip", SS_OPTION_FRACTION, "0.5", "probability of mirroring left and right", 0, 0, NULL},
    {0}};

/* ---- loss (section 3.3) ---- */

ss_counts ss_counts_of(ss_graph *graph, ss_tensor *phi) {
  const int64_t pictures = ss_tensor_dim(phi, 0) / (1 + SS_COUNTING_TILES), features = ss_tensor_dim(phi, 1);
  ss_tensor *parts = ss_reshape(graph, ss_slice(graph, phi, 0, pictures, (1 + SS_COUNTING_TILES) * pictures),
                                ss_shape_of(SS_COUNTING_TILES, pictures, features));
  return (ss_counts){.whole = ss_cast(graph, ss_slice(graph, phi, 0, 0, pictures), SS_F32),
                     .summed = ss_reduce_sum(graph, parts, 1u, false)};
}

/* (N): |a - b|^2 of each row. */
static ss_tensor *square_distance(ss_graph *graph, ss_tensor *a, ss_tensor *b) {
  return ss_reduce_sum(graph, ss_square(graph, ss_subtract(graph, a, b)), 2u, false);
}

ss_tensor *ss_counting_loss(ss_graph *graph, ss_counts counts, float margin, ss_tensor **distance) {
  const int64_t pictures = ss_tensor_dim(counts.whole, 0);
  ss_tensor *const next[] = {ss_slice(graph, counts.whole, 0, 1, pictures), ss_slice(graph, counts.whole, 0, 0, 1)};
  ss_tensor *other = ss_concatenate(graph, next, 2, 0); /* phi(D y) */
  ss_tensor *same = ss_reduce_mean(graph, square_distance(graph, counts.whole, counts.summed), 1u, false);
  ss_tensor *apart = square_distance(graph, other, counts.summed);
  ss_tensor *hinge = ss_relu(graph, ss_affine(graph, apart, -1.0f, margin));
  if (distance) {
    *distance = same;
  }
  return ss_add(graph, same, ss_reduce_mean(graph, hinge, 1u, false));
}

/* Of |s|^2 + |w|^2 - 2 s w the first is the same for all pictures w that the tiles' sum s is compared with. */
ss_tensor *ss_counting_score(ss_graph *graph, ss_counts counts) {
  const int64_t pictures = ss_tensor_dim(counts.whole, 0);
  int32_t *own = calloc((size_t)pictures + 1, sizeof *own);
  for (int64_t i = 0; own && i < pictures; i++) {
    own[i] = (int32_t)i;
  }
  ss_tensor *labels = own ? ss_graph_constant_i32(graph, ss_shape_of(pictures), own) : NULL;
  free(own);
  ss_tensor *whole = ss_stop_gradient(graph, counts.whole), *summed = ss_stop_gradient(graph, counts.summed);
  ss_tensor *squares = ss_reduce_sum(graph, ss_square(graph, whole), 2u, false);
  ss_tensor *nearness = ss_subtract(graph, ss_matmul(graph, summed, false, whole, true, 2.0f),
                                    ss_reshape(graph, squares, ss_shape_of(1, pictures)));
  return ss_accuracy(graph, nearness, labels);
}

/* ---- the method ---- */

static ss_status configure(ss_task *task, ss_error *error) {
  if (task->batch < 2) {
    return ss_fail(error, SS_USAGE,
                   "counting tells pictures from one another: it needs two or more of them, and a --batch of 2");
  }
  if (task->size % 2 != 0) {
    return ss_fail(error, SS_USAGE, "counting cuts pictures into halves: --size must be even, not %d", task->size);
  }
  const int tile = task->size / 2, smallest = ss_backbone_smallest_size(&task->backbone);
  if (tile < smallest) {
    return ss_fail(error, SS_USAGE,
                   "counting shows the network tiles of half the --size, and %s needs %d px: use "
                   "--size %d, not %d",
                   task->backbone.arch, smallest, 2 * smallest, task->size);
  }
  task->inputs[0] = (ss_method_input){"views", SS_F32, ss_shape_of(tile, tile, 3), 1 + SS_COUNTING_TILES};
  task->input_count = 1;
  return SS_OK;
}

static ss_resample draw_filter(const ss_settings *settings, ss_random *random) {
  static const struct {
    const char *name;
    ss_resample filter;
  } filters[] = {{"box", SS_RESAMPLE_BOX},
                 {"bilinear", SS_RESAMPLE_BILINEAR},
                 {"bicubic", SS_RESAMPLE_BICUBIC},
                 {"lanczos", SS_RESAMPLE_LANCZOS}};
  const ss_resample drawn = filters[ss_random_below(random, 4)].filter;
  for (int i = 0; i < 4; i++) {
    if (strcmp(ss_settings_text(settings, "filter"), filters[i].name) == 0) {
      return filters[i].filter;
    }
  }
  return drawn;
}

/* D x, the picture at half its size, and T_1 x ... T_4 x, its quarters (section 3.1, figure 2). */
static ss_status views(const ss_task *task, ss_sample *sample, void *slot, ss_error *error) {
  const int tile = task->size / 2;
  ss_view_options crop = ss_view_options_crop(task->size, (float)ss_settings_float(task->settings, "min_scale"));
  crop.flip = (float)ss_settings_float(task->settings, "flip");
  crop.gray = (float)ss_settings_float(task->settings, "gray");
  ss_random random = ss_sample_random(sample, 0), choice = ss_sample_random(sample, 1);
  ss_image *picture = &sample->work[0], *part = &sample->work[1];
  SS_TRY(ss_view_random(sample->image, &crop, &random, sample->scratch, picture, error));
  SS_TRY(ss_resize(picture, tile, tile, draw_filter(task->settings, &choice), sample->scratch, part, error));
  ss_image_to_float(part, 3, crop.mean, crop.deviation, false, ss_view_slot(task, slot, 0, 0));
  for (int j = 0; j < SS_COUNTING_TILES; j++) {
    SS_TRY(ss_crop(picture, (ss_box){j % 2 * tile, j / 2 * tile, tile, tile}, part, error));
    ss_image_to_float(part, 3, crop.mean, crop.deviation, false, ss_view_slot(task, slot, 0, 1 + j));
  }
  return SS_OK;
}

/* (5N, S/2, S/2, 3) -> backbone -> (5N, D) -> linear layers, ReLU: phi (5N, 1000), no count is negative. */
static void loss(ss_build *build) {
  const ss_settings *settings = build->task->settings;
  ss_graph *graph = build->graph;
  ss_tensor *h = ss_build_backbone(build, build->inputs[0]).output;
  const ss_projector_options head = {.layers = (int)ss_settings_int(settings, "head_layers"),
                                     .hidden = (int)ss_settings_int(settings, "head_hidden"),
                                     .output = (int)ss_settings_int(settings, "features")};
  ss_tensor *phi = ss_relu(graph, ss_projector(graph, h, &head, "head"));
  const ss_counts counts = ss_counts_of(graph, phi);
  ss_tensor *distance = NULL;
  build->losses[0] = ss_counting_loss(graph, counts, (float)ss_settings_float(settings, "margin"), &distance);
  ss_build_report(build, "distance", distance); /* without the contrast all counts would become zero (section 3.3) */
  ss_build_report(build, "square_count",
                  ss_reduce_mean(graph, ss_reduce_sum(graph, ss_square(graph, counts.whole), 2u, false), 1u, false));
  build->score = ss_counting_score(graph, counts);
  build->prediction = ss_cast(graph, phi, SS_F32);
}

static double chance(const ss_task *task) {
  return 100.0 / task->batch;
}

static ss_status picture(const ss_task *task, const ss_shown *shown, ss_image *out, ss_error *error) {
  return ss_sheet_of_counts(task, shown, out, error);
}

const ss_method ss_method_counting = {
    .name = "counting",
    .modality = SS_MODALITY_IMAGE,
    .summary = "what a picture holds is what its four quarters hold together",
    .paper = {"Representation Learning by Learning to Count", "Noroozi, Pirsiavash, Favaro", "ICCV 2017"},
    .options = options,
    .defaults = "optimizer=adam lr=3e-3 weight_decay=0 schedule=cosine warmup=0",
    .changes =
        "tiles and down-sampled picture have half of --size, the paper's 227 px against 114; a random resized crop "
        "before; ResNet with batch norm, whose inner fully connected layers are as wide as its output",
    .score = {"the picture found among the batch's by its tiles' summed counts", true, true, chance, false},
    .configure = configure,
    .views = views,
    .loss = loss,
    .picture = picture};
