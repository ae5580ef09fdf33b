#!/bin/sh
# lint.sh: formatting, the house rules, a compile with clang, clang-tidy, shellcheck. The Makefile has configured
# build/clang. With CHANGED=1 clang-tidy and the formatting look at changed files alone. Says everything that is wrong,
# then exits 1.
set -u
cd "$(dirname "$0")/.." || exit 1

failed=
step() {
  name=$1
  shift
  if ! "$@"; then
    failed="$failed $name"
  fi
}

check_format() {
  scripts/c-files.sh | xargs -r clang-format-14 --dry-run -Werror
}

# The public header must serve C99 and C++ programs too.
check_header() {
  clang-14 -std=c99 -pedantic -Wall -Wextra -Werror -fsyntax-only -x c include/selfsup/selfsup.h &&
    clang-14 -std=c++11 -pedantic -Wall -Wextra -Werror -fsyntax-only -x c++ include/selfsup/selfsup.h
}

check_clang() {
  cmake --build build/clang --target all tests -- --quiet -k 0
}

# The files that are compiled, most expensive first so that no core is left alone with a large one at the end.
check_tidy() {
  compiled=$(sed -n 's|^  "file": "'"$PWD"'/\(.*\)",*$|\1|p' build/clang/compile_commands.json | sort -u)
  scripts/c-files.sh | grep '\.c$' | while read -r file; do
    echo "$compiled" | grep -qxF "$file" && wc -c "$file"
  done | sort -rn | awk '{ print $2 }' |
    xargs -r -n 1 -P "$(nproc)" sh -c '
      out=$(clang-tidy-14 --quiet -p build/clang "$1" 2>/dev/null) || { printf "%s\n" "$out"; exit 1; }' tidy
}

check_shell() {
  shellcheck scripts/*.sh bench/*.sh bench/gpu tests/*/*.sh .ci/run
}

step format check_format
step rooms scripts/check-rooms.sh
step house scripts/check-house.sh
step header check_header
step shellcheck check_shell
step clang check_clang
step library scripts/check-library.sh build/clang
step clang-tidy check_tidy
if [ -n "$failed" ]; then
  echo "lint failed:$failed" >&2
  exit 1
fi
echo "lint passed"
