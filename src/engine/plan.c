#include "engine/plan.h"

#include "base/clock.h"
#include "base/memory.h"
#include "base/system.h"
#include "engine/choose.h"
#include "engine/kernel.h"
#include "engine/placement.h"
#include "engine/work.h"

#include <omp.h>
#include <stdlib.h>
#include <string.h>

typedef struct timing {
  double seconds, begin, last_time;
  int64_t runs;
  char sizes[160];
  char times[120];
} timing;

struct ss_plan {
  ss_graph *graph;
  ss_step *steps;
  size_t step_count;
  size_t prepared; /* steps whose state must be released */
  ss_placement placement;
  char *arena;
  uint64_t random_step[2];
  int threads;
  bool profiling;
  timing *timings;
};

static void *tensor_data(const ss_plan *plan, const ss_tensor *tensor) {
  switch (tensor->kind) {
    case SS_TENSOR_PARAMETER:
      return tensor->parameter->value;
    case SS_TENSOR_CONSTANT:
      return tensor->constant;
    case SS_TENSOR_INPUT:
    case SS_TENSOR_ACTIVATION:
      break;
  }
  if (tensor->producer && (ss_operation_define(tensor->producer->operation)->flags & SS_IS_VIEW)) {
    return tensor_data(plan, tensor->producer->inputs[0]);
  }
  const size_t offset = plan->placement.offsets[tensor->id];
  return offset == SS_NO_PLACE ? NULL : plan->arena + offset;
}

/* Chooses and prepares the kernel of each node that computes something. */
static ss_status prepare_steps(ss_plan *plan, ss_ways *ways, ss_error *error) {
  const ss_device *device = ss_device_cpu();
  for (size_t i = 0; i < plan->step_count; i++) {
    ss_step *step = &plan->steps[i];
    step->node = plan->graph->nodes[i];
    step->threads = plan->threads;
    step->random_step = plan->random_step;
    plan->prepared = i + 1;
    if (ss_operation_define(step->node->operation)->flags & SS_IS_VIEW) {
      continue;
    }
    ss_choice choice;
    SS_TRY(ss_choose_way(step->node, device, plan->threads, ways, &choice, error));
    step->way = choice.way;
    memcpy(plan->timings[i].times, choice.times, sizeof choice.times);
    if (step->way->prepare) {
      SS_TRY(step->way->prepare(step, error));
    }
  }
  return SS_OK;
}

static ss_status place_tensors(ss_plan *plan, ss_error *error) {
  size_t *scratch = calloc(plan->step_count ? plan->step_count : 1, sizeof *scratch);
  if (!scratch) {
    return ss_fail_memory(error, plan->step_count * sizeof *scratch, "the plan");
  }
  for (size_t i = 0; i < plan->step_count; i++) {
    scratch[i] = plan->steps[i].scratch_bytes;
  }
  const ss_status status = ss_placement_make(&plan->placement, plan->graph, scratch, error);
  free(scratch);
  SS_TRY(status);
  /* Linux promises memory that it does not have; asked for beforehand, a batch that is too large is an error and not a
   * killed process. */
  const uint64_t available = ss_system_available_memory();
  const bool fits = available == 0 || plan->placement.bytes <= available;
  plan->arena = fits ? ss_alloc_aligned(plan->placement.bytes) : NULL;
  if (!plan->arena) {
    return ss_fail(
        error, SS_NO_MEMORY,
        "not enough memory for this batch: it takes %.0f MB, %.0f MB are free; use a smaller --batch or --size",
        (double)plan->placement.bytes / 1e6, (double)available / 1e6);
  }
  for (size_t i = 0; i < plan->step_count; i++) {
    ss_step *step = &plan->steps[i];
    for (int k = 0; k < step->node->input_count; k++) {
      step->in[k] = step->node->inputs[k] ? tensor_data(plan, step->node->inputs[k]) : NULL;
    }
    for (int k = 0; k < step->node->output_count; k++) {
      step->out[k] = step->node->outputs[k] ? tensor_data(plan, step->node->outputs[k]) : NULL;
    }
    step->scratch = plan->arena + plan->placement.scratch_offsets[i];
  }
  return SS_OK;
}

static ss_status build(ss_plan *plan, ss_ways *ways, bool recompute, ss_error *error) {
  ss_graph *graph = plan->graph;
  if (!graph->passes_done) {
    ss_pass_fuse_norms(graph);
    ss_pass_remove_unused(graph);
    ss_pass_fold_sums(graph);
    if (recompute) {
      ss_pass_recompute(graph);
    }
    ss_pass_layouts(graph, ss_device_cpu());
    graph->passes_done = true;
  }
  SS_TRY(ss_graph_status(graph, error));
  plan->step_count = graph->node_count;
  plan->random_step[1] = graph->options.seed;
  SS_TRY(ss_alloc((void **)&plan->steps, plan->step_count, sizeof *plan->steps, "the plan", error));
  SS_TRY(ss_alloc((void **)&plan->timings, plan->step_count, sizeof *plan->timings, "the plan", error));
  SS_TRY(prepare_steps(plan, ways, error));
  return place_tensors(plan, error);
}

ss_status ss_plan_new(ss_graph *graph, const ss_plan_options *options, ss_plan **out, ss_error *error) {
  *out = NULL;
  SS_TRY(ss_graph_status(graph, error));
  ss_plan *plan = calloc(1, sizeof *plan);
  if (!plan) {
    return ss_fail_memory(error, sizeof *plan, "the plan");
  }
  plan->graph = graph;
  plan->threads = options && options->threads > 0 ? options->threads : omp_get_num_procs();
  omp_set_num_threads(plan->threads);
  ss_ways *own = NULL;
  ss_ways *ways = options ? options->ways : NULL;
  if (!ways) {
    ways = own = ss_ways_new();
  }
  ss_status status =
      ways ? build(plan, ways, options && options->recompute, error) : ss_fail_memory(error, 1, "the plan");
  ss_ways_free(own);
  if (status != SS_OK) {
    ss_plan_free(plan);
    return status;
  }
  *out = plan;
  return SS_OK;
}

void ss_plan_free(ss_plan *plan) {
  if (!plan) {
    return;
  }
  for (size_t i = 0; i < plan->prepared; i++) {
    if (plan->steps[i].way && plan->steps[i].way->release) {
      plan->steps[i].way->release(&plan->steps[i]);
    }
  }
  ss_free_aligned(plan->arena, plan->placement.bytes);
  ss_placement_free(&plan->placement);
  free(plan->timings);
  free(plan->steps);
  free(plan);
}

ss_status ss_plan_run(ss_plan *plan, uint64_t step, ss_error *error) {
  omp_set_num_threads(plan->threads);
  plan->random_step[0] = step;
  for (size_t i = 0; i < plan->step_count; i++) {
    const ss_step *current = &plan->steps[i];
    if (!current->way) {
      continue; /* a view: the memory is its input's */
    }
    const double start = plan->profiling ? ss_clock_seconds() : 0.0;
    if (current->way->run(current) != SS_OK) {
      char text[160];
      return ss_fail(error, SS_FAILED, "the kernel %s failed at %s", current->way->name,
                     ss_node_text(current->node, text));
    }
    if (plan->profiling) {
      timing *measured = &plan->timings[i];
      measured->begin = start;
      measured->last_time = ss_clock_seconds() - start;
      measured->seconds += measured->last_time;
      measured->runs++;
    }
  }
  return SS_OK;
}

void *ss_plan_data(const ss_plan *plan, const ss_tensor *tensor) {
  return tensor ? tensor_data(plan, tensor->plain ? tensor->plain : tensor) : NULL;
}

size_t ss_plan_arena_bytes(const ss_plan *plan) {
  return plan->placement.bytes;
}

size_t ss_plan_node_count(const ss_plan *plan) {
  return plan->step_count;
}

void ss_plan_enable_profile(ss_plan *plan, bool enable) {
  plan->profiling = enable;
}

ss_node_profile ss_plan_profile(const ss_plan *plan, size_t index) {
  const ss_step *step = &plan->steps[index];
  timing *measured = &plan->timings[index];
  const ss_work work = ss_node_work(step->node);
  return (ss_node_profile){.operation = ss_operation_define(step->node->operation)->name,
                           .way = step->way ? step->way->name : "",
                           .times = measured->times,
                           .sizes = ss_node_sizes(step->node, measured->sizes),
                           .flops = work.flops,
                           .bf16 = work.bf16,
                           .bytes = work.bytes,
                           .seconds = measured->seconds,
                           .runs = measured->runs,
                           .begin = measured->begin,
                           .last_time = measured->last_time};
}
