#!/bin/sh
# c-files.sh: the C, C++ and CUDA files and headers of the project, one a line; with CHANGED=1 those that differ from the last commit.
set -eu
cd "$(dirname "$0")/.."
if [ "${CHANGED:-0}" != 0 ]; then
  {
    git diff --name-only --diff-filter=d HEAD
    git ls-files --others --exclude-standard
  } | grep -E '^(src|include|tests|bench|examples)/.*\.(c|h|cu|cuh|cpp)$' | sort || true
else
  find src include tests bench examples -type f -regextype posix-extended -regex '.*\.(c|h|cu|cuh|cpp)' | sort
fi
