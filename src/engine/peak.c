#include "engine/peak.h"

#include "engine/cpu/peak.h"
#include "engine/node.h"
#include "engine/operations.h"
#include "engine/plan.h"

#include <string.h>

/* Sizes are doubled until a round is long enough for what starting a kernel takes not to count. */
enum { least_side = 256, most_side = 4096, repeats = 5 };
static const double long_enough = 0.02;

typedef struct rates {
  ss_peak best;
  double seconds; /* of a round */
} rates;

/* a b in float32 and in bf16, and a + b, of matrices of `side`; the sums of the results are what is asked for. */
static void record(ss_graph *graph, int64_t side) {
  const ss_shape shape = ss_shape_of(side, side);
  const ss_initializer numbers = {SS_INIT_UNIFORM, 1.0f}; /* on zeros a GPU is faster than it ever is at work */
  ss_tensor *a = ss_graph_parameter(graph, "a", SS_F32, shape, numbers, 0);
  ss_tensor *b = ss_graph_parameter(graph, "b", SS_F32, shape, numbers, 0);
  ss_tensor *narrow_a = ss_cast(graph, a, SS_BF16), *narrow_b = ss_cast(graph, b, SS_BF16);
  ss_tensor *const results[] = {ss_matmul(graph, a, false, b, false, 1.0f),
                                ss_matmul(graph, narrow_a, false, narrow_b, false, 1.0f), ss_add(graph, a, b)};
  for (size_t i = 0; i < sizeof results / sizeof *results; i++) {
    ss_graph_keep(graph, ss_reduce_sum(graph, results[i], 3, false));
  }
}

/* What the nodes of the plan reached in its last run. */
static void take(const ss_plan *plan, rates *of) {
  for (size_t i = 0; i < ss_plan_node_count(plan); i++) {
    const ss_node_profile node = ss_plan_profile(plan, i);
    double *best = node.flops > 0.0 ? (node.bf16 ? &of->best.bf16_flops : &of->best.f32_flops) : &of->best.bytes;
    const bool counts = node.flops > 0.0 || strcmp(node.operation, ss_operation_binary.name) == 0;
    const double rate = (node.flops > 0.0 ? node.flops : node.bytes) / (node.last_time > 0.0 ? node.last_time : 1.0);
    of->seconds += node.last_time;
    *best = counts && rate > *best ? rate : *best;
  }
}

static ss_status measure_plan(ss_plan *plan, rates *of) {
  SS_TRY(ss_plan_run(plan, 0, NULL)); /* starts what is started once */
  ss_plan_enable_profile(plan, true);
  for (int k = 0; k < repeats; k++) {
    SS_TRY(ss_plan_run(plan, 0, NULL));
    of->seconds = 0.0;
    take(plan, of);
  }
  return SS_OK;
}

static ss_status measure_side(const ss_device *device, bool tf32, int64_t side, rates *of) {
  ss_plan *plan = NULL;
  ss_parameters *parameters = ss_parameters_new(1);
  ss_graph *graph = parameters ? ss_graph_new(parameters, &(ss_graph_options){.compute = SS_BF16, .tf32 = tf32}) : NULL;
  ss_status status = SS_NO_MEMORY;
  if (graph) {
    record(graph, side);
    status = ss_plan_new(graph, &(ss_plan_options){.device = device}, &plan, NULL);
  }
  if (status == SS_OK) {
    status = measure_plan(plan, of);
  }
  ss_plan_free(plan);
  ss_graph_free(graph);
  ss_parameters_free(parameters);
  return status;
}

ss_peak ss_peak_measure(const ss_device *device, bool tf32, int threads) {
  if (!ss_device_has_memory(device)) {
    return ss_cpu_peak_measure(threads);
  }
  rates of = {.seconds = 0.0};
  for (int64_t side = least_side; side <= most_side && of.seconds < long_enough; side *= 2) {
    if (measure_side(device, tf32, side, &of) != SS_OK) {
      break;
    }
  }
  return of.best;
}
