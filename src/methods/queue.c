#include "methods/queue.h"

ss_tensor *ss_queue(ss_graph *graph, int64_t length, int64_t dims) {
  ss_graph_push_scope(graph, "queue");
  ss_tensor *keys =
      ss_graph_parameter(graph, "keys", SS_F32, ss_shape_of(length, dims), (ss_initializer){SS_INIT_NORMAL, 1.0f}, 0);
  ss_graph_parameter(graph, "next", SS_I64, ss_shape_of(1), SS_INIT_ZEROS, 0);
  ss_graph_pop_scope(graph);
  return keys;
}

ss_status ss_queue_push(ss_parameters *parameters, const float *keys, int64_t rows, ss_error *error) {
  ss_parameter *queue = ss_parameters_find(parameters, "queue.keys");
  ss_parameter *place = ss_parameters_find(parameters, "queue.next");
  if (!queue || !place || queue->shape.dims[0] < rows) {
    return ss_fail(error, SS_FAILED, "no queue takes in %lld keys", (long long)rows);
  }
  const int64_t length = queue->shape.dims[0], dims = queue->shape.dims[1];
  int64_t next = *(const int64_t *)place->value;
  for (int64_t i = 0, some = 0; i < rows; i += some) { /* up to the end of the queue, then from its beginning */
    some = rows - i < length - next ? rows - i : length - next;
    SS_TRY(ss_parameters_write(parameters, queue, next * dims, keys + i * dims, some * dims, error));
    next = (next + some) % length;
  }
  return ss_parameters_write(parameters, place, 0, &next, 1, error);
}
