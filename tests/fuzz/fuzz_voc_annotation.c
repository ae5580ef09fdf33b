/* Any bytes as an annotation of Pascal VOC: what is accepted has boxes inside of its picture. */
#include "data/voc_annotation.h"

#include <stdint.h>
#include <stdlib.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
  ss_voc_annotation annotation = {0};
  ss_error error;
  if (ss_voc_annotation_parse((const char *)data, size, "fuzz", &annotation, &error) != SS_OK) {
    return 0;
  }
  for (size_t i = 0; i < annotation.count; i++) {
    const ss_voc_object *object = &annotation.objects[i];
    if (!object->name[0] ||
        !(object->box.left >= 0.0f && object->box.top >= 0.0f && object->box.left < object->box.right &&
          object->box.top < object->box.bottom && object->box.right <= (float)annotation.width &&
          object->box.bottom <= (float)annotation.height)) {
      abort();
    }
  }
  ss_voc_annotation_free(&annotation);
  return 0;
}
