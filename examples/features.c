/* features.c: pictures to features.
 *
 *   cc features.c -o features $(pkg-config --cflags --libs selfsup)
 *   ./features runs/mine cat.jpg dog.png          # or a backbone.safetensors, or random:resnet18
 *   ./features runs/mine/backbone.safetensors --layer layer3 cat.jpg
 *
 * Prints what the model is and, for each file, its first few numbers. */
#include <selfsup/selfsup.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static void describe(const ss_encoder *encoder) {
  ss_encoder_info info;
  ss_encoder_describe(encoder, &info);
  printf("%s, %d channels wide, sees %d px of %s, has the layers", info.arch, info.width, info.size, info.input);
  for (size_t i = 0; i < info.layers; i++) {
    printf(" %s", ss_encoder_layer(encoder, i));
  }
  printf("\nfeatures: %d x %d places of %zu numbers\n", info.rows, info.columns, info.channels);
}

int main(int argc, char **argv) {
  ss_encoder_options options = {0};
  int first = 2;
  if (argc > 3 && strcmp(argv[2], "--layer") == 0) {
    options.layer = argv[3];
    first = 4;
  }
  if (argc <= first) {
    fprintf(stderr, "usage: features MODEL [--layer NAME] PICTURE...\n");
    return 2;
  }
  const size_t count = (size_t)(argc - first);
  ss_error error;
  ss_encoder *encoder;
  if (ss_encoder_open(argv[1], &options, &encoder, &error) != SS_OK) {
    fprintf(stderr, "features: %s\n", error.message);
    return 1;
  }
  describe(encoder);
  const size_t dim = ss_encoder_dim(encoder);
  float *features = malloc(count * dim * sizeof *features); /* (count, dim) */
  ss_status status = SS_NO_MEMORY;
  if (features) {
    status = ss_encoder_run_files(encoder, (const char *const *)argv + first, count, features, &error);
  } else {
    snprintf(error.message, sizeof error.message, "not enough memory for %zu features", count);
  }
  for (size_t i = 0; status == SS_OK && i < count; i++) {
    printf("%s:", argv[first + (int)i]);
    for (size_t k = 0; k < dim && k < 4; k++) {
      printf(" %.6g", features[i * dim + k]);
    }
    printf(" ...\n");
  }
  free(features);
  ss_encoder_free(encoder);
  if (status != SS_OK) {
    fprintf(stderr, "features: %s\n", error.message);
    return 1;
  }
  return 0;
}
