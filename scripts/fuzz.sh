#!/bin/sh
# fuzz.sh: builds the fuzzers in build/fuzz, which the Makefile has configured, and runs each for FUZZ_SECONDS from the
# seeds in tests/fuzz/corpus/NAME and what earlier runs found (build/fuzz/corpus/NAME). Exits 1 if one found a fault;
# the input is then in build/fuzz/.
set -eu
cd "$(dirname "$0")/.."
cmake --build build/fuzz

export ASAN_OPTIONS="allocator_may_return_null=1"
export OMP_NUM_THREADS=1
failed=
for source in tests/fuzz/fuzz_*.c; do
  stem=$(basename "$source" .c)
  name=${stem#fuzz_}
  corpus=build/fuzz/corpus/$name
  mkdir -p "$corpus"
  seeds=
  [ -d "tests/fuzz/corpus/$name" ] && seeds=tests/fuzz/corpus/$name
  echo "fuzzing $name for ${FUZZ_SECONDS:-60} s"
  log=build/fuzz/$stem.log
  # shellcheck disable=SC2086 # a word or none
  if ! "build/fuzz/$stem" -max_total_time="${FUZZ_SECONDS:-60}" -max_len=65536 -rss_limit_mb=4096 -timeout=20 \
    -artifact_prefix="build/fuzz/$name-" "$corpus" $seeds 2>"$log"; then
    tail -n 30 "$log"
    failed="$failed $name"
  else
    tail -n 1 "$log"
  fi
done
if [ -n "$failed" ]; then
  echo "faults found:$failed" >&2
  exit 1
fi
