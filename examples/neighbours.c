/* neighbours.c: of some pictures, those most like the first.
 *
 *   cc neighbours.c -o neighbours $(pkg-config --cflags --libs selfsup) -lm
 *   ./neighbours runs/mine query.jpg holiday-*.jpg
 *
 * Prints the files by the cosine of the angle between their features and the query's, the most alike first. */
#include <selfsup/selfsup.h>

#include <math.h>
#include <stdio.h>
#include <stdlib.h>

typedef struct match {
  const char *path;
  double cosine;
} match;

static int most_alike_first(const void *a, const void *b) {
  const double x = ((const match *)a)->cosine, y = ((const match *)b)->cosine;
  return (x < y) - (x > y);
}

static double cosine_of(const float *a, const float *b, size_t dim) {
  double product = 0.0, a_square = 0.0, b_square = 0.0;
  for (size_t k = 0; k < dim; k++) {
    product += (double)a[k] * b[k];
    a_square += (double)a[k] * a[k];
    b_square += (double)b[k] * b[k];
  }
  return a_square > 0.0 && b_square > 0.0 ? product / sqrt(a_square * b_square) : 0.0;
}

static ss_status find(ss_encoder *encoder, const char *const *paths, size_t count, ss_error *error) {
  const size_t dim = ss_encoder_dim(encoder);
  float *features = malloc(count * dim * sizeof *features); /* (count, dim), the query's first */
  match *matches = malloc(count * sizeof *matches);
  ss_status status = SS_NO_MEMORY;
  if (features && matches) {
    status = ss_encoder_run_files(encoder, paths, count, features, error);
  } else {
    snprintf(error->message, sizeof error->message, "not enough memory for %zu pictures", count);
  }
  if (status == SS_OK) {
    for (size_t i = 1; i < count; i++) {
      matches[i - 1] = (match){paths[i], cosine_of(features, features + i * dim, dim)};
    }
    qsort(matches, count - 1, sizeof *matches, most_alike_first);
    for (size_t i = 0; i + 1 < count && i < 10; i++) {
      printf("%.4f  %s\n", matches[i].cosine, matches[i].path);
    }
  }
  free(matches);
  free(features);
  return status;
}

int main(int argc, char **argv) {
  if (argc < 4) {
    fprintf(stderr, "usage: neighbours MODEL QUERY PICTURE...\n");
    return 2;
  }
  ss_error error;
  ss_encoder *encoder;
  ss_status status = ss_encoder_open(argv[1], NULL, &encoder, &error);
  if (status == SS_OK) {
    status = find(encoder, (const char *const *)argv + 2, (size_t)(argc - 2), &error);
    ss_encoder_free(encoder);
  }
  if (status != SS_OK) {
    fprintf(stderr, "neighbours: %s\n", error.message);
    return 1;
  }
  return 0;
}
