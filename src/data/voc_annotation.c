#include "data/voc_annotation.h"

#include "base/file.h"
#include "base/memory.h"
#include "base/text.h"

#include <expat.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { deepest = 8, longest_text = 128, most_objects = 10000, largest_side = 1 << 20 };
#define LARGEST_FILE ((size_t)16 << 20)

typedef struct reader {
  XML_Parser parser;
  const char *name; /* of the file */
  ss_voc_annotation *annotation;
  ss_error *error;
  ss_status status;
  int depth;               /* of the element that is open; 1: annotation */
  char path[deepest][24];  /* names of the open elements */
  char text[longest_text]; /* of the innermost */
  size_t text_length;
  ss_voc_object object; /* being read */
  double edges[4];      /* xmin, ymin, xmax, ymax */
  unsigned edges_read;  /* bits */
} reader;

static const char *const edge_names[4] = {"xmin", "ymin", "xmax", "ymax"};

static void fail(reader *in, ss_status status) {
  in->status = status;
  XML_StopParser(in->parser, XML_FALSE);
}

/* Whether the open elements below `annotation` are these, ended by NULL. */
static bool at(const reader *in, const char *first, const char *second, const char *third) {
  const char *const names[] = {first, second, third};
  int depth = 1;
  for (int i = 0; i < 3 && names[i]; i++, depth++) {
    if (in->depth <= depth || strcmp(in->path[depth], names[i]) != 0) {
      return false;
    }
  }
  return in->depth == depth;
}

static void XMLCALL start_element(void *context, const XML_Char *element, const XML_Char **attributes) {
  (void)attributes;
  reader *in = context;
  if (in->status != SS_OK) { /* expat finishes what it has begun */
    return;
  }
  if (in->depth >= deepest) {
    fail(in, ss_fail(in->error, SS_FAILED, "%s: elements are nested deeper than an annotation's", in->name));
    return;
  }
  snprintf(in->path[in->depth++], sizeof in->path[0], "%s", element);
  in->text_length = 0;
  if (in->depth == 1 && strcmp(element, "annotation") != 0) {
    fail(in, ss_fail(in->error, SS_FAILED, "%s is not an annotation of Pascal VOC: it begins with <%.40s>", in->name,
                     element));
  } else if (at(in, "object", NULL, NULL)) {
    in->object = (ss_voc_object){.name = ""};
    in->edges_read = 0;
  }
}

static void XMLCALL characters(void *context, const XML_Char *text, int length) {
  reader *in = context;
  for (int i = 0; i < length && in->text_length + 1 < sizeof in->text; i++) {
    if (in->text_length > 0 || !strchr(" \t\r\n", text[i])) { /* blanks before the value */
      in->text[in->text_length++] = text[i];
    }
  }
}

/* The innermost element's text as a number from 0 to the largest side. */
static double read_number(reader *in, const char *element) {
  double value = 0.0;
  const ss_status status = ss_text_float(in->text, element, -1.0, largest_side, &value, NULL);
  if (status != SS_OK) {
    fail(in, ss_fail(in->error, SS_FAILED, "%s: %s is \"%.40s\", not a number of pixels", in->name, element, in->text));
  }
  return value;
}

static void end_object(reader *in) {
  ss_voc_annotation *annotation = in->annotation;
  if (!in->object.name[0] || in->edges_read != 15) {
    fail(in, ss_fail(in->error, SS_FAILED, "%s: object %zu has no %s", in->name, annotation->count + 1,
                     in->object.name[0] ? "complete bndbox" : "name"));
    return;
  }
  if (annotation->count == most_objects) {
    fail(in, ss_fail(in->error, SS_FAILED, "%s has more than %d objects", in->name, most_objects));
    return;
  }
  if (annotation->count == annotation->capacity) {
    const size_t capacity = annotation->capacity ? 2 * annotation->capacity : 8;
    ss_voc_object *grown = realloc(annotation->objects, capacity * sizeof *grown);
    if (!grown) {
      fail(in, ss_fail_memory(in->error, capacity * sizeof *grown, "an annotation"));
      return;
    }
    annotation->objects = grown;
    annotation->capacity = capacity;
  }
  in->object.box = (ss_bounding_box){.left = (float)(in->edges[0] - 1.0),
                                     .top = (float)(in->edges[1] - 1.0),
                                     .right = (float)in->edges[2],
                                     .bottom = (float)in->edges[3]};
  annotation->objects[annotation->count++] = in->object;
}

static void end_value(reader *in) {
  if (at(in, "size", "width", NULL)) {
    in->annotation->width = (int)read_number(in, "width");
  } else if (at(in, "size", "height", NULL)) {
    in->annotation->height = (int)read_number(in, "height");
  } else if (at(in, "object", "name", NULL)) {
    if (in->text_length >= SS_VOC_NAME) {
      fail(in,
           ss_fail(in->error, SS_FAILED, "%s: a class's name is longer than %d letters", in->name, SS_VOC_NAME - 1));
      return;
    }
    memcpy(in->object.name, in->text, in->text_length + 1);
  } else if (at(in, "object", "difficult", NULL)) {
    in->object.difficult = strcmp(in->text, "1") == 0;
  }
  for (int edge = 0; edge < 4; edge++) {
    if (at(in, "object", "bndbox", edge_names[edge])) {
      in->edges[edge] = read_number(in, edge_names[edge]);
      in->edges_read |= 1u << edge;
    }
  }
}

static void XMLCALL end_element(void *context, const XML_Char *element) {
  (void)element;
  reader *in = context;
  if (in->status != SS_OK) {
    return;
  }
  while (in->text_length > 0 && strchr(" \t\r\n", in->text[in->text_length - 1])) {
    in->text_length--;
  }
  in->text[in->text_length] = '\0';
  if (at(in, "object", NULL, NULL)) {
    end_object(in);
  } else {
    end_value(in);
  }
  in->depth--;
  in->text_length = 0;
}

/* Boxes of VOC 2007 and 2012 may stick out by a pixel; they are cut. */
static ss_status check_boxes(ss_voc_annotation *annotation, const char *name, ss_error *error) {
  const float width = (float)annotation->width, height = (float)annotation->height;
  if (annotation->width < 1 || annotation->height < 1) {
    return ss_fail(error, SS_FAILED, "%s does not say the picture's size", name);
  }
  for (size_t i = 0; i < annotation->count; i++) {
    ss_bounding_box *box = &annotation->objects[i].box;
    const ss_bounding_box as_read = *box;
    box->left = fmaxf(box->left, 0.0f);
    box->top = fmaxf(box->top, 0.0f);
    box->right = fminf(box->right, width);
    box->bottom = fminf(box->bottom, height);
    if (as_read.left < -1.0f || as_read.top < -1.0f || as_read.right > width + 1.0f || as_read.bottom > height + 1.0f ||
        box->left >= box->right || box->top >= box->bottom) {
      return ss_fail(error, SS_FAILED, "%s: object %zu's box %g %g %g %g is not one of a picture of %d x %d pixels",
                     name, i + 1, as_read.left + 1.0, as_read.top + 1.0, (double)as_read.right, (double)as_read.bottom,
                     annotation->width, annotation->height);
    }
  }
  return SS_OK;
}

void ss_voc_annotation_free(ss_voc_annotation *annotation) {
  free(annotation->objects);
  *annotation = (ss_voc_annotation){0};
}

static ss_status parse(reader *in, const char *xml, size_t size) {
  if (size > LARGEST_FILE) {
    return ss_fail(in->error, SS_FAILED, "%s is too large for an annotation (%zu bytes)", in->name, size);
  }
  XML_SetUserData(in->parser, in);
  XML_SetElementHandler(in->parser, start_element, end_element);
  XML_SetCharacterDataHandler(in->parser, characters);
  if (XML_Parse(in->parser, xml, (int)size, XML_TRUE) != XML_STATUS_OK && in->status == SS_OK) {
    return ss_fail(in->error, SS_FAILED, "%s: line %lu: %s", in->name, XML_GetCurrentLineNumber(in->parser),
                   XML_ErrorString(XML_GetErrorCode(in->parser)));
  }
  return in->status == SS_OK ? check_boxes(in->annotation, in->name, in->error) : in->status;
}

ss_status ss_voc_annotation_parse(const char *xml, size_t size, const char *name, ss_voc_annotation *annotation,
                                  ss_error *error) {
  annotation->width = annotation->height = 0;
  annotation->count = 0;
  reader in = {.name = name, .annotation = annotation, .error = error, .parser = XML_ParserCreate(NULL)};
  if (!in.parser) {
    return ss_fail_memory(error, size, "an XML parser");
  }
  const ss_status status = parse(&in, xml, size);
  XML_ParserFree(in.parser);
  if (status != SS_OK) {
    ss_voc_annotation_free(annotation);
  }
  return status;
}

ss_status ss_voc_annotation_read(const char *path, ss_voc_annotation *annotation, ss_error *error) {
  char *xml = NULL;
  size_t size = 0;
  SS_TRY(ss_file_read(path, LARGEST_FILE, &xml, &size, error));
  const ss_status status = ss_voc_annotation_parse(xml, size, path, annotation, error);
  free(xml);
  return status;
}
