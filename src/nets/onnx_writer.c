#include "nets/onnx_writer.h"

#include "base/memory.h"

#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* Of onnx.proto's enumerations. */
enum { attribute_float = 1, attribute_int = 2, attribute_ints = 7, most_attributes = 6 };

/* ---- memory ---- */

void *ss_onnx_take(ss_onnx_writer *w, size_t bytes) {
  if (w->status == SS_OK && w->block_count == w->block_capacity) {
    const size_t capacity = w->block_capacity ? 2 * w->block_capacity : 256;
    void **blocks = realloc(w->blocks, capacity * sizeof *blocks);
    if (blocks) {
      w->blocks = blocks;
      w->block_capacity = capacity;
    } else {
      w->status = ss_fail_memory(w->error, capacity, "the ONNX model");
    }
  }
  void *block = w->status == SS_OK ? calloc(1, bytes ? bytes : 1) : NULL;
  if (block) {
    w->blocks[w->block_count++] = block;
  } else if (w->status == SS_OK) {
    w->status = ss_fail_memory(w->error, bytes, "the ONNX model");
  }
  return block;
}

char *ss_onnx_text(ss_onnx_writer *w, const char *text) {
  char *copy = ss_onnx_take(w, strlen(text) + 1);
  if (copy) {
    memcpy(copy, text, strlen(text) + 1);
  }
  return copy;
}

void ss_onnx_writer_free(ss_onnx_writer *w) {
  for (size_t i = 0; i < w->block_count; i++) {
    free(w->blocks[i]);
  }
  free(w->blocks);
  free((void *)w->graph.node);
  free((void *)w->graph.initializer);
}

/* Room for one more pointer in a list of the graph. */
static bool grow(ss_onnx_writer *w, void *list, size_t count, size_t *capacity) {
  if (w->status != SS_OK || count < *capacity) {
    return w->status == SS_OK;
  }
  const size_t larger = *capacity ? 2 * *capacity : 64;
  void **items = realloc(*(void ***)list, larger * sizeof *items);
  if (!items) {
    w->status = ss_fail_memory(w->error, larger, "the ONNX model");
    return false;
  }
  *(void ***)list = items;
  *capacity = larger;
  return true;
}

/* ---- tensors ---- */

void ss_onnx_add_tensor(ss_onnx_writer *w, const char *name, int type, int rank, const int64_t *dims, const void *data,
                        size_t bytes) {
  Onnx__Tensor *tensor = ss_onnx_take(w, sizeof *tensor);
  int64_t *shape = ss_onnx_take(w, (size_t)rank * sizeof *shape);
  if (!tensor || !shape || !grow(w, (void *)&w->graph.initializer, w->graph.n_initializer, &w->tensor_capacity)) {
    return;
  }
  for (int i = 0; i < rank; i++) {
    shape[i] = dims[i];
  }
  onnx__tensor__init(tensor);
  tensor->name = ss_onnx_text(w, name);
  tensor->data_type = type;
  tensor->n_dims = (size_t)rank;
  tensor->dims = shape;
  tensor->raw_data = (ProtobufCBinaryData){bytes, (uint8_t *)(uintptr_t)data}; /* packing changes nothing */
  w->graph.initializer[w->graph.n_initializer++] = tensor;
}

/* A list of whole numbers as an operator's input; its name. */
char *ss_onnx_add_numbers(ss_onnx_writer *w, int count, const int64_t *numbers) {
  char name[32];
  int64_t *values = ss_onnx_take(w, (size_t)count * sizeof *values);
  const int64_t dims[] = {count};
  snprintf(name, sizeof name, "constant%d", w->constants++);
  if (values) {
    memcpy(values, numbers, (size_t)count * sizeof *values);
    ss_onnx_add_tensor(w, name, ss_onnx_int64, 1, dims, values, (size_t)count * sizeof *values);
  }
  return ss_onnx_text(w, name);
}

char *ss_onnx_add_scalar(ss_onnx_writer *w, float number) {
  char name[32];
  float *value = ss_onnx_take(w, sizeof *value);
  snprintf(name, sizeof name, "constant%d", w->constants++);
  if (value) {
    *value = number;
    ss_onnx_add_tensor(w, name, ss_onnx_float, 0, NULL, value, sizeof *value);
  }
  return ss_onnx_text(w, name);
}

/* ---- nodes ---- */

Onnx__Node *ss_onnx_add_node(ss_onnx_writer *w, const char *type, int inputs, char *const *names, char *output) {
  Onnx__Node *node = ss_onnx_take(w, sizeof *node);
  char **in = ss_onnx_take(w, (size_t)inputs * sizeof *in), **out = ss_onnx_take(w, sizeof *out);
  Onnx__Attribute **attributes = ss_onnx_take(w, most_attributes * sizeof(Onnx__Attribute *));
  if (!node || !in || !out || !attributes || !grow(w, (void *)&w->graph.node, w->graph.n_node, &w->node_capacity)) {
    return NULL;
  }
  memcpy(in, names, (size_t)inputs * sizeof *in);
  *out = output;
  onnx__node__init(node);
  node->op_type = ss_onnx_text(w, type);
  node->name = output;
  node->n_input = (size_t)inputs;
  node->input = in;
  node->n_output = 1;
  node->output = out;
  node->attribute = attributes;
  w->graph.node[w->graph.n_node++] = node;
  return node;
}

static Onnx__Attribute *add_attribute(ss_onnx_writer *w, Onnx__Node *node, const char *name, int type) {
  Onnx__Attribute *attribute = node ? ss_onnx_take(w, sizeof *attribute) : NULL;
  if (attribute) {
    onnx__attribute__init(attribute);
    attribute->name = ss_onnx_text(w, name);
    attribute->type = type;
    node->attribute[node->n_attribute++] = attribute;
  }
  return attribute;
}

void ss_onnx_set_float(ss_onnx_writer *w, Onnx__Node *node, const char *name, float value) {
  Onnx__Attribute *attribute = add_attribute(w, node, name, attribute_float);
  if (attribute) {
    attribute->f = value;
  }
}

void ss_onnx_set_int(ss_onnx_writer *w, Onnx__Node *node, const char *name, int64_t value) {
  Onnx__Attribute *attribute = add_attribute(w, node, name, attribute_int);
  if (attribute) {
    attribute->i = value;
  }
}

void ss_onnx_set_ints(ss_onnx_writer *w, Onnx__Node *node, const char *name, int count, const int64_t *values) {
  Onnx__Attribute *attribute = add_attribute(w, node, name, attribute_ints);
  int64_t *copy = ss_onnx_take(w, (size_t)count * sizeof *copy);
  if (attribute && copy) {
    memcpy(copy, values, (size_t)count * sizeof *copy);
    attribute->n_ints = (size_t)count;
    attribute->ints = copy;
  }
}

Onnx__ValueInfo *ss_onnx_describe(ss_onnx_writer *w, const char *name, int rank, const int64_t *dims) {
  Onnx__ValueInfo *info = ss_onnx_take(w, sizeof *info);
  Onnx__Type *type = ss_onnx_take(w, sizeof *type);
  Onnx__TensorType *tensor = ss_onnx_take(w, sizeof *tensor);
  Onnx__Shape *shape = ss_onnx_take(w, sizeof *shape);
  Onnx__Dimension *all = ss_onnx_take(w, (size_t)rank * sizeof *all),
                  **list = ss_onnx_take(w, (size_t)rank * sizeof *list);
  if (w->status != SS_OK) {
    return NULL;
  }
  onnx__value_info__init(info);
  onnx__type__init(type);
  onnx__tensor_type__init(tensor);
  onnx__shape__init(shape);
  for (int i = 0; i < rank; i++) {
    onnx__dimension__init(&all[i]);
    all[i].value_case = i == 0 ? ONNX__DIMENSION__VALUE_DIM_PARAM : ONNX__DIMENSION__VALUE_DIM_VALUE;
    if (i == 0) {
      all[i].dim_param = ss_onnx_text(w, "N");
    } else {
      all[i].dim_value = dims[i];
    }
    list[i] = &all[i];
  }
  shape->n_dim = (size_t)rank;
  shape->dim = list;
  tensor->elem_type = ss_onnx_float;
  tensor->shape = shape;
  type->tensor_type = tensor;
  info->name = ss_onnx_text(w, name);
  info->type = type;
  return info;
}
