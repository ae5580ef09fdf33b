/* Benchmarks: parts of a run timed alone. */
#ifndef SS_CLI_BENCH_H
#define SS_CLI_BENCH_H

#include "cli/arguments.h"
#include "train/config.h"

/* A benchmark: a file bench_NAME.c and a line of the table in bench.c. */
typedef struct ss_benchmark {
  const char *name;
  ss_status (*run)(const ss_arguments *arguments, ss_error *error);
} ss_benchmark;

extern const ss_benchmark ss_benchmark_kmeans;
extern const ss_benchmark ss_benchmark_loader;
extern const ss_benchmark ss_benchmark_step;

/* An observer's note: a line to standard error. */
void ss_bench_note(void *context, const char *line);

/* The configuration of a run on DATA, the second operand (without one, the world): --method's defaults (simclr's
 * without), the options and --set pairs of the command line over them. The caller frees it. */
ss_status ss_bench_config(const ss_arguments *arguments, ss_config **config, ss_error *error);

#endif
