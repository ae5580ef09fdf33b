/* Annotations of Pascal VOC: what is read, and what is refused. */
#include "support.h"

#include "data/voc_annotation.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static const char whole[] =
    "<annotation>\n <folder>VOC2007</folder>\n <filename>000001.jpg</filename>\n"
    " <size><width>353</width><height> 500 </height><depth>3</depth></size>\n"
    " <object>\n  <name>dog</name><pose>Left</pose><truncated>1</truncated><difficult>0</difficult>\n"
    "  <bndbox><xmin>48</xmin><ymin>240</ymin><xmax>195</xmax><ymax>371</ymax></bndbox>\n </object>\n"
    " <object>\n  <name>person &amp; hat</name>\n  <difficult>1</difficult>\n"
    "  <bndbox><ymax>500.6</ymax><xmin>8.5</xmin><ymin>12</ymin><xmax>352</xmax></bndbox>\n"
    "  <part><name>head</name><bndbox><xmin>1</xmin><ymin>2</ymin><xmax>3</xmax><ymax>4</ymax></bndbox></part>\n"
    " </object>\n</annotation>\n";

static ss_status parse(const char *xml, ss_voc_annotation *annotation, ss_error *error) {
  return ss_voc_annotation_parse(xml, strlen(xml), "a.xml", annotation, error);
}

static void reads_sizes_classes_and_boxes(void **unused) {
  (void)unused;
  ss_voc_annotation annotation = {0};
  ss_error error = {""};
  assert_int_equal(parse(whole, &annotation, &error), SS_OK);
  assert_int_equal(annotation.width, 353);
  assert_int_equal(annotation.height, 500);
  assert_int_equal(annotation.count, 2);
  const ss_voc_object *dog = &annotation.objects[0], *person = &annotation.objects[1];
  assert_string_equal(dog->name, "dog");
  assert_false(dog->difficult);
  assert_true(dog->box.left == 47.0f && dog->box.top == 239.0f && dog->box.right == 195.0f &&
              dog->box.bottom == 371.0f);
  assert_string_equal(person->name, "person & hat");
  assert_true(person->difficult);
  assert_true(person->box.left == 7.5f && person->box.bottom == 500.0f); /* cut at the picture's edge */
  ss_voc_annotation_free(&annotation);
}

static void replaced(char *out, size_t size, const char *from, const char *to) {
  const char *found = strstr(whole, from);
  assert_non_null(found);
  snprintf(out, size, "%.*s%s%s", (int)(found - whole), whole, to, found + strlen(from));
}

static void refuses_what_is_not_one(void **unused) {
  (void)unused;
  static const struct {
    const char *from, *to, *says;
  } cases[] = {
      {"</annotation>", "", "a.xml: line"},
      {"<annotation>", "<annotations>", "<annotations>"},
      {"<width>353</width>", "", "size"},
      {"<width>353</width>", "<width>wide</width>", "width is \"wide\""},
      {"<width>353</width>", "<width>1e30</width>", "width is \"1e30\""},
      {"<name>dog</name>", "", "object 1 has no name"},
      {"<ymax>371</ymax>", "", "object 1 has no complete bndbox"},
      {"<xmax>195</xmax>", "<xmax>nan</xmax>", "xmax is \"nan\""},
      {"<xmax>195</xmax>", "<xmax>355</xmax>", "object 1's box"},
      {"<xmax>195</xmax>", "<xmax>47</xmax>", "object 1's box"},
      {"<pose>Left</pose>", "<a><a><a><a><a><a><a></a></a></a></a></a></a></a>", "nested deeper"},
  };
  for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
    char xml[2048];
    replaced(xml, sizeof xml, cases[i].from, cases[i].to);
    ss_voc_annotation annotation = {0};
    ss_error error = {""};
    assert_int_equal(parse(xml, &annotation, &error), SS_FAILED);
    if (!strstr(error.message, cases[i].says)) {
      fail_msg("case %zu says: %s", i, error.message);
    }
    assert_null(annotation.objects);
    assert_int_equal(annotation.count, 0);
  }
}

/* Cut short anywhere it is refused; nothing is read beyond. */
static void refuses_every_beginning(void **unused) {
  (void)unused;
  const size_t length = strlen(whole) - 1; /* without the last line's end */
  for (size_t size = 0; size < length; size++) {
    ss_voc_annotation annotation = {0};
    ss_error error = {""};
    char *part = malloc(size + 1);
    memcpy(part, whole, size);
    assert_int_equal(ss_voc_annotation_parse(part, size, "a.xml", &annotation, &error), SS_FAILED);
    free(part);
  }
}

int main(void) {
  const struct CMUnitTest tests[] = {cmocka_unit_test(reads_sizes_classes_and_boxes),
                                     cmocka_unit_test(refuses_what_is_not_one),
                                     cmocka_unit_test(refuses_every_beginning)};
  return cmocka_run_group_tests(tests, NULL, NULL);
}
