#!/bin/sh
# make-man.sh PROGRAM FOLDER VERSION: man1/selfsup.1.gz and man1/selfsup-COMMAND.1.gz each, made of the program's --help
# (command-page.awk), and man7/selfsup-METHOD.7.gz each, made of what `methods METHOD` prints (method-page.awk), which is what the
# method's own file says.
set -eu
program=$1
folder=$2
version=$3
here=$(cd "$(dirname "$0")" && pwd)

rm -rf "$folder"
mkdir -p "$folder/man1" "$folder/man7"

# page NAME: reads help, writes a page.
page() {
  awk -v name="$1" -v version="$version" -v commands="$commands" -f "$here/roff.awk" -f "$here/command-page.awk"
}

commands=$("$here/commands.sh" "$program" | tr '\n' ' ')
"$program" --help | page selfsup | gzip -9n >"$folder/man1/selfsup.1.gz"
for command in $commands; do
  "$program" "$command" --help </dev/null | page "selfsup-$command" | gzip -9n >"$folder/man1/selfsup-$command.1.gz"
done
for method in $("$program" methods | sed -n 's/^ *\([a-z][a-z0-9-]*\)  *[^ ].*/\1/p'); do
  "$program" methods "$method" | awk -v version="$version" -f "$here/roff.awk" -f "$here/method-page.awk" |
    gzip -9n >"$folder/man7/selfsup-$method.7.gz"
done
