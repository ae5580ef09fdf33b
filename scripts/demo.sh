#!/bin/sh
# demo.sh PROGRAM: learns from pictures of the procedural world without their labels, then measures what was learned
# beside the same network untrained, and shows it. Leaves the run, summary.json and neighbours.png in runs/demo.
set -eu
cd "$(dirname "$0")/.."
program=$1
run=runs/demo
pictures=8000
data="world:images?n=$pictures&size=32"
untrained='random:resnet18?width=16&size=32'
start=$(date +%s)

say() { printf '%s\n' "$@" >&2; }

# number KEY JSON: the number that stands once under KEY in a line of JSON, to two decimals.
number() {
  printf '%s\n' "$2" | awk -v key="\"$1\":" '
    {
      while ((at = index($0, key)) > 0) {
        $0 = substr($0, at + length(key))
        if (match($0, /^ *[0-9]+(\.[0-9]+)?([eE][-+]?[0-9]+)? *[,}]/)) {
          value = substr($0, 1, RLENGTH - 1)
          found++
        }
      }
    }
    END {
      if (found != 1) { exit 1 }
      printf "%.2f\n", value
    }' || {
    say "demo: not one number \"$1\" in: $2"
    exit 1
  }
}

# measured COMMAND RUN [OPTION...]: the line of JSON that a measuring command prints last.
measured() {
  printed=$("$program" "$@" --seed 1 --json) || {
    say "demo: selfsup $* failed"
    exit 1
  }
  printf '%s\n' "$printed" | tail -n 1
}

say "selfsup learns from pictures that nobody labelled. Here it does so from nothing, in a few minutes." "" \
  "1. $pictures pictures of a procedural world are rendered (the first time), each of one of twelve solids, and an" \
  "   untrained network is measured on them: the mark to beat."
rm -rf "$run"
mkdir -p runs
untrained_knn=$(measured knn "$untrained" "$data")

say "" "2. Of each picture the network is given two views, cropped and recoloured apart, and asked to find, among all the" \
  "   views of 128 pictures, the one that belongs to it (SimCLR). Nobody tells it what is in the pictures."
"$program" pretrain simclr "$data" --width 16 --batch 128 --epochs 6 --seed 1 --knn-every 0 --set min_scale=0.5 \
  --set gray=0.8 --set solarize=0.3 --set temperature=0.2 --out "$run"

say "" "3. Its features are frozen. Now labels come in: how well do the features tell the twelve solids apart, by a" \
  "   linear classifier (the probe) and by the most similar pictures (k-NN)?"
probe=$(measured probe "$run" "$data" --layers last --protocol lbfgs)
knn=$(measured knn "$run" "$data")
recall=$(measured retrieve "$run" "$data" --sheet "$run/neighbours.png")

linear=$(number top1 "$probe")
random_linear=$(number random_top1 "$probe")
classes=$(number classes "$probe")
knn=$(number top1 "$knn")
random_knn=$(number top1 "$untrained_knn")
number queries "$recall" >/dev/null
seconds=$(($(date +%s) - start))

printf '{"random": {"linear": %s, "knn": %s}, "pretrained": {"linear": %s, "knn": %s}, "seconds": %s}\n' \
  "$random_linear" "$random_knn" "$linear" "$knn" "$seconds" >"$run/summary.json.tmp"
mv "$run/summary.json.tmp" "$run/summary.json"

for sheet in "$run"/samples/*.png; do :; done # the last one, after training
awk -v random_linear="$random_linear" -v random_knn="$random_knn" -v linear="$linear" -v knn="$knn" \
  -v classes="$classes" -v seconds="$seconds" 'BEGIN {
    printf "\n%-24s %12s %10s\n", "correct, of " classes + 0 " solids", "linear probe", "k-NN"
    printf "%-24s %10.1f %% %8.1f %%\n", "  guessing", 100 / classes, 100 / classes
    printf "%-24s %10.1f %% %8.1f %%\n", "  untrained network", random_linear, random_knn
    printf "%-24s %10.1f %% %8.1f %%\n", "  after learning", linear, knn
    printf "\nin %d seconds\n\n", seconds
  }'
echo "what the network saw     $sheet"
echo "pictures it finds alike  $run/neighbours.png"
echo "these numbers            $run/summary.json"
echo "your own pictures next   $program pretrain simclr ~/Pictures"
