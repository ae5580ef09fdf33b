#include "engine/plan.h"

#include "base/clock.h"
#include "base/memory.h"
#include "engine/batch_norm.h"
#include "engine/choose.h"
#include "engine/kernel.h"
#include "engine/plan_memory.h"
#include "engine/residence.h"
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
  const ss_device *device;
  ss_step *steps;
  size_t step_count;
  size_t prepared; /* steps whose state must be released */
  ss_plan_memory memory;
  uint64_t random_step[2];
  void *random_step_there; /* its copy in the device's memory */
  void *recording;         /* the steps, as the device replays them */
  bool writes_parameters;
  int threads;
  bool profiling;
  timing *timings;
};

/* Chooses and prepares the kernel of each node that computes something. */
static ss_status prepare_steps(ss_plan *plan, ss_ways *ways, ss_error *error) {
  for (size_t i = 0; i < plan->step_count; i++) {
    ss_step *step = &plan->steps[i];
    step->node = plan->graph->nodes[i];
    step->threads = plan->threads;
    step->random_step = plan->random_step_there ? plan->random_step_there : plan->random_step;
    plan->prepared = i + 1;
    if (ss_operation_define(step->node->operation)->flags & SS_IS_VIEW) {
      continue;
    }
    ss_choice choice;
    SS_TRY(ss_choose_way(step->node, plan->device, plan->threads, ways, &choice, error));
    step->way = choice.way;
    memcpy(plan->timings[i].times, choice.times, sizeof choice.times);
    if (step->way->prepare) {
      SS_TRY(step->way->prepare(step, error));
    }
  }
  return SS_OK;
}

/* What each step wants of it, in order; to be freed. */
static ss_status list_scratch(const ss_plan *plan, size_t **out, ss_error *error) {
  SS_TRY(ss_alloc((void **)out, plan->step_count, sizeof **out, "the plan", error));
  for (size_t i = 0; i < plan->step_count; i++) {
    (*out)[i] = plan->steps[i].scratch_bytes;
  }
  return SS_OK;
}

static ss_status place_tensors(ss_plan *plan, ss_error *error) {
  size_t *scratch = NULL;
  SS_TRY(list_scratch(plan, &scratch, error));
  const ss_status status = ss_plan_memory_make(&plan->memory, plan->graph, plan->device, scratch, error);
  free(scratch);
  SS_TRY(status);
  for (size_t i = 0; i < plan->step_count; i++) {
    ss_step *step = &plan->steps[i];
    for (int k = 0; k < step->node->input_count; k++) {
      step->in[k] = step->node->inputs[k] ? ss_plan_memory_there(&plan->memory, step->node->inputs[k]) : NULL;
    }
    for (int k = 0; k < step->node->output_count; k++) {
      step->out[k] = step->node->outputs[k] ? ss_plan_memory_there(&plan->memory, step->node->outputs[k]) : NULL;
    }
    step->scratch = plan->memory.arena + plan->memory.placement.scratch_offsets[i];
  }
  return SS_OK;
}

/* Whether a run changes the node's parameters: a batch norm's running statistics. */
static bool writes_parameters(const ss_node *node) {
  const unsigned flags = node->attributes.flags;
  return node->operation == SS_OP_BATCH_NORM && (flags & SS_BATCH_NORM_TRAINING) &&
         !(flags & (SS_BATCH_NORM_HELD | SS_BATCH_NORM_SAVED));
}

static ss_status build(ss_plan *plan, ss_ways *ways, const ss_plan_options *options, ss_error *error) {
  ss_graph *graph = plan->graph;
  if (!graph->passes_done) {
    ss_pass_fuse_norms(graph);
    ss_pass_remove_unused(graph);
    ss_pass_fold_sums(graph);
    if (options && options->recompute) {
      ss_pass_recompute(graph);
    }
    ss_pass_layouts(graph, plan->device);
    const bool separate = options && options->separate;
    if (plan->device->fuses_epilogues && !separate) {
      ss_pass_epilogues(graph);
    }
    if (plan->device->fuses_chains && !separate) {
      ss_pass_chains(graph);
    }
    graph->passes_done = true;
  }
  SS_TRY(ss_graph_status(graph, error));
  plan->step_count = graph->node_count;
  plan->random_step[1] = graph->options.seed;
  SS_TRY(ss_alloc((void **)&plan->steps, plan->step_count, sizeof *plan->steps, "the plan", error));
  SS_TRY(ss_alloc((void **)&plan->timings, plan->step_count, sizeof *plan->timings, "the plan", error));
  for (size_t i = 0; i < plan->step_count; i++) {
    plan->writes_parameters = plan->writes_parameters || writes_parameters(graph->nodes[i]);
  }
  if (plan->device->memory) {
    SS_TRY(plan->device->memory->reserve(sizeof plan->random_step, "the plan", &plan->random_step_there, error));
  }
  SS_TRY(ss_parameters_reserve(graph->parameters, plan->device, error));
  return prepare_steps(plan, ways, error);
}

/* A plan whose tensors have no memory yet. */
static ss_status open_plan(ss_graph *graph, const ss_plan_options *options, ss_plan **out, ss_error *error) {
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
  plan->device = options ? options->device : NULL;
  ss_status status = plan->device ? SS_OK : ss_device_default(&plan->device, error);
  if (status == SS_OK) {
    status = ways ? build(plan, ways, options, error) : ss_fail_memory(error, 1, "the plan");
  }
  ss_ways_free(own);
  if (status != SS_OK) {
    ss_plan_free(plan);
    return status;
  }
  *out = plan;
  return SS_OK;
}

ss_status ss_plan_new(ss_graph *graph, const ss_plan_options *options, ss_plan **out, ss_error *error) {
  SS_TRY(open_plan(graph, options, out, error));
  const ss_status status = place_tensors(*out, error);
  if (status != SS_OK) {
    ss_plan_free(*out);
    *out = NULL;
  }
  return status;
}

ss_status ss_plan_measure(ss_graph *graph, const ss_plan_options *options, size_t *bytes, ss_error *error) {
  *bytes = 0;
  ss_plan *plan = NULL;
  size_t *scratch = NULL;
  if (!options || !ss_device_has_memory(options->device)) {
    return SS_OK;
  }
  SS_TRY(open_plan(graph, options, &plan, error));
  ss_status status = list_scratch(plan, &scratch, error);
  if (status == SS_OK) {
    status = ss_plan_memory_measure(graph, scratch, bytes, error);
  }
  free(scratch);
  ss_plan_free(plan);
  return status;
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
  if (plan->device && plan->device->memory) {
    plan->device->memory->release_recording(plan->recording);
    plan->device->memory->release(plan->random_step_there);
  }
  ss_plan_memory_free(&plan->memory);
  free(plan->timings);
  free(plan->steps);
  free(plan);
}

/* Waits for the device where the time of each step is wanted. */
static ss_status run_step(ss_plan *plan, size_t index, ss_error *error) {
  const ss_step *step = &plan->steps[index];
  const double start = plan->profiling ? ss_clock_seconds() : 0.0;
  if (step->way->run(step) != SS_OK) {
    char text[160];
    return ss_fail(error, SS_FAILED, "the kernel %s failed at %s", step->way->name, ss_node_text(step->node, text));
  }
  if (plan->profiling) {
    if (plan->device->memory) {
      SS_TRY(plan->device->memory->wait(error));
    }
    timing *measured = &plan->timings[index];
    measured->begin = start;
    measured->last_time = ss_clock_seconds() - start;
    measured->seconds += measured->last_time;
    measured->runs++;
  }
  return SS_OK;
}

static ss_status run_steps(ss_plan *plan, ss_error *error) {
  for (size_t i = 0; i < plan->step_count; i++) {
    if (plan->steps[i].way) { /* else a view: the memory is its input's */
      SS_TRY(run_step(plan, i, error));
    }
  }
  return SS_OK;
}

/* The first run asks for each step, which loads the kernels; the second records them; the rest replay the recording. */
static ss_status run_there(ss_plan *plan, ss_error *error) {
  const ss_device_memory *device = plan->device->memory;
  SS_TRY(ss_plan_memory_feed(&plan->memory, error));
  SS_TRY(device->upload(plan->random_step_there, plan->random_step, sizeof plan->random_step, error));
  if (plan->profiling || plan->memory.runs < 2) {
    return run_steps(plan, error);
  }
  if (!plan->recording) {
    SS_TRY(device->begin_recording(error));
    const ss_status status = run_steps(plan, error);
    const ss_status ended = device->end_recording(&plan->recording, status == SS_OK ? error : NULL);
    SS_TRY(status);
    SS_TRY(ended);
  }
  return device->replay(plan->recording, error);
}

ss_status ss_plan_run(ss_plan *plan, uint64_t step, ss_error *error) {
  omp_set_num_threads(plan->threads);
  plan->random_step[0] = step;
  SS_TRY(ss_parameters_move(plan->graph->parameters, plan->device, error));
  if (!plan->device->memory) {
    return run_steps(plan, error);
  }
  if (plan->writes_parameters) {
    ss_parameters_changed(plan->graph->parameters, plan->device);
  }
  return run_there(plan, error);
}

void *ss_plan_data(const ss_plan *plan, const ss_tensor *tensor) {
  /* Bringing a result changes what is known of it, not the plan. */
  ss_plan_memory *memory = (ss_plan_memory *)(uintptr_t)&plan->memory;
  return tensor ? ss_plan_memory_here(memory, tensor->plain ? tensor->plain : tensor) : NULL;
}

void *ss_plan_input_place(ss_plan *plan, const ss_tensor *input) {
  return input ? ss_plan_memory_write_there(&plan->memory, input->plain ? input->plain : input) : NULL;
}

const ss_device *ss_plan_device(const ss_plan *plan) {
  return plan->device;
}

ss_parameters *ss_plan_parameters(const ss_plan *plan) {
  return plan->graph->parameters;
}

void *ss_plan_place(const ss_plan *plan, const ss_tensor *tensor) {
  return tensor ? ss_plan_memory_there(&plan->memory, tensor->plain ? tensor->plain : tensor) : NULL;
}

size_t ss_plan_arena_bytes(const ss_plan *plan) {
  return plan->memory.placement.bytes;
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
