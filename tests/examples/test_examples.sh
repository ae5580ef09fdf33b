#!/bin/sh
# test_examples.sh PROGRAM EXAMPLES: runs the programs of examples/, built in the folder EXAMPLES, on a few pictures.
set -eu
program=$1
examples=$2
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
export XDG_CACHE_HOME="$folder/cache" OMP_NUM_THREADS=1 OMP_WAIT_POLICY=passive
cd "$folder"

fail() {
  echo "failed: $1" >&2
  exit 1
}

# holds WHAT FILE PATTERN
holds() {
  grep -qE -- "$3" "$2" || fail "$1: no \"$3\" in $(cat "$2")"
}

small="width=4 size=16 batch=8 steps=3 precision=f32"
# shellcheck disable=SC2086 # a list of words
"$examples/example_pretrain" run $small >said || fail "pretrain"
holds "pretrain's progress" said '^update 3 of 3: loss [0-9.]+, [0-9]+ pictures/s$'
holds "pretrain's end" said '^done: run; turns told rightly: [0-9.]+ % '
"$examples/example_pretrain" run 2>said && fail "pretrain wrote over a run"
holds "a run that exists" said 'pretrain: the run exists already: run'
# shellcheck disable=SC2086
"$examples/example_pretrain" run --resume $small steps=4 >said || fail "pretrain --resume"
holds "the resumed run" said '^update 4 of 4:'

"$program" world images pictures -n 12 --size 40 >/dev/null 2>&1 || fail "pictures"
find pictures -name '*.png' -o -name '*.jpg' | sort | head -n 6 >list
[ "$(wc -l <list)" -eq 6 ] || fail "six pictures"
# shellcheck disable=SC2046 # names without blanks
"$examples/example_features" run $(cat list) >said || fail "features"
holds "the model" said '^resnet18, 4 channels wide, sees 16 px of rgb, has the layers conv1 layer1 '
holds "its features" said '^features: 1 x 1 places of 32 numbers$'
[ "$(grep -cE '^pictures/.*: (-?[0-9.e+-]+ ){4}\.\.\.$' said)" -eq 6 ] || fail "features: $(cat said)"
"$examples/example_features" run --layer layer1 "$(head -n 1 list)" >said || fail "a layer's features"
holds "a layer's features" said '^features: 16 x 16 places of 4 numbers$'
"$examples/example_features" run list 2>said && fail "features of a text"
holds "a text" said '^features: list: not a picture'

# shellcheck disable=SC2046
"$examples/example_neighbours" run $(head -n 1 list) $(cat list) >said || fail "neighbours"
[ "$(wc -l <said)" -eq 6 ] || fail "neighbours: $(cat said)"
[ "$(head -n 1 said)" = "1.0000  $(head -n 1 list)" ] || fail "the picture most like itself: $(cat said)"
"$examples/example_neighbours" nowhere a b 2>said && fail "neighbours without a model"
holds "no model" said '^neighbours: no such run folder or file: nowhere'
echo "the examples run"
