/* AET vs. AED: Unsupervised Representation Learning by Auto-Encoding Transformations rather than Data. Zhang, Qi, Wang,
 * Luo. CVPR 2019. */
#include "augment/view.h"
#include "augment/warp.h"
#include "methods/image/views.h"
#include "methods/method.h"
#include "methods/sheet.h"

#include <math.h>
#include <string.h>

static const ss_option options[] = {
    {"kind", SS_OPTION_CHOICE, "projective", "family of the transformations", 0, 0, "projective|affine"},
    {"border", SS_OPTION_CHOICE, "reflect",
     "what lies beyond the picture: constant shows the frame, which gives it away", 0, 0, "reflect|constant"},
    {"min_scale", SS_OPTION_FRACTION, "0.5", "smallest area of the random crop that is transformed", 0, 0, NULL},
    {"flip", SS_OPTION_FRACTION, "0.5", "probability of mirroring left and right", 0, 0, NULL},
    {0}};

static const ss_recipe recipes[] = {
    {"paper", "the paper's CIFAR-10 setting (section 5.1.1)",
     "optimizer=sgd lr=0.1 batch=512 epochs=1500 momentum=0.9 nesterov=1 weight_decay=5e-4 schedule=step "
     "milestones=240,480,640,800,1000 gamma=0.2 border=constant"},
    {0}};

enum { corners = 4, projective_parameters = 2 * corners, affine_parameters = 6, most_parameters = 8 };

/* Section 5.1.1; the affine ones are those of the authors' code. */
static const float corner_shift = 0.125f;                                    /* of the side, up to */
static const float projective_scales[2] = {0.8f, 1.2f};                      /* before */
static const float affine_scales[2] = {0.7f, 1.3f}, most_translation = 0.2f; /* of the side */
static const float most_rotation = 3.14159265f, most_shear = 3.14159265f / 6.0f;

static bool is_projective(const ss_task *task) {
  return strcmp(ss_settings_text(task->settings, "kind"), "projective") == 0;
}

static ss_border border_of(const ss_task *task) {
  return strcmp(ss_settings_text(task->settings, "border"), "reflect") == 0 ? SS_BORDER_REFLECT : SS_BORDER_CONSTANT;
}

static ss_status configure(ss_task *task, ss_error *error) {
  (void)error;
  const int parameters = is_projective(task) ? projective_parameters : affine_parameters;
  task->inputs[0] = (ss_method_input){"pictures", SS_F32, ss_shape_of(task->size, task->size, 3), 2};
  task->inputs[1] = (ss_method_input){"transformation", SS_F32, ss_shape_of(parameters), 1};
  task->input_count = 2;
  return SS_OK;
}

/* ---- transformations: what is regressed, and the homography that it stands for ---- */

/* x and y of the corners of the square of half side one, clockwise from the top left one. */
static const float square[corners][2] = {{-1.0f, -1.0f}, {1.0f, -1.0f}, {1.0f, 1.0f}, {-1.0f, 1.0f}};

/* Where the corners go, in half sides from the centre: scaled, turned by a multiple of 90 degrees, then each moved. */
static void draw_projective(ss_random *random, float *parameters) {
  const float scale = ss_random_between(random, projective_scales[0], projective_scales[1]);
  const int quarters = (int)ss_random_below(random, 4);
  for (int i = 0; i < corners; i++) {
    for (int k = 0; k < 2; k++) {
      const float shift = ss_random_between(random, -2.0f * corner_shift, 2.0f * corner_shift);
      parameters[2 * i + k] = scale * square[(i + quarters) % corners][k] + shift;
    }
  }
}

/* Cosine and sine of the rotation; translation, scale and shear as shares of their ranges, -1 to 1. */
static void draw_affine(ss_random *random, float *parameters) {
  const float rotation = ss_random_between(random, -most_rotation, most_rotation);
  parameters[0] = cosf(rotation);
  parameters[1] = sinf(rotation);
  for (int i = 2; i < affine_parameters; i++) {
    parameters[i] = ss_random_between(random, -1.0f, 1.0f);
  }
}

/* From the picture to its transformed copy, both `side` pixels square. False for corners that make no quadrilateral. */
static bool homography_of(const float *parameters, bool projective, int side, ss_homography *out) {
  const double half = 0.5 * side;
  if (projective) {
    double from[corners][2], to[corners][2];
    for (int i = 0; i < projective_parameters; i++) {
      from[i / 2][i % 2] = half + half * (double)square[i / 2][i % 2];
      to[i / 2][i % 2] = half + half * (double)parameters[i];
    }
    return ss_homography_from_points((const double(*)[2])from, (const double(*)[2])to, out);
  }
  const double middle = 0.5 * ((double)affine_scales[0] + (double)affine_scales[1]);
  const ss_affine_parameters affine = {.rotation = atan2((double)parameters[1], (double)parameters[0]),
                                       .translation = {(double)(parameters[2] * most_translation) * side,
                                                       (double)(parameters[3] * most_translation) * side},
                                       .scale = middle + (double)parameters[4] * ((double)affine_scales[1] - middle),
                                       .shear = (double)(parameters[5] * most_shear)};
  *out = ss_homography_affine(&affine, half, half);
  return true;
}

/* ---- views ---- */

static const uint8_t gray[3] = {128, 128, 128};

/* x and t(x), and the parameters of t (section 3). */
static ss_status views(const ss_task *task, ss_sample *sample, void *slot, ss_error *error) {
  ss_view_options crop = ss_view_options_crop(task->size, (float)ss_settings_float(task->settings, "min_scale"));
  crop.flip = (float)ss_settings_float(task->settings, "flip");
  SS_TRY(ss_sample_view(&crop, sample, 0, ss_view_slot(task, slot, 0, 0), error));
  ss_random random = ss_sample_random(sample, 1);
  float *parameters = ss_view_slot(task, slot, 1, 0);
  const bool projective = is_projective(task);
  ss_homography there, back;
  do { /* four corners within their ranges always make a quadrilateral; a matrix without an inverse is out of reach */
    (projective ? draw_projective : draw_affine)(&random, parameters);
  } while (!homography_of(parameters, projective, task->size, &there) || !ss_homography_invert(&there, &back));
  ss_image *picture = &sample->work[0], *warped = &sample->work[1];
  SS_TRY(ss_warp(picture, &back, task->size, task->size, border_of(task), gray, warped, error));
  ss_image_to_float(warped, 3, crop.mean, crop.deviation, false, ss_view_slot(task, slot, 0, 1));
  return SS_OK;
}

/* x, t(x) -> one backbone -> both features side by side (N, 2D) -> linear (N, parameters) -> mean squared error
 * (equations 1 and 3). All parameters' means are zero: the best constant answers zero. */
static void loss(ss_build *build) {
  ss_graph *graph = build->graph;
  ss_tensor *h = ss_build_backbone(build, build->inputs[0]).output, *target = build->inputs[1];
  ss_tensor *pair[] = {ss_slice(graph, h, 0, 0, build->batch), ss_slice(graph, h, 0, build->batch, 2 * build->batch)};
  const int parameters = (int)ss_tensor_dim(target, 1);
  ss_tensor *estimate = ss_linear(graph, ss_concatenate(graph, pair, 2, 1), parameters, true, "head");
  build->losses[0] = ss_l2_loss(graph, estimate, target, NULL);
  build->score = build->losses[0];
  build->chance = ss_reduce_mean(graph, ss_square(graph, target), 3u, false);
  build->prediction = ss_cast(graph, estimate, SS_F32);
}

/* ---- pictures ---- */

/* A house's outline, in half sides: which way is up is seen at once. */
static const float house[][2] = {{-0.45f, 0.5f}, {-0.45f, -0.1f}, {0.0f, -0.6f}, {0.45f, -0.1f}, {0.45f, 0.5f}};
enum { house_points = sizeof house / sizeof *house };

static void draw_house(ss_image *sheet, int tile, int column, int row, const ss_homography *homography, int side,
                       const uint8_t colour[3]) {
  double points[house_points][2];
  for (int i = 0; i < house_points; i++) {
    const double half = 0.5 * side, x = half + half * (double)house[i][0], y = half + half * (double)house[i][1];
    if (!ss_homography_apply(homography, x, y, points[i])) {
      return;
    }
  }
  for (int i = 0; i < house_points; i++) {
    const double *from = points[i], *to = points[(i + 1) % house_points];
    ss_sheet_line(sheet, tile, column, row, (float)(from[0] / side), (float)(from[1] / side), (float)(to[0] / side),
                  (float)(to[1] / side), colour);
  }
}

/* One column: the picture with a house on it; transformed, with the house where it went and where the network thinks
 * that it went; the transformed one brought back by the predicted transformation. */
static ss_status draw_column(const ss_task *task, const ss_shown *shown, int column, int tile, ss_image work[2],
                             ss_image *out, ss_error *error) {
  const int side = task->size, parameters = (int)task->inputs[1].shape.dims[0];
  const int64_t numbers = ss_shape_count(task->inputs[0].shape);
  const ss_homography still = {{1.0, 0.0, 0.0, 0.0, 1.0, 0.0, 0.0, 0.0, 1.0}};
  ss_homography truth, predicted;
  for (int row = 0; row < 2; row++) {
    const float *view = (const float *)shown->inputs[0] + ((int64_t)row * shown->batch + column) * numbers;
    SS_TRY(ss_image_from_float(view, side, side, 3, ss_imagenet_mean, ss_imagenet_deviation, &work[0], error));
    ss_sheet_put(out, tile, column, row, &work[0]);
  }
  draw_house(out, tile, column, 0, &still, side, ss_colour_right);
  const float *target = (const float *)shown->inputs[1] + (ptrdiff_t)column * parameters;
  if (homography_of(target, is_projective(task), side, &truth)) {
    draw_house(out, tile, column, 1, &truth, side, ss_colour_right);
  }
  const float *estimate = shown->prediction + (ptrdiff_t)column * parameters;
  if (homography_of(estimate, is_projective(task), side, &predicted)) {
    draw_house(out, tile, column, 1, &predicted, side, ss_colour_wrong);
    SS_TRY(ss_warp(&work[0], &predicted, side, side, SS_BORDER_CONSTANT, gray, &work[1], error));
    ss_sheet_put(out, tile, column, 2, &work[1]);
  }
  return SS_OK;
}

static ss_status picture(const ss_task *task, const ss_shown *shown, ss_image *out, ss_error *error) {
  const int columns = ss_sheet_columns(shown->batch), tile = ss_sheet_tile(task->size);
  SS_TRY(ss_sheet_new(out, columns, 3, tile, error));
  ss_image work[2] = {{0}};
  ss_status status = SS_OK;
  for (int column = 0; column < columns && status == SS_OK; column++) {
    status = draw_column(task, shown, column, tile, work, out, error);
  }
  ss_image_free(&work[0]);
  ss_image_free(&work[1]);
  return status;
}

const ss_method ss_method_transformation = {
    .name = "transformation",
    .modality = SS_MODALITY_IMAGE,
    .summary = "tells how a picture was transformed from the picture and its transformed copy",
    .paper = {"AET vs. AED: Unsupervised Representation Learning by Auto-Encoding Transformations rather than Data",
              "Zhang, Qi, Wang, Luo", "CVPR 2019"},
    .options = options,
    .defaults = "optimizer=adam lr=1e-3 weight_decay=1e-5 schedule=cosine warmup=0",
    .recipes = recipes,
    .changes =
        "the border is reflected, not grey; a projective transformation is regressed as where the corners go, not "
        "as the matrix; a random resized crop before; ResNet in place of the network in network",
    .score = {"mean squared error of the parameters", false, false, NULL, false},
    .configure = configure,
    .views = views,
    .loss = loss,
    .picture = picture};
