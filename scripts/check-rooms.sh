#!/bin/sh
# check-rooms.sh [ROOT]: every room under src/ includes only itself and the rooms that CMakeLists.txt lets it use; a
# room's tests see what the room sees, src/cli and the tests without a room see everything.
set -eu
cd "${1:-$(dirname "$0")/..}"

find src tests -name '*.[ch]' | sort | xargs awk '
  FILENAME == "CMakeLists.txt" {
    if (match($0, /^room\([a-z]+ USES [^)]*\)/)) {
      line = substr($0, 6, RLENGTH - 6)
      n = split(line, words, " ")
      rooms[words[1]] = 1
      allowed[words[1] " " words[1]] = 1
      for (i = 3; i <= n; i++) {
        if (sub(/^ss_/, "", words[i])) { allowed[words[1] " " words[i]] = 1 }
      }
    }
    next
  }
  /^[ \t]*#[ \t]*include[ \t]*"/ {
    split($0, quoted, "\"")
    split(FILENAME, from, "/")
    room = from[2]
    slash = index(quoted[2], "/")
    to = substr(quoted[2], 1, slash - 1)
    if (from[1] == "src" && !slash) {
      printf "%s:%d: \"%s\" must be included by its room, like \"%s/%s\"\n", FILENAME, FNR, quoted[2], room, quoted[2]
      wrong = 1
    } else if (slash && to in rooms && room in rooms && !((room " " to) in allowed)) {
      printf "%s:%d: room %s must not include %s, which is to its right\n", FILENAME, FNR, room, quoted[2]
      wrong = 1
    } else if (from[1] == "src" && slash && !(to in rooms) && room != "cli") {
      printf "%s:%d: no room of the name %s\n", FILENAME, FNR, to
      wrong = 1
    }
  }
  END { exit wrong }' CMakeLists.txt
