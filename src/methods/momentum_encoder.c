#include "methods/momentum_encoder.h"

#include <math.h>
#include <stdlib.h>

static const char scope[] = "momentum", prefix[] = "momentum.";

void ss_momentum_encoder_begin(ss_graph *graph) {
  ss_graph_push_scope(graph, scope);
  ss_graph_freeze(graph, true);
}

void ss_momentum_encoder_end(ss_graph *graph) {
  ss_graph_freeze(graph, false);
  ss_graph_pop_scope(graph);
}

double ss_momentum_at(double tau, double tau_end, int64_t step, int64_t steps) {
  const double pi = 3.14159265358979323846;
  return steps > 0 ? tau_end - (tau_end - tau) * (cos(pi * (double)step / (double)steps) + 1.0) / 2.0 : tau;
}

ss_status ss_momentum_before_epoch(ss_task *task, ss_parameters *parameters, int64_t epoch, ss_error *error) {
  (void)task;
  return epoch == 0 ? ss_parameters_average(parameters, prefix, "", 0.0f, true, error) : SS_OK;
}

ss_status ss_momentum_after_step(ss_task *task, ss_parameters *parameters, int64_t step, ss_error *error) {
  const double tau = ss_momentum_at(ss_settings_float(task->settings, "tau"),
                                    ss_settings_float(task->settings, "tau_end"), step, task->steps);
  return ss_parameters_average(parameters, prefix, "", (float)tau, false, error);
}

/* The rows of each view in the order of a (rows, columns) table read by columns. */
static ss_tensor *by_columns(ss_graph *graph, ss_tensor *x, int views, int64_t rows, int64_t columns) {
  const int64_t count = rows * columns, all = views * count;
  if (count == 0 || ss_tensor_dim(x, 0) != all) {
    return NULL;
  }
  int32_t *order = calloc((size_t)all, sizeof *order);
  ss_tensor *shuffled = NULL;
  if (order) {
    for (int64_t i = 0; i < all; i++) {
      const int64_t view = i / count, place = i % count;
      order[i] = (int32_t)(view * count + place % rows * columns + place / rows);
    }
    shuffled = ss_gather(graph, x, ss_graph_constant_i32(graph, ss_shape_of(all), order));
  }
  free(order);
  return shuffled;
}

ss_tensor *ss_shuffle_batch(ss_graph *graph, ss_tensor *x, int views, int parts) {
  return parts > 1 ? by_columns(graph, x, views, parts, ss_tensor_dim(x, 0) / views / parts) : x;
}

ss_tensor *ss_unshuffle_batch(ss_graph *graph, ss_tensor *x, int views, int parts) {
  return parts > 1 ? by_columns(graph, x, views, ss_tensor_dim(x, 0) / views / parts, parts) : x;
}
