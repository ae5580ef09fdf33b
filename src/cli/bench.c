/* selfsup bench BENCHMARK [DATA] */
#include "cli/bench.h"

#include "base/text.h"
#include "cli/json_output.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static const ss_benchmark *const benchmarks[] = {
    &ss_benchmark_step,
    &ss_benchmark_loader,
    &ss_benchmark_kmeans,
};
enum { benchmark_count = sizeof benchmarks / sizeof *benchmarks };

static const ss_flag flags[] = {
    {"method", 0, "METHOD", "whose views, and whose graph (default simclr)"},
    {"set", 0, "KEY=VALUE", "an option of the method; see selfsup methods METHOD"},
    {"rounds", 0, "N", "step: steps to time (default 10)"},
    {"trace", 0, "FILE.json", "step: write the last step as a Chrome trace"},
    {"images", 0, "N", "loader: pictures to load (default 4096)"},
    {"points", 'n', "N", "kmeans: points to cluster (default 100000)"},
    {"dimensions", 'd', "D", "kmeans: of each point (default 256)"},
    {"clusters", 'k', "K", "kmeans: clusters, and Gaussians drawn from (default 1000)"},
    {"iterations", 0, "N", "kmeans: at most (default 10)"},
    {"mini-batch", 0, "N", "kmeans: points an iteration, drawn at random (default: all)"},
    {"spread", 0, "S", "kmeans: deviation of a Gaussian; that of their means is 1 (default 1)"},
    {"out", 0, "FILE.npy", "kmeans: write the points"},
    SS_JSON_FLAGS};

void ss_bench_note(void *context, const char *line) {
  (void)context;
  fprintf(stderr, "%s\n", line);
}

/* Enough pictures of the world for a batch and the part that is kept out. */
static void default_data(const ss_arguments *arguments, char data[64]) {
  const char *size = ss_arguments_value(arguments, "size", "32"),
             *batch = ss_arguments_value(arguments, "batch", "256");
  long pictures = strtol(batch, NULL, 10); /* checked when the options are read */
  pictures = (pictures > 0 && pictures < 100000 ? pictures : 256) * 5 / 4 + 12;
  snprintf(data, 64, "world:images?n=%ld&size=%.8s", pictures, size);
}

ss_status ss_bench_config(const ss_arguments *arguments, ss_config **config, ss_error *error) {
  const char *method = ss_arguments_value(arguments, "method", "simclr");
  char world[64];
  default_data(arguments, world);
  const char *data = arguments->operand_count > 1 ? arguments->operands[1] : world;
  SS_TRY(ss_config_new(method, data, config, error));
  const ss_status status = ss_arguments_apply(arguments, (*config)->settings, error);
  if (status != SS_OK) {
    ss_config_free(*config);
    *config = NULL;
  }
  return status;
}

static int run(const ss_arguments *arguments) {
  ss_error error = {""};
  const char *name = arguments->operands[0], *names[benchmark_count];
  for (int i = 0; i < benchmark_count; i++) {
    names[i] = benchmarks[i]->name;
    if (strcmp(name, names[i]) == 0) {
      return ss_complain(benchmarks[i]->run(arguments, &error), &error);
    }
  }
  const char *nearest = ss_text_nearest(name, names, benchmark_count);
  return ss_complain(ss_fail(&error, SS_USAGE, "unknown benchmark: %s; %s%s", name, nearest ? "did you mean " : "see ",
                             nearest ? nearest : "selfsup bench --help"),
                     &error);
}

const ss_command ss_command_bench = {
    .name = "bench",
    .operands = "BENCHMARK [DATA]",
    .summary = "times a part of a training run alone",
    .more =
        "  step    the graph and the update on one batch, by operation, beside what the machine can do at best\n"
        "  loader  pictures read, decoded and made into a method's views, each one anew each time\n"
        "  kmeans  k-means on points drawn from a mixture of Gaussians, without DATA\n\n"
        "DATA is as for pretrain; without it, pictures of the procedural world of --size. Other options are those of\n"
        "pretrain.\n\n"
        "  selfsup bench step --method supervised --arch resnet50 --size 224 --batch 32\n"
        "  selfsup bench loader ~/Pictures --size 96 --batch 64 --threads 2\n"
        "  selfsup bench kmeans -n 1000000 -d 256 -k 10000 --iterations 3",
    .least = 1,
    .most = 2,
    .flags = flags,
    .options = ss_training_options,
    .run = run};
