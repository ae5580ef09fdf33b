/* The solids: distances that rays can rely on, and extents that agree with them. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include "world/scene.h"
#include "world/shapes.h"

static float distance_at(int shape, ss_vec3 p) {
  float d;
  ss_world_shape_distance(shape, 1, &p.x, &p.y, &p.z, &d);
  return d;
}

static ss_vec3 any_direction(ss_random *random) {
  const float x = ss_random_normal(random), y = ss_random_normal(random), z = ss_random_normal(random);
  return ss_vec_normalize(ss_vec(x, y, z));
}

/* No distance grows faster than the way walked, or sphere tracing would step through the surface. */
static void test_distance_is_1_lipschitz(void **state) {
  (void)state;
  ss_random random = ss_random_stream(1, SS_RANDOM_WORLD, 0, 0, 0);
  for (int shape = 0; shape < SS_WORLD_SHAPE_COUNT; shape++) {
    for (int i = 0; i < 4000; i++) {
      const ss_vec3 a = ss_vec_scale(any_direction(&random), ss_random_between(&random, 0, 1.6f));
      const float step = ss_random_between(&random, 0.01f, 0.3f);
      const ss_vec3 b = ss_vec_add(a, ss_vec_scale(any_direction(&random), step));
      assert_true(fabsf(distance_at(shape, a) - distance_at(shape, b)) <= step + 1e-5f);
    }
  }
}

/* From outside, walking the distance down its gradient ends on the surface. */
static void test_distance_is_exact_outside(void **state) {
  (void)state;
  ss_random random = ss_random_stream(2, SS_RANDOM_WORLD, 0, 0, 0);
  const float h = 0.002f;
  for (int shape = 0; shape < SS_WORLD_SHAPE_COUNT; shape++) {
    int off = 0;
    for (int i = 0; i < 500; i++) {
      const ss_vec3 p = ss_vec_scale(any_direction(&random), ss_random_between(&random, 1.05f, 1.8f));
      const float d = distance_at(shape, p);
      const ss_vec3 gradient =
          ss_vec(distance_at(shape, ss_vec(p.x + h, p.y, p.z)) - distance_at(shape, ss_vec(p.x - h, p.y, p.z)),
                 distance_at(shape, ss_vec(p.x, p.y + h, p.z)) - distance_at(shape, ss_vec(p.x, p.y - h, p.z)),
                 distance_at(shape, ss_vec(p.x, p.y, p.z + h)) - distance_at(shape, ss_vec(p.x, p.y, p.z - h)));
      const ss_vec3 foot = ss_vec_sub(p, ss_vec_scale(ss_vec_normalize(gradient), d));
      assert_true(d > 0);
      off += fabsf(distance_at(shape, foot)) > 0.01f;
    }
    assert_in_range(off, 0, 15); /* but where two parts of the solid are equally near, and the gradient jumps */
  }
}

/* The support is that of the solid: no point of it lies beyond, and one lies close to it. */
static void test_support_bounds_the_solid(void **state) {
  (void)state;
  ss_random random = ss_random_stream(3, SS_RANDOM_WORLD, 0, 0, 0);
  for (int shape = 0; shape < SS_WORLD_SHAPE_COUNT; shape++) {
    assert_true(distance_at(shape, ss_vec(2, 0, 0)) > 0);
    float most[20], support[20];
    ss_vec3 direction[20];
    for (int k = 0; k < 20; k++) {
      direction[k] = any_direction(&random);
      support[k] = ss_world_shape_support(shape, direction[k]);
      most[k] = -2;
    }
    const int side = 56;
    for (int i = 0; i < side * side * side; i++) {
      const ss_vec3 p = ss_vec(-1.1f + 2.2f * (float)(i % side) / (float)(side - 1),
                               -1.1f + 2.2f * (float)(i / side % side) / (float)(side - 1),
                               -1.1f + 2.2f * (float)(i / side / side) / (float)(side - 1));
      if (distance_at(shape, p) > 0) {
        continue;
      }
      assert_true(ss_vec_dot(p, p) < SS_WORLD_SHAPE_RADIUS * SS_WORLD_SHAPE_RADIUS);
      for (int k = 0; k < 20; k++) {
        most[k] = ss_maxf(most[k], ss_vec_dot(p, direction[k]));
      }
    }
    for (int k = 0; k < 20; k++) {
      assert_true(most[k] <= support[k] + 1e-4f);
      assert_true(most[k] > support[k] - 0.13f); /* the lattice is 0.04 wide and tips are thin */
    }
  }
}

/* Resting solids touch the ground, none sinks into it, all are seen from where they can be recognised. */
static void test_scenes_obey_the_ground_and_the_camera(void **state) {
  (void)state;
  int on_ground = 0, scenes = 0;
  for (int shape = 0; shape < SS_WORLD_SHAPE_COUNT; shape++) {
    for (uint32_t index = 0; index < 50; index++) {
      const ss_world_scene scene = ss_world_scene_draw(8, index, shape);
      const ss_vec3 down = ss_vec_rotate_back(&scene.pose, ss_vec(0, -1, 0));
      const float lowest = scene.centre.y - scene.scale * ss_world_shape_support(shape, down);
      assert_true(lowest > -1e-4f && lowest < 0.6f * scene.scale);
      on_ground += lowest < 1e-4f;
      scenes++;
      const ss_vec3 view = ss_vec_rotate_back(&scene.pose, ss_vec_scale(scene.forward, -1));
      assert_true(ss_world_shape_view_is_clear(shape, view));
      for (int a = 0; a < 3; a++) { /* a rotation: orthonormal, right-handed */
        assert_true(fabsf(ss_vec_dot(scene.pose.axis[a], scene.pose.axis[a]) - 1) < 1e-4f);
        assert_true(fabsf(ss_vec_dot(scene.pose.axis[a], scene.pose.axis[(a + 1) % 3])) < 1e-4f);
      }
      const ss_vec3 third = ss_vec_cross(scene.pose.axis[0], scene.pose.axis[1]);
      assert_true(ss_vec_dot(third, scene.pose.axis[2]) > 0.999f);
    }
  }
  assert_true(on_ground > scenes / 2 && on_ground < scenes * 19 / 20);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(test_distance_is_1_lipschitz),
      cmocka_unit_test(test_distance_is_exact_outside),
      cmocka_unit_test(test_support_bounds_the_solid),
      cmocka_unit_test(test_scenes_obey_the_ground_and_the_camera),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
