#include "methods/method.h"

#include "base/text.h"

#include <string.h>

#define SS_METHOD(name) extern const ss_method ss_method_##name;
#include "methods/table.h"
#undef SS_METHOD

static const ss_method *const table[] = {
#define SS_METHOD(name) &ss_method_##name,
#include "methods/table.h"
#undef SS_METHOD
    NULL};
enum { method_count = sizeof table / sizeof *table - 1 };

const ss_method *const *ss_methods(void) {
  return table;
}

ss_status ss_method_find(const char *name, const ss_method **out, ss_error *error) {
  const char *names[method_count];
  for (int i = 0; i < method_count; i++) {
    names[i] = table[i]->name;
    if (strcmp(name, names[i]) == 0) {
      *out = table[i];
      return SS_OK;
    }
  }
  const char *nearest = ss_text_nearest(name, names, method_count);
  return ss_fail(error, SS_USAGE, "unknown method: %s; %s%s", name, nearest ? "did you mean " : "see ",
                 nearest ? nearest : "selfsup methods");
}

ss_random ss_sample_random(const ss_sample *sample, uint32_t view) {
  return ss_random_stream(sample->seed, SS_RANDOM_VIEWS, sample->epoch, sample->index, view);
}

size_t ss_view_bytes(const ss_method_input *input) {
  return (size_t)ss_shape_count(input->shape) * ss_dtype_size(input->dtype);
}

size_t ss_slot_bytes(const ss_task *task) {
  size_t bytes = 0;
  for (int i = 0; i < task->input_count; i++) {
    bytes += ss_view_bytes(&task->inputs[i]) * (size_t)task->inputs[i].views;
  }
  return (bytes + 63) / 64 * 64;
}

void *ss_view_slot(const ss_task *task, void *slot, int input, int view) {
  char *at = slot;
  for (int i = 0; i < input; i++) {
    at += ss_view_bytes(&task->inputs[i]) * (size_t)task->inputs[i].views;
  }
  return at + ss_view_bytes(&task->inputs[input]) * (size_t)view;
}

void ss_build_report(ss_build *build, const char *name, ss_tensor *scalar) {
  if (build->report_count < SS_MAX_REPORTS && scalar) {
    build->reports[build->report_count++] = (ss_report){name, scalar};
  }
}

ss_backbone_layers ss_build_backbone_as(ss_build *build, ss_tensor *images, const char *scope) {
  ss_graph_push_scope(build->graph, scope);
  const ss_backbone_layers layers = ss_backbone_build(build->graph, images, &build->task->backbone);
  ss_graph_pop_scope(build->graph);
  return layers;
}

ss_backbone_layers ss_build_backbone(ss_build *build, ss_tensor *images) {
  return ss_build_backbone_as(build, images, "backbone");
}
