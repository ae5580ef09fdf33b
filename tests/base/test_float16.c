/* float16: every number there is, and rounding between each two of them. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "base/float16.h"

#include <math.h>

/* By the definition of IEEE 754. */
static double value_of(uint32_t half) {
  const int exponent = (int)(half >> 10 & 31), fraction = (int)(half & 1023);
  return exponent == 0 ? ldexp(fraction, -24) : ldexp(1024 + fraction, exponent - 25);
}

static void every_number_is_itself(void **state) {
  (void)state;
  for (uint32_t half = 0; half < 0x7C00; half++) {
    assert_true((double)ss_f16_to_float((ss_f16)half) == value_of(half));
    assert_true((double)ss_f16_to_float((ss_f16)(half | 0x8000)) == -value_of(half));
    assert_int_equal(ss_f16_from_float(ss_f16_to_float((ss_f16)half)), half);
    assert_int_equal(ss_f16_from_float(ss_f16_to_float((ss_f16)(half | 0x8000))), half | 0x8000);
  }
  assert_true(signbit(ss_f16_to_float(0x8000)) != 0);
  assert_true(isinf(ss_f16_to_float(0x7C00)) && ss_f16_to_float(0xFC00) == -INFINITY);
  assert_int_equal(ss_f16_from_float(INFINITY), 0x7C00);
  assert_int_equal(ss_f16_from_float(-INFINITY), 0xFC00);
  for (uint32_t half = 0x7C01; half < 0x8000; half++) {
    assert_true(isnan(ss_f16_to_float((ss_f16)half)));
  }
  assert_int_equal(ss_f16_from_float(NAN) & 0x7E00, 0x7E00);
}

/* The nearest; of two that are as near, the even one; beyond the largest as if there were a next. */
static void rounds_to_nearest_even(void **state) {
  (void)state;
  for (uint32_t half = 0; half < 0x7C00; half++) {
    const double next = half + 1 == 0x7C00 ? 65536.0 : value_of(half + 1);
    const float middle = (float)(0.5 * (value_of(half) + next)); /* exact */
    const uint32_t even = half % 2 == 0 ? half : half + 1;
    assert_int_equal(ss_f16_from_float(middle), even);
    assert_int_equal(ss_f16_from_float(-middle), even | 0x8000);
    assert_int_equal(ss_f16_from_float(nextafterf(middle, 0.0f)), half);
    assert_int_equal(ss_f16_from_float(nextafterf(middle, INFINITY)), half + 1);
  }
  assert_int_equal(ss_f16_from_float(SS_F16_MAX), 0x7BFF);
  assert_int_equal(ss_f16_from_float(1e30f), 0x7C00);
  assert_int_equal(ss_f16_from_float(1e-30f), 0);
}

int main(void) {
  const struct CMUnitTest tests[] = {cmocka_unit_test(every_number_is_itself),
                                     cmocka_unit_test(rounds_to_nearest_even)};
  return cmocka_run_group_tests(tests, NULL, NULL);
}
