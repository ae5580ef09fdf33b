#!/bin/sh
# demo.sh PROGRAM: learns from pictures of the procedural world without their labels, then measures what was learned
# against the same network untrained. Leaves the run and summary.json in runs/demo.
set -eu
cd "$(dirname "$0")/.."
program=$1
run=runs/demo
data='world:images?n=4000&size=32'
start=$(date +%s)

rm -rf "$run"
mkdir -p runs
echo "learning without labels ..." >&2
"$program" pretrain rotation "$data" --arch resnet18 --width 32 --epochs 8 --seed 1 --out "$run"

# measure RUN: its linear probe and k-NN accuracy, as "LINEAR KNN".
measure() {
  linear=$("$program" probe "$1" "$data" --layers last --protocol lbfgs --seed 1 --json | tail -n 1 |
    sed -n 's/.*"top1": *\([0-9.]*\).*/\1/p')
  knn=$("$program" knn "$1" "$data" --json | tail -n 1 | sed -n 's/.*"top1": *\([0-9.]*\).*/\1/p')
  if [ -z "$linear" ] || [ -z "$knn" ]; then
    echo "demo: no accuracy came back for $1" >&2
    exit 1
  fi
  echo "$linear $knn"
}
echo "measuring the untrained network ..." >&2
random=$(measure random:resnet18)
echo "measuring what was learned ..." >&2
learned=$(measure "$run")

printf '{"random": {"linear": %s, "knn": %s}, "pretrained": {"linear": %s, "knn": %s}, "seconds": %s}\n' \
  "${random% *}" "${random#* }" "${learned% *}" "${learned#* }" "$(($(date +%s) - start))" >"$run/summary.json.tmp"
mv "$run/summary.json.tmp" "$run/summary.json"
"$program" report "$run"
cat "$run/summary.json"
