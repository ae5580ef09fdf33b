#include "base/bfloat16.h"
#include "base/image.h"
#include "base/memory.h"

#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>

#include <cmocka.h>

static void aligned_memory_is_zero_and_aligned(void **state) {
  (void)state;
  const size_t sizes[] = {0, 1, 63, 4096, ((size_t)4 << 20) - 1, (size_t)4 << 20, ((size_t)6 << 20) + 5};
  for (size_t i = 0; i < sizeof sizes / sizeof sizes[0]; i++) {
    unsigned char *memory = ss_alloc_aligned(sizes[i]);
    assert_non_null(memory);
    assert_int_equal((uintptr_t)memory % (sizes[i] >= (size_t)4 << 20 ? (size_t)2 << 20 : 64), 0);
    size_t sum = 0;
    for (size_t j = 0; j < sizes[i]; j++) {
      sum += memory[j];
      memory[j] = 1;
    }
    assert_int_equal(sum, 0);
    ss_free_aligned(memory, sizes[i]);
  }
  ss_free_aligned(NULL, 100);
  assert_null(ss_alloc_aligned(SIZE_MAX - 100));
  assert_null(ss_alloc_aligned(SIZE_MAX / 2));
}

static void counted_memory_says_what_is_missing(void **state) {
  (void)state;
  ss_error error = {""};
  void *memory;
  assert_int_equal(ss_alloc(&memory, 3, 7, "seven", &error), SS_OK);
  for (int i = 0; i < 21; i++) {
    assert_int_equal(((char *)memory)[i], 0);
  }
  free(memory);
  assert_int_equal(ss_alloc(&memory, 0, 8, "nothing", &error), SS_OK);
  free(memory);
  assert_string_equal(error.message, "");
}

static void pictures_keep_their_buffer(void **state) {
  (void)state;
  ss_error error;
  ss_image image = {0}, copy = {0};
  assert_int_equal(ss_image_resize_buffer(&image, 8, 4, 3, &error), SS_OK);
  for (int i = 0; i < 96; i++) {
    image.pixels[i] = (uint8_t)i;
  }
  assert_int_equal(ss_image_copy(&copy, &image, &error), SS_OK);
  assert_int_equal(copy.width, 8);
  assert_int_equal(copy.height, 4);
  assert_int_equal(copy.channels, 3);
  assert_memory_equal(copy.pixels, image.pixels, 96);
  const uint8_t *before = image.pixels;
  assert_int_equal(ss_image_resize_buffer(&image, 2, 2, 1, &error), SS_OK);
  assert_ptr_equal(image.pixels, before);
  assert_int_equal(image.capacity, 96);
  assert_int_equal(ss_image_resize_buffer(&image, 0, 2, 1, &error), SS_FAILED);
  assert_string_equal(error.message, "a picture of 0 x 2 pixels is not between 1 and 65535 a side");
  assert_int_equal(ss_image_resize_buffer(&image, 2, 65536, 1, &error), SS_FAILED);
  ss_image_free(&image);
  ss_image_free(&copy);
  assert_null(image.pixels);
}

static void bfloat16_rounds_to_nearest_even(void **state) {
  (void)state;
  for (uint32_t bits = 0; bits < 65536; bits++) { /* every bfloat16 survives the way there and back */
    const float value = ss_bf16_to_float((ss_bf16)bits);
    if (isnan(value)) {
      assert_true(isnan(ss_bf16_to_float(ss_bf16_from_float(value))));
    } else {
      assert_int_equal(ss_bf16_from_float(value), bits);
    }
  }
  assert_int_equal(ss_bf16_from_float(1.00390625f), 0x3F80);                /* half way: to even, down */
  assert_int_equal(ss_bf16_from_float(1.01171875f), 0x3F82);                /* half way: to even, up */
  assert_int_equal(ss_bf16_from_float(nextafterf(1.00390625f, 2)), 0x3F81); /* beyond half way */
  assert_int_equal(ss_bf16_from_float(3.4e38f), 0x7F80);                    /* beyond the largest: infinity */
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(aligned_memory_is_zero_and_aligned),
      cmocka_unit_test(counted_memory_says_what_is_missing),
      cmocka_unit_test(pictures_keep_their_buffer),
      cmocka_unit_test(bfloat16_rounds_to_nearest_even),
  };
  return cmocka_run_group_tests_name("memory", tests, NULL, NULL);
}
