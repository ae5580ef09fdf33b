#include "world/annotate.h"

#include "base/file.h"
#include "base/text.h"
#include "io/png.h"

#include <stdlib.h>

static ss_status write_box(const char *path, const char *part, const char *class_name, const char *name,
                           const char *ending, const ss_world_picture *picture, ss_error *error) {
  const ss_world_box box = picture->box;
  const int width = picture->colour.width, height = picture->colour.height;
  const bool cut = box.left == 0 || box.top == 0 || box.right == width || box.bottom == height;
  ss_text text = {0};
  ss_text_printf(&text,
                 "<annotation>\n  <folder>%s/%s</folder>\n  <filename>%s.%s</filename>\n"
                 "  <source><database>selfsup world</database></source>\n"
                 "  <size><width>%d</width><height>%d</height><depth>3</depth></size>\n  <segmented>1</segmented>\n",
                 part, class_name, name, ending, width, height);
  ss_text_printf(&text,
                 "  <object>\n    <name>%s</name>\n    <pose>Unspecified</pose>\n    <truncated>%d</truncated>\n"
                 "    <difficult>0</difficult>\n    <bndbox><xmin>%d</xmin><ymin>%d</ymin><xmax>%d</xmax>"
                 "<ymax>%d</ymax></bndbox>\n  </object>\n</annotation>\n",
                 class_name, cut, box.left + 1, box.top + 1, box.right, box.bottom);
  ss_status status = ss_text_check(&text, error);
  if (status == SS_OK) {
    status = ss_file_write(path, text.data, text.length, SS_FILE_UNSYNCED, error);
  }
  ss_text_free(&text);
  return status;
}

typedef enum truth { BOX, MASK, DEPTH, TRUTHS } truth;

static ss_status write_truth(truth kind, const char *path, const char *part, const char *class_name, const char *name,
                             const char *ending, const ss_world_picture *picture, ss_error *error) {
  const int width = picture->colour.width, height = picture->colour.height;
  if (kind == BOX) {
    return write_box(path, part, class_name, name, ending, picture, error);
  }
  if (kind == MASK) {
    uint8_t palette[256][3];
    const int colours = ss_world_class_count() + 1;
    ss_png_voc_palette(palette, colours);
    return ss_png_write_indexed(path, width, height, picture->mask, (const uint8_t(*)[3])palette, colours, error);
  }
  return ss_png_write_gray16(path, width, height, picture->depth, error);
}

ss_status ss_world_annotate(const char *root, const char *part, const char *class_name, const char *name,
                            const char *ending, const ss_world_picture *picture, ss_error *error) {
  static const char *const folders[TRUTHS] = {"Annotations", "SegmentationClass", "Depth"};
  static const char *const endings[TRUTHS] = {"xml", "png", "png"};
  ss_status status = SS_OK;
  for (truth kind = BOX; status == SS_OK && kind < TRUTHS; kind++) {
    ss_text path = {0};
    ss_text_printf(&path, "%s/%s-truth/%s/%s_%s.%s", root, part, folders[kind], class_name, name, endings[kind]);
    status = ss_text_check(&path, error);
    if (status == SS_OK) {
      status = write_truth(kind, path.data, part, class_name, name, ending, picture, error);
    }
    ss_text_free(&path);
  }
  return status;
}
