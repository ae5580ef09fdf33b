#!/bin/sh
# commands.sh PROGRAM: the program's commands, one a line: the words that start an indented line of its help (after its
# own name, if that comes first) and answer --help themselves.
set -eu
program=$1
"$program" --help | awk '
  /^ +[a-z]/ {
    word = $1 == "selfsup" ? $2 : $1
    n = split(word, names, "[|,]")
    for (i = 1; i <= n; i++) { if (names[i] ~ /^[a-z][a-z0-9-]*$/ && !seen[names[i]]++) { print names[i] } }
  }' | while read -r name; do
  if "$program" "$name" --help >/dev/null 2>&1 </dev/null; then
    echo "$name"
  fi
done
