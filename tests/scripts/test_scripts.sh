#!/bin/sh
# The scripts that make man pages and completions, and those that check the house.
set -eu
here=$(cd "$(dirname "$0")" && pwd)
scripts=$here/../../scripts
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
program=$folder/selfsup
cp "$here/support_program.sh" "$program"
chmod +x "$program"
passed=0

fail() {
  echo "failed: $1" >&2
  exit 1
}

expect() {
  [ "$2" = "$3" ] || fail "$1: got \"$2\", expected \"$3\""
  passed=$((passed + 1))
}

holds() {
  grep -qF -- "$3" "$2" || fail "$1: no \"$3\" in $(cat "$2")"
  passed=$((passed + 1))
}

expect commands "$("$scripts/commands.sh" "$program" | tr '\n' ' ')" "pretrain detect segment methods "

"$scripts/make-man.sh" "$program" "$folder/man" 1.2.3
expect pages "$(cd "$folder/man/man1" && echo *)" \
  "selfsup-detect.1.gz selfsup-methods.1.gz selfsup-pretrain.1.gz selfsup-segment.1.gz selfsup.1.gz"
expect "methods' pages" "$(cd "$folder/man/man7" && echo *)" "selfsup-rotation.7.gz selfsup-simclr.7.gz"
gzip -dc "$folder/man/man1/selfsup-pretrain.1.gz" >"$folder/page"
holds title "$folder/page" '.TH SELFSUP-PRETRAIN 1 "" "selfsup 1.2.3" "selfsup"'
holds name "$folder/page" 'selfsup\-pretrain \- Learn without labels'
holds synopsis "$folder/page" '.B selfsup pretrain METHOD DATA'
holds option "$folder/page" '.B \-o, \-\-out RUN'
holds text "$folder/page" 'by default runs/METHOD\-DATE'
holds backslash "$folder/page" 'learning rate \e step'
holds dot "$folder/page" '\&.leading dot'
holds heading "$folder/page" '.SH EXAMPLES'
gzip -dc "$folder/man/man1/selfsup.1.gz" >"$folder/page"
holds "see also" "$folder/page" '.BR selfsup\-segment (1),'
gzip -dc "$folder/man/man7/selfsup-simclr.7.gz" >"$folder/page"
holds "method's title" "$folder/page" '.TH SELFSUP-SIMCLR 7 "" "selfsup 1.2.3" "selfsup"'
holds "method's name" "$folder/page" 'selfsup\-simclr \- two views of a picture agree, views of different pictures do not'
holds "method's paper" "$folder/page" 'Chen, Hinton. ICML 2020.'
holds "method's option" "$folder/page" '.B temperature \fR(0.5)'
holds "option's text" "$folder/page" 'tau of the loss: \e greater\-than\-zero'
holds "method's recipe" "$folder/page" 'optimizer=lars lr=1.0'
holds "method's changes" "$folder/page" '.SH CHANGED FROM THE PAPER FOR SMALL IMAGES'
holds "wrapped text" "$folder/page" 'no blur'
if command -v man >/dev/null; then
  # A recommended tool only where there is one: what groff warns about is a fault of the page.
  warnings=$(gzip -dc "$folder/man/man1/selfsup-pretrain.1.gz" | LC_ALL=C.UTF-8 MANWIDTH=80 man --warnings -l - 2>&1 >/dev/null)
  expect groff "$warnings" ""
  warnings=$(LC_ALL=C.UTF-8 MANWIDTH=80 man --warnings -l "$folder/page" 2>&1 >/dev/null)
  expect "groff of a method" "$warnings" ""
fi

"$scripts/make-completions.sh" "$program" "$folder"
bash -n "$folder/selfsup.bash"
completed() {
  bash -c '. "$1/selfsup.bash"; shift; COMP_WORDS=(selfsup "$@"); COMP_CWORD=$#; _selfsup; echo "${COMPREPLY[*]}"' \
    complete "$folder" "$@"
}
expect "complete a command" "$(completed pre)" "pretrain"
expect "complete a method" "$(completed pretrain s)" "simclr"
expect "complete an option" "$(completed pretrain simclr --o)" "--out"
expect "complete a value" "$(completed pretrain simclr --device cu)" "cuda"
holds zsh "$folder/_selfsup" "--device) values=(cpu cuda) ;;"

mkdir -p "$folder/house/src/base" "$folder/house/src/engine/cpu" "$folder/house/src/cli" "$folder/house/tests/base"
cat >"$folder/house/CMakeLists.txt" <<'END'
room(base USES PkgConfig::CJSON)
room(engine USES ss_base)
END
echo '#include "engine/graph.h"' >"$folder/house/src/cli/main.c"
echo '#include "base/status.h"' >"$folder/house/src/engine/cpu/kernel.c"
expect "rooms in order" "$("$scripts/check-rooms.sh" "$folder/house" && "$scripts/check-house.sh" "$folder/house")" ""
echo '#include "engine/graph.h"' >"$folder/house/src/base/status.c"
echo '#include "engine/graph.h"' >"$folder/house/tests/base/test_status.c"
echo '#include "kernel.h"' >>"$folder/house/src/engine/cpu/kernel.c"
out=$("$scripts/check-rooms.sh" "$folder/house") && fail "a room's wrong include was let pass"
expect "rooms out of order" "$(echo "$out" | wc -l | tr -d ' ')" 3
out=$(yes 'int a;' | head -n 801 >"$folder/house/src/base/long.c"; "$scripts/check-house.sh" "$folder/house") &&
  fail "a file of 801 lines was let pass"
expect "long file" "$out" "src/base/long.c: 801 lines, over 800: divide it"

mkdir -p "$folder/library" "$folder/house/src/data"
cat >"$folder/library/good.c" <<'END'
static const char *const names[] = {"a", "b"};
const char *name_of(int index);
const char *name_of(int index) { return names[index]; }
END
cat >"$folder/library/bad.c" <<'END'
#include <stdio.h>
#include <stdlib.h>
FILE *where(void);
FILE *where(void) { return stderr; }
int count_calls(void);
int count_calls(void) {
  static int calls;
  if (++calls > 9) { exit(1); }
  return calls;
}
END
(cd "$folder/library" && ${CC:-cc} -fPIC -c good.c -o good.c.o && ar rc libss_good.a good.c.o)
expect "a library in order" "$("$scripts/check-library.sh" "$folder/library" "$folder/house/src")" ""
(cd "$folder/library" && ${CC:-cc} -fPIC -c bad.c -o bad.c.o && ar rc libss_bad.a bad.c.o)
echo 'char *a(void) { return getenv("A"); }' >"$folder/house/src/data/a.c"
out=$("$scripts/check-library.sh" "$folder/library" "$folder/house/src") && fail "a library that prints was let pass"
expect "a library out of order" "$(echo "$out" | grep -cE '^bad\.c\.o ((count_calls\.)?calls(\.[0-9]+)?|exit|stderr)$|/a\.c$')" 4

echo "$passed checks passed"
