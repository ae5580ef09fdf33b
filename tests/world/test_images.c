/* The rendered pictures and the tree of files: reproducible, consistent, whole or absent. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include "base/file.h"
#include "base/text.h"
#include "world/world.h"

#include <ftw.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

static int remove_entry(const char *path, const struct stat *about, int kind, struct FTW *place) {
  (void)about;
  (void)kind;
  (void)place;
  return remove(path);
}

static int make_room(void **state) {
  char *room = strdup("/tmp/ss_world_XXXXXX");
  *state = room;
  return room && mkdtemp(room) ? 0 : -1;
}

static int clear_room(void **state) {
  char *room = *state;
  const int outcome = nftw(room, remove_entry, 16, FTW_DEPTH | FTW_PHYS);
  free(room);
  return outcome;
}

static void render(uint64_t seed, uint32_t index, int class_index, int size, ss_world_picture *out) {
  ss_error error = {{0}};
  const ss_status status = ss_world_render(seed, index, class_index, size, size, out, &error);
  if (status != SS_OK) {
    fail_msg("%s", error.message);
  }
}

static void test_classes_are_named_in_order(void **state) {
  (void)state;
  assert_true(ss_world_class_count() >= 10);
  for (int i = 1; i < ss_world_class_count(); i++) {
    assert_true(strcmp(ss_world_class_name(i - 1), ss_world_class_name(i)) < 0);
  }
  assert_null(ss_world_class_name(-1));
  assert_null(ss_world_class_name(ss_world_class_count()));
}

static void test_same_arguments_same_picture(void **state) {
  (void)state;
  ss_world_picture a = {0}, b = {0};
  const size_t pixels = 48 * 48;
  render(5, 17, 3, 48, &a);
  render(6, 2, 1, 96, &b); /* what the buffers held before must not show */
  render(5, 17, 3, 48, &b);
  assert_memory_equal(a.colour.pixels, b.colour.pixels, 3 * pixels);
  assert_memory_equal(a.mask, b.mask, pixels);
  assert_memory_equal(a.depth, b.depth, pixels * sizeof *a.depth);
  const uint64_t seeds[3] = {6, 5, 5};
  const uint32_t indices[3] = {17, 18, 17};
  const int classes[3] = {3, 3, 4};
  for (int i = 0; i < 3; i++) {
    render(seeds[i], indices[i], classes[i], 48, &b);
    assert_memory_not_equal(a.colour.pixels, b.colour.pixels, 3 * pixels);
  }
  ss_world_picture_free(&a);
  ss_world_picture_free(&b);
}

/* Box, mask and depth of many pictures agree; the solid is large, inside the frame and stands out. */
static void test_truth_is_consistent(void **state) {
  (void)state;
  enum { SIZE = 48 };
  ss_world_picture p = {0};
  const int classes = ss_world_class_count();
  int shifted = 0;
  for (int index = 0; index < 10 * classes; index++) {
    const int label = index % classes + 1;
    render(11, (uint32_t)index, label - 1, SIZE, &p);
    int left = SIZE, right = 0, top = SIZE, bottom = 0;
    for (int y = 0; y < SIZE; y++) {
      for (int x = 0; x < SIZE; x++) {
        const int m = p.mask[y * SIZE + x];
        assert_true(m == 0 || m == label);
        if (m) {
          left = x < left ? x : left;
          right = x + 1 > right ? x + 1 : right;
          top = y < top ? y : top;
          bottom = y + 1 > bottom ? y + 1 : bottom;
          assert_in_range(p.depth[y * SIZE + x], 100, 30000);
        }
      }
    }
    assert_int_equal(p.box.left, left);
    assert_int_equal(p.box.right, right);
    assert_int_equal(p.box.top, top);
    assert_int_equal(p.box.bottom, bottom);
    const int most = right - left > bottom - top ? right - left : bottom - top;
    assert_in_range(most, (int)(0.33 * SIZE), (int)(0.9 * SIZE));
    assert_true(left > 0 && top > 0 && right < SIZE && bottom < SIZE);
    shifted += abs(left + right - SIZE) > SIZE / 4 || abs(top + bottom - SIZE) > SIZE / 4;
    /* Around the box's upper edge, what is behind is farther: the ground rises to the horizon. */
    for (int x = left; x < right; x++) {
      for (int y = top; y < bottom; y++) {
        if (p.mask[y * SIZE + x]) {
          const int above = p.depth[(y - 1) * SIZE + x];
          assert_true(above == 0 || above > p.depth[y * SIZE + x]);
          break;
        }
      }
    }
  }
  assert_true(shifted > classes); /* not always in the middle */
  ss_world_picture_free(&p);
}

/* The same scene at two sizes: the same depth and mask at pixels' common centres, up to the edges. */
static void test_size_does_not_change_the_scene(void **state) {
  (void)state;
  ss_world_picture small = {0}, large = {0};
  for (int class_index = 0; class_index < ss_world_class_count(); class_index++) {
    render(3, 40, class_index, 32, &small);
    render(3, 40, class_index, 96, &large); /* the centre of 3 x 3 is the small pixel's centre */
    int differing = 0;
    for (int y = 0; y < 32; y++) {
      for (int x = 0; x < 32; x++) {
        const int s = y * 32 + x, l = (3 * y + 1) * 96 + 3 * x + 1;
        differing += small.mask[s] != large.mask[l] || abs(small.depth[s] - large.depth[l]) > 2;
      }
    }
    assert_in_range(differing, 0, 4);
  }
  ss_world_picture_free(&small);
  ss_world_picture_free(&large);
}

/* The middle of a wide or high picture is the square one, but for the rounding of the rays. */
static void test_a_longer_side_shows_more_at_both_ends(void **state) {
  (void)state;
  const int sizes[2][2] = {{60, 40}, {40, 50}};
  ss_world_picture square = {0}, longer = {0};
  render(5, 3, 2, 40, &square);
  for (int i = 0; i < 2; i++) {
    ss_error error = {{0}};
    const int width = sizes[i][0], height = sizes[i][1], left = (width - 40) / 2, top = (height - 40) / 2;
    assert_int_equal(ss_world_render(5, 3, 2, width, height, &longer, &error), SS_OK);
    assert_true(longer.colour.width == width && longer.colour.height == height);
    int same = 0;
    for (int y = 0; y < 40; y++) {
      for (int x = 0; x < 40; x++) {
        const int at = (y + top) * width + x + left, square_at = y * 40 + x;
        same += longer.mask[at] == square.mask[square_at] &&
                abs(longer.colour.pixels[3 * at] - square.colour.pixels[3 * square_at]) <= 1;
      }
    }
    assert_true(same >= 40 * 40 - 16);
    assert_int_equal(longer.box.left - left, square.box.left);
    assert_int_equal(longer.box.bottom - top, square.box.bottom);
  }
  ss_world_picture_free(&square);
  ss_world_picture_free(&longer);
}

static void test_sizes_are_read(void **state) {
  (void)state;
  static const char *const wrong[] = {"",      "x",         "300x",      "x200", "300x8",
                                      "8x300", "300x200x1", "300 x 200", "32.5", "99999999999999999999x32"};
  int width = 0, height = 0;
  ss_error error = {{0}};
  assert_int_equal(ss_world_read_size("300x200", "--size", &width, &height, &error), SS_OK);
  assert_true(width == 300 && height == 200);
  assert_int_equal(ss_world_read_size("64", "--size", &width, &height, &error), SS_OK);
  assert_true(width == 64 && height == 64);
  for (size_t i = 0; i < sizeof wrong / sizeof *wrong; i++) {
    assert_int_equal(ss_world_read_size(wrong[i], "--size", &width, &height, &error), SS_USAGE);
    assert_non_null(strstr(error.message, "--size"));
    assert_true(width == 64 && height == 64);
  }
}

/* Exposure and colour over many pictures: neither dark nor burnt out, and the same for every class. */
static void test_light_tells_nothing_of_the_class(void **state) {
  (void)state;
  enum { SIZE = 24, EACH = 40 };
  ss_world_picture p = {0};
  double lowest = 255, highest = 0;
  for (int class_index = 0; class_index < ss_world_class_count(); class_index++) {
    double sum = 0;
    int black = 0, white = 0;
    for (int index = 0; index < EACH; index++) {
      render(29, (uint32_t)index, class_index, SIZE, &p);
      for (int i = 0; i < 3 * SIZE * SIZE; i++) {
        sum += p.colour.pixels[i];
        black += p.colour.pixels[i] < 8;
        white += p.colour.pixels[i] > 250;
      }
    }
    const double total = 3.0 * SIZE * SIZE * EACH, mean = sum / total;
    assert_true(mean > 90 && mean < 200);
    assert_true(black < 0.02 * total && white < 0.04 * total);
    lowest = fmin(lowest, mean);
    highest = fmax(highest, mean);
  }
  assert_true(highest - lowest < 8);
  ss_world_picture_free(&p);
}

static void test_wrong_arguments_are_refused(void **state) {
  (void)state;
  ss_world_picture p = {0};
  ss_error error = {{0}};
  assert_int_equal(ss_world_render(1, 0, ss_world_class_count(), 32, 32, &p, &error), SS_USAGE);
  assert_int_equal(ss_world_render(1, 0, -1, 32, 32, &p, &error), SS_USAGE);
  assert_int_equal(ss_world_render(1, 0, 0, SS_WORLD_MIN_SIZE - 1, 32, &p, &error), SS_USAGE);
  assert_int_equal(ss_world_render(1, 0, 0, SS_WORLD_MAX_SIZE + 1, 32, &p, &error), SS_USAGE);
  assert_true(error.message[0] != 0);
  ss_world_picture_free(&p);
}

static char *in_room(void **state, const char *name) {
  char *path = NULL;
  assert_int_equal(ss_path_join(&path, *state, name, NULL), SS_OK);
  return path;
}

/* For the walk below, which has no argument of its own. */
static const char *tree_a, *tree_b;
static int files_seen;

static int compare_entry(const char *path, const struct stat *about, int kind, struct FTW *place) {
  (void)about;
  (void)place;
  if (kind != FTW_F) {
    return 0;
  }
  ss_text other = {0};
  ss_text_printf(&other, "%s%s", tree_b, path + strlen(tree_a));
  char *a = NULL, *b = NULL;
  size_t size_a = 0, size_b = 0;
  const bool same = ss_file_read(path, 1 << 20, &a, &size_a, NULL) == SS_OK &&
                    ss_file_read(other.data, 1 << 20, &b, &size_b, NULL) == SS_OK && size_a == size_b &&
                    memcmp(a, b, size_a) == 0;
  free(a);
  free(b);
  ss_text_free(&other);
  files_seen++;
  return same ? 0 : -1;
}

static void test_files_are_the_same_for_any_threads(void **state) {
  char *one = in_room(state, "above/one/"), *three = in_room(state, "three");
  ss_error error = {{0}};
  assert_int_equal(mkdir(three, 0777), 0); /* an empty folder may be there */
  ss_world_options options = {.count = 26, .width = 32, .height = 32, .seed = 9, .threads = 1};
  assert_int_equal(ss_world_write_images(one, &options, &error), SS_OK);
  options.threads = 3;
  assert_int_equal(ss_world_write_images(three, &options, &error), SS_OK);
  one[strlen(one) - 1] = 0;
  tree_a = one;
  tree_b = three;
  files_seen = 0;
  assert_int_equal(nftw(one, compare_entry, 16, FTW_PHYS), 0);
  assert_int_equal(files_seen, 4 * (26 + ss_world_class_count()));
  free(one);
  free(three);
}

static int number_after(const char *text, const char *tag) {
  const char *at = strstr(text, tag);
  assert_non_null(at);
  return atoi(at + strlen(tag));
}

/* Every opened element of `text` is closed in order. */
static bool elements_match(const char *text) {
  char stack[16][32];
  int depth = 0;
  for (const char *at = strchr(text, '<'); at; at = strchr(at + 1, '<')) {
    char name[32];
    if (sscanf(at + 1, "%31[^>]", name) != 1) {
      return false;
    }
    if (name[0] != '/') {
      if (depth == 16) {
        return false;
      }
      memcpy(stack[depth++], name, sizeof name);
    } else if (depth == 0 || strcmp(stack[--depth], name + 1) != 0) {
      return false;
    }
  }
  return depth == 0;
}

static void test_boxes_are_those_of_the_pictures(void **state) {
  char *folder = in_room(state, "world");
  ss_error error = {{0}};
  const ss_world_options options = {.count = ss_world_class_count(), .width = 40, .height = 40, .seed = 77};
  assert_int_equal(ss_world_write_images(folder, &options, &error), SS_OK);
  ss_world_picture p = {0};
  for (int part = 0; part < 2; part++) {
    for (int i = 0; i < ss_world_class_count(); i++) {
      ss_text path = {0};
      ss_text_printf(&path, "%s/%s-truth/Annotations/%s_%06d.xml", folder, part ? "test" : "train",
                     ss_world_class_name(i), i);
      char *xml = NULL;
      size_t size = 0;
      assert_int_equal(ss_file_read(path.data, 1 << 20, &xml, &size, &error), SS_OK);
      assert_true(elements_match(xml));
      render(77 + (uint64_t)part, (uint32_t)i, i, 40, &p);
      assert_int_equal(number_after(xml, "<xmin>"), p.box.left + 1);
      assert_int_equal(number_after(xml, "<ymin>"), p.box.top + 1);
      assert_int_equal(number_after(xml, "<xmax>"), p.box.right);
      assert_int_equal(number_after(xml, "<ymax>"), p.box.bottom);
      assert_int_equal(number_after(xml, "<width>"), 40);
      const char *named = strstr(xml, "<name>");
      assert_non_null(named);
      assert_memory_equal(named + 6, ss_world_class_name(i), strlen(ss_world_class_name(i)));
      free(xml);
      ss_text_free(&path);
    }
  }
  ss_world_picture_free(&p);
  free(folder);
}

static void test_pictures_can_be_jpeg(void **state) {
  char *folder = in_room(state, "world");
  ss_error error = {{0}};
  const ss_world_options options = {
      .count = ss_world_class_count(), .width = 48, .height = 32, .format = SS_WORLD_JPEG, .quality = 90, .seed = 3};
  assert_int_equal(ss_world_write_images(folder, &options, &error), SS_OK);
  ss_text path = {0}, truth = {0};
  ss_text_printf(&path, "%s/train/%s/000000.jpg", folder, ss_world_class_name(0));
  ss_text_printf(&truth, "%s/train-truth/Annotations/%s_000000.xml", folder, ss_world_class_name(0));
  char *bytes = NULL, *xml = NULL;
  size_t size = 0;
  assert_int_equal(ss_file_read(path.data, 1 << 20, &bytes, &size, &error), SS_OK);
  assert_memory_equal(bytes, "\xFF\xD8\xFF", 3);
  assert_int_equal(ss_file_read(truth.data, 1 << 20, &xml, &size, &error), SS_OK);
  assert_non_null(strstr(xml, "<filename>000000.jpg</filename>"));
  assert_int_equal(number_after(xml, "<width>"), 48);
  assert_int_equal(number_after(xml, "<height>"), 32);
  free(bytes);
  free(xml);
  ss_text_free(&path);
  ss_text_free(&truth);
  free(folder);
}

static int entries_seen;

static int count_entry(const char *path, const struct stat *about, int kind, struct FTW *place) {
  (void)path;
  (void)about;
  (void)kind;
  entries_seen += place->level > 0;
  return 0;
}

static void test_nothing_is_left_after_a_failure(void **state) {
  ss_error error = {{0}};
  ss_world_options options = {.count = 12, .width = 32, .height = 32, .seed = 1};
  char *taken = in_room(state, "taken"), *inside = in_room(state, "taken/file");
  assert_int_equal(mkdir(taken, 0777), 0);
  assert_int_equal(ss_file_write(inside, "x", 1, SS_FILE_UNSYNCED, &error), SS_OK);
  assert_int_equal(ss_world_write_images(taken, &options, &error), SS_FAILED);
  assert_non_null(strstr(error.message, "taken is not empty"));
  assert_int_equal(ss_world_write_images(inside, &options, &error), SS_FAILED);
  char *under = in_room(state, "taken/file/world"), *fresh = in_room(state, "fresh");
  assert_int_equal(ss_world_write_images(under, &options, &error), SS_FAILED);
  options.count = ss_world_class_count() - 1;
  assert_int_equal(ss_world_write_images(fresh, &options, &error), SS_USAGE);
  options.count = 12;
  options.height = 8;
  assert_int_equal(ss_world_write_images(fresh, &options, &error), SS_USAGE);
  options.height = 32;
  options.format = SS_WORLD_JPEG;
  assert_int_equal(ss_world_write_images(fresh, &options, &error), SS_USAGE); /* of quality 0 */
  options.format = SS_WORLD_PNG;
  options.threads = -1;
  assert_int_equal(ss_world_write_images(fresh, &options, &error), SS_USAGE);
  entries_seen = 0;
  assert_int_equal(nftw(*state, count_entry, 16, FTW_PHYS), 0);
  assert_int_equal(entries_seen, 2); /* the folder `taken` and its file */
  free(taken);
  free(inside);
  free(under);
  free(fresh);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(test_classes_are_named_in_order),
      cmocka_unit_test(test_same_arguments_same_picture),
      cmocka_unit_test(test_truth_is_consistent),
      cmocka_unit_test(test_size_does_not_change_the_scene),
      cmocka_unit_test(test_a_longer_side_shows_more_at_both_ends),
      cmocka_unit_test(test_sizes_are_read),
      cmocka_unit_test(test_light_tells_nothing_of_the_class),
      cmocka_unit_test(test_wrong_arguments_are_refused),
      cmocka_unit_test_setup_teardown(test_files_are_the_same_for_any_threads, make_room, clear_room),
      cmocka_unit_test_setup_teardown(test_boxes_are_those_of_the_pictures, make_room, clear_room),
      cmocka_unit_test_setup_teardown(test_pictures_can_be_jpeg, make_room, clear_room),
      cmocka_unit_test_setup_teardown(test_nothing_is_left_after_a_failure, make_room, clear_room),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
