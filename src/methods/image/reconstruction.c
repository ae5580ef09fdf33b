#include "methods/image/reconstruction.h"

#include "methods/decoder.h"
#include "methods/image_quality.h"
#include "methods/sheet.h"

ss_status ss_reconstruction_view(const ss_task *task, ss_sample *sample, ss_random *random, float *out,
                                 ss_error *error) {
  ss_view_options crop = ss_view_options_crop(task->size, (float)ss_settings_float(task->settings, "min_scale"));
  crop.flip = (float)ss_settings_float(task->settings, "flip");
  SS_TRY(ss_view_random(sample->image, &crop, random, sample->scratch, &sample->work[0], error));
  ss_image_to_float(&sample->work[0], 3, crop.mean, crop.deviation, false, out);
  return SS_OK;
}

ss_tensor *ss_autoencoder(ss_build *build, ss_tensor *pictures, int code) {
  ss_graph *graph = build->graph;
  const ss_backbone_layers layers = ss_build_backbone(build, pictures);
  ss_tensor *map = layers.tensors[layers.count - 1];
  if (!map) {
    return NULL;
  }
  const ss_decoder_options decoder = {
      .size = (int)ss_tensor_dim(pictures, 1), .channels = 3, .width = (int)ss_tensor_dim(map, -1)};
  if (code > 0) {
    map = ss_linear(graph, ss_reshape(graph, map, ss_shape_of(ss_tensor_dim(map, 0), -1)), code, true, "code");
  }
  return ss_cast(graph, ss_picture_decoder(graph, map, &decoder, "decoder"), SS_F32);
}

ss_tensor *ss_psnr_normalised(ss_graph *graph, ss_tensor *prediction, ss_tensor *target, ss_tensor *weights) {
  ss_tensor *scale = ss_graph_constant(graph, ss_shape_of(3), ss_imagenet_deviation);
  if (weights) {
    scale = ss_multiply(graph, ss_sqrt(graph, weights), scale);
  }
  ss_tensor *a = ss_multiply(graph, ss_cast(graph, ss_stop_gradient(graph, prediction), SS_F32), scale);
  return ss_psnr_mean(graph, a, ss_multiply(graph, ss_cast(graph, target, SS_F32), scale), 1.0f);
}

void ss_reconstruction_score(ss_build *build, ss_tensor *prediction, ss_tensor *target, ss_tensor *weights) {
  ss_graph *graph = build->graph;
  build->score = ss_psnr_normalised(graph, prediction, target, weights);
  ss_tensor *counted = weights ? ss_multiply(graph, target, weights) : target;
  ss_tensor *colour = ss_reduce_mean(graph, counted, 0x7, true);
  build->chance = ss_psnr_normalised(graph, ss_broadcast(graph, colour, ss_tensor_shape(target)), target, weights);
}

ss_status ss_reconstruction_sheet(const ss_task *task, const float *seen, const float *made, const float *original,
                                  int batch, ss_image *out, ss_error *error) {
  const float *const pictures[] = {seen, made, original};
  ss_sheet_row rows[3];
  int count = 0;
  for (int i = 0; i < 3; i++) {
    if (pictures[i]) {
      rows[count++] = (ss_sheet_row){.pictures = pictures[i],
                                     .width = task->size,
                                     .height = task->size,
                                     .channels = 3,
                                     .mean = ss_imagenet_mean,
                                     .deviation = ss_imagenet_deviation};
    }
  }
  return ss_sheet_of_pictures(rows, count, batch, out, error);
}
