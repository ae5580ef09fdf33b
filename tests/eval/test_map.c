/* Maps of pictures: neighbours without the picture itself, their votes, the same bits from the same kernels. */
#include "support.h"

#include "eval/map.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

static void test_a_picture_is_not_its_own_neighbour(void **state) {
  (void)state;
  int32_t indices[] = {0, 2, 1, 2, 1, 0, 0, 1, 3, 3, 2, 0};
  float cosines[] = {1.0f, 0.9f, 0.8f, 1.0f, 1.0f, 0.7f, 1.0f, 1.0f, 1.0f, 1.0f, 0.6f, 0.5f};
  ss_neighbours neighbours = {.indices = indices, .cosines = cosines, .queries = 4, .k = 3};
  ss_neighbours_leave_out_self(&neighbours);
  const int32_t left[] = {2, 1, 2, 0, 0, 1, 2, 0}; /* the third was not among its own: the last goes */
  const float alike[] = {0.9f, 0.8f, 1.0f, 0.7f, 1.0f, 1.0f, 0.6f, 0.5f};
  assert_int_equal(neighbours.k, 2);
  for (int i = 0; i < 8; i++) {
    assert_int_equal(indices[i], left[i]);
    assert_true(cosines[i] == alike[i]);
  }
}

static void test_votes(void **state) {
  (void)state;
  int32_t indices[] = {1, 2, 0, 3, 3, 0, 2, 1};
  float cosines[] = {0.9f, 0.8f, 0.9f, 0.2f, 0.9f, 0.8f, 0.9f, 0.2f};
  const ss_neighbours neighbours = {.indices = indices, .cosines = cosines, .queries = 4, .k = 2};
  const int32_t labels[] = {0, 0, 1, 1}, some[] = {0, 0, 1, -1}, none[] = {-1, -1, -1, -1};
  double top1 = 0.0;
  assert_int_equal(ss_neighbours_vote(&neighbours, labels, 2, &top1, NULL), SS_OK);
  assert_true(top1 == 100.0);
  assert_int_equal(ss_neighbours_vote(&neighbours, some, 2, &top1, NULL), SS_OK);
  assert_true(fabs(top1 - 200.0 / 3.0) < 1e-9); /* of three; the third has but a wrong neighbour left */
  assert_int_equal(ss_neighbours_vote(&neighbours, none, 0, &top1, NULL), SS_OK);
  assert_true(isnan(top1));
}

static ss_embedding_map make_map(const char *folder, uint32_t pictures, ss_ways *ways) {
  ss_source *source = support_open(folder);
  ss_model *model = support_model("random:resnet18?width=4&size=16");
  ss_subset subset = {0};
  ss_embedding_map map;
  ss_error error = {""};
  support_ok(ss_subset_everything(source, &subset, &error), &error);
  assert_true(subset.count >= pictures);
  subset.count = pictures;
  const ss_feature_options how = {.batch = 16, .threads = 1, .layer = SS_LAST_LAYER, .ways = ways};
  support_ok(ss_embedding_map_make(model, source, &subset, &how, 0, &map, &error), &error);
  ss_model_free(model);
  ss_subset_free(&subset);
  ss_source_close(source);
  return map;
}

static void test_maps_of_many_and_of_few(void **state) {
  (void)state;
  char folder[256];
  support_make_folder(folder);
  support_pictures(folder, "a", 24, 16, 16);
  support_pictures(folder, "b", 24, 20, 16);
  ss_ways *ways = ss_ways_new(); /* kernels chosen once: others round otherwise */
  ss_embedding_map one = make_map(folder, 48, ways), two = make_map(folder, 48, ways), few = make_map(folder, 2, ways);
  assert_true(one.count == 48 && one.neighbours.k == SS_MAP_NEIGHBOURS);
  assert_memory_equal(one.tsne, two.tsne, sizeof(float) * 2 * 48);
  assert_memory_equal(one.plane, two.plane, sizeof(float) * 2 * 48);
  assert_true(one.knn == one.knn_untrained); /* the network is that untrained one */
  assert_true(one.knn >= 0.0 && one.knn <= 100.0);
  assert_true(few.count == 2 && !few.tsne && few.neighbours.k == 1 && few.neighbours.indices[0] == 1);
  ss_embedding_map_free(&one);
  ss_embedding_map_free(&two);
  ss_embedding_map_free(&few);
  ss_ways_free(ways);
  support_remove_folder(folder);
}

int main(void) {
  const struct CMUnitTest tests[] = {cmocka_unit_test(test_a_picture_is_not_its_own_neighbour),
                                     cmocka_unit_test(test_votes), cmocka_unit_test(test_maps_of_many_and_of_few)};
  return cmocka_run_group_tests(tests, NULL, NULL);
}
