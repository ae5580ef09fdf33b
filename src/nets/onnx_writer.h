/* An ONNX graph in the making: tensors, nodes and their attributes, over the messages of io/onnx.proto. */
#ifndef SS_NETS_ONNX_WRITER_H
#define SS_NETS_ONNX_WRITER_H

#include "base/status.h"

#include <onnx.pb-c.h>
#include <stdbool.h>

enum { ss_onnx_float = 1, ss_onnx_int64 = 7, ss_onnx_float16 = 10 }; /* a tensor's data_type */

/* Everything that the graph points to is in `blocks`. After a mistake, which is the first and kept, functions do
 * nothing and may return NULL. */
typedef struct ss_onnx_writer {
  Onnx__Graph graph;
  size_t node_capacity, tensor_capacity;
  void **blocks;
  size_t block_count, block_capacity;
  int constants;
  bool half; /* weights are float16 */
  ss_status status;
  ss_error *error;
} ss_onnx_writer;

void ss_onnx_writer_free(ss_onnx_writer *w);

/* Memory, zeroed, that lives as long as the writer; text in it. */
void *ss_onnx_take(ss_onnx_writer *w, size_t bytes);
char *ss_onnx_text(ss_onnx_writer *w, const char *text);

/* A weight; `data` (bytes) must outlive the writer, the rest is copied. */
void ss_onnx_add_tensor(ss_onnx_writer *w, const char *name, int type, int rank, const int64_t *dims, const void *data,
                        size_t bytes);
/* Whole numbers, or one number, as an operator's input; its name. */
char *ss_onnx_add_numbers(ss_onnx_writer *w, int count, const int64_t *numbers);
char *ss_onnx_add_scalar(ss_onnx_writer *w, float number);

/* A node with one output; names are kept, not copied. At most six attributes. */
Onnx__Node *ss_onnx_add_node(ss_onnx_writer *w, const char *type, int inputs, char *const *names, char *output);
void ss_onnx_set_float(ss_onnx_writer *w, Onnx__Node *node, const char *name, float value);
void ss_onnx_set_int(ss_onnx_writer *w, Onnx__Node *node, const char *name, int64_t value);
void ss_onnx_set_ints(ss_onnx_writer *w, Onnx__Node *node, const char *name, int count, const int64_t *values);

/* An input or output of the graph, float32, of any length along its first axis, "N". */
Onnx__ValueInfo *ss_onnx_describe(ss_onnx_writer *w, const char *name, int rank, const int64_t *dims);

#endif
