#!/bin/sh
# test_install.sh BUILD SOURCE CC: what `make install` installs, used as a stranger would: programs find the header and
# the library by pkg-config, C++ takes the header, the library shows its public functions alone.
set -eu
build=$1
source=$2
cc=$3
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT

fail() {
  echo "failed: $1" >&2
  exit 1
}

DESTDIR=$folder/root cmake --install "$build" >"$folder/log" 2>&1 || fail "install: $(cat "$folder/log")"
pc=$(find "$folder/root" -name selfsup.pc)
[ -n "$pc" ] || fail "no selfsup.pc"
library=$(find "$folder/root" -name libselfsup.so)
[ -n "$library" ] || fail "no libselfsup.so"
header=$(find "$folder/root" -name selfsup.h)
PKG_CONFIG_PATH=$(dirname "$pc")
PKG_CONFIG_SYSROOT_DIR=$folder/root
export PKG_CONFIG_PATH PKG_CONFIG_SYSROOT_DIR

objdump -p "$library" | grep -qE 'SONAME +libselfsup\.so\.[0-9]+$' || fail "no soname: $(objdump -p "$library")"
nm -D --defined-only "$library" | awk '{ print $NF }' | sort >"$folder/shown"
sed -n 's/^SS_API.*[ *]\(ss_[a-z_]*\)(.*/\1/p' "$header" | sort >"$folder/declared"
[ -s "$folder/declared" ] || fail "no functions in the header"
diff "$folder/declared" "$folder/shown" >"$folder/log" ||
  fail "the header's functions (<) and the library's symbols (>) differ: $(cat "$folder/log")"

for example in features neighbours pretrain; do
  # shellcheck disable=SC2046 # a list of words
  $cc -Wall -Wextra -Werror "$source/examples/$example.c" -o "$folder/$example" \
    $(pkg-config --cflags --libs selfsup) -lm >"$folder/log" 2>&1 || fail "$example.c: $(cat "$folder/log")"
  LD_LIBRARY_PATH=$(dirname "$library") "$folder/$example" 2>"$folder/log" && fail "$example without arguments"
  grep -q '^usage: ' "$folder/log" || fail "$example does not run: $(cat "$folder/log")"
done
LD_LIBRARY_PATH=$(dirname "$library") ldd "$folder/features" | grep -q 'libselfsup\.so\.[0-9]* => '"$folder" ||
  fail "features is not linked with the library"

if command -v c++ >/dev/null; then
  cat >"$folder/main.cpp" <<'END'
#include <selfsup/selfsup.h>
#include <cstring>
int main() {
  ss_encoder_options options = {};
  ss_error error;
  ss_encoder *encoder = nullptr;
  return std::strlen(ss_version()) >= 5 && ss_encoder_open("nowhere", &options, &encoder, &error) == SS_FAILED ? 0 : 1;
}
END
  # shellcheck disable=SC2046
  c++ -std=c++11 -pedantic -Wall -Wextra -Werror "$folder/main.cpp" -o "$folder/main" \
    $(pkg-config --cflags --libs selfsup) >"$folder/log" 2>&1 || fail "C++: $(cat "$folder/log")"
  LD_LIBRARY_PATH=$(dirname "$library") "$folder/main" || fail "the C++ program"
fi

find "$folder/root" -name 'selfsup*.1.gz' -exec gzip -t {} + || fail "a man page is damaged"
[ -n "$(find "$folder/root" -name 'selfsup-pretrain.1.gz')" ] || fail "no man page of pretrain"
echo "what is installed can be used"
