#!/bin/sh
# test.sh BUILD...: builds and runs the tests of the builds `sanitize`, `release` and `emulated`, which the Makefile has
# configured. Under the sanitizers the programs named test_long_* are left out; emulated are the tests of what computes
# on devices. Exits 1 if anything failed.
set -eu
cd "$(dirname "$0")/.."

export OMP_WAIT_POLICY=passive
export OMP_NUM_THREADS="${OMP_NUM_THREADS:-1}"
export ASAN_OPTIONS="allocator_may_return_null=1:strict_string_checks=1:detect_stack_use_after_return=1${ASAN_OPTIONS:+:$ASAN_OPTIONS}"
export UBSAN_OPTIONS="print_stacktrace=1${UBSAN_OPTIONS:+:$UBSAN_OPTIONS}"
LSAN_OPTIONS="suppressions=$PWD/tests/lsan.supp:print_suppressions=0${LSAN_OPTIONS:+:$LSAN_OPTIONS}"
export LSAN_OPTIONS

jobs=$(nproc)
failed=0
for build in "$@"; do
  case $build in
    sanitize) folder=build/sanitize targets=tests choose="-LE long" ;;
    release) folder=build targets=tests choose= ;;
    emulated) folder=build/emulated targets=device_tests choose="-L device" ;;
    *)
      echo "test.sh: no such build: $build" >&2
      exit 2
      ;;
  esac
  cmake --build "$folder" --target "$targets"
  echo "tests, $build build:"
  # shellcheck disable=SC2086 # two words or none
  ctest --test-dir "$folder" --parallel "$jobs" --timeout 600 --output-on-failure --no-tests=error \
    $choose || failed=1
done
exit $failed
