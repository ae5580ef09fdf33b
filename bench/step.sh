#!/usr/bin/env bash
# A training step alone (forward, backward, SGD; supervised, as the peer's), ours beside PyTorch, in one run on this
# machine: images/s.
#
#   bench/step.sh
#
# Ours is timed from outside, LONG steps less SHORT, so that starting up and planning do not count; PyTorch's is the best
# of its settings (layouts; COMPILE=1: compiled too) as ../shared/peers/bench_step.py reports it, the median of its
# steps. Settings by environment: CASES (ARCH:SIZE:BATCH ...), PRECISIONS, LONG, SHORT, THREADS, SELFSUP, PEERS (a Python
# with torch; without it only ours), PEER_SCRIPTS. Run it on an otherwise idle machine and quote ratios.
set -euo pipefail
export LC_ALL=C

here=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)
program=${SELFSUP:-$here/build/selfsup}
cases=${CASES:-resnet18:32:128 resnet18:32:256 resnet50:224:32 alexnet:224:128}
precisions=${PRECISIONS:-bf16 f32}
long=${LONG:-25} short=${SHORT:-5} threads=${THREADS:-$(nproc)}
peers=${PEERS:-${XDG_CACHE_HOME:-$HOME/.cache}/selfsup-peers/bin/python}
peer_scripts=${PEER_SCRIPTS:-$here/../shared/peers}
compile=${COMPILE:-0}

ours() { # ARCH SIZE BATCH PRECISION ROUNDS
  "$program" bench step --method supervised --arch "$1" --width 64 --size "$2" --batch "$3" --precision "$4" \
    --threads "$threads" --rounds "$5" >/dev/null
}

seconds() {
  local start
  start=$(date +%s.%N)
  "$@"
  date +%s.%N | awk -v a="$start" '{ print $1 - a }'
}

theirs() { # ARCH SIZE BATCH PRECISION -> images/s
  local flags
  for flags in "" $([ "$compile" = 0 ] || echo --compile); do
    # shellcheck disable=SC2086
    "$peers" "$peer_scripts/bench_step.py" --arch "$1" --size "$2" --batch "$3" --only "$4" --threads "$threads" $flags |
      tail -n 1 | sed 's/.*"best_images_per_s": *\([0-9.]*\).*/\1/'
  done | sort -g | tail -n 1
}

printf '%-10s %5s %6s %6s %10s %10s %7s\n' net size batch '' selfsup PyTorch ratio
for case in $cases; do
  IFS=: read -r arch size batch <<<"$case"
  for precision in $precisions; do
    ours "$arch" "$size" "$batch" "$precision" 1 # chooses the kernels, fills the caches
    a=$(seconds ours "$arch" "$size" "$batch" "$precision" "$long")
    b=$(seconds ours "$arch" "$size" "$batch" "$precision" "$short")
    rate=$(awk -v a="$a" -v b="$b" -v n="$(((long - short) * batch))" 'BEGIN { printf "%.1f", n / (a - b) }')
    peer=- ratio=-
    if [ -x "$peers" ]; then
      peer=$(theirs "$arch" "$size" "$batch" "$precision")
      ratio=$(awk -v a="$rate" -v b="$peer" 'BEGIN { printf "%.2f", a / b }')
    fi
    printf '%-10s %5s %6s %6s %10s %10s %7s\n' "$arch" "$size" "$batch" "$precision" "$rate" "$peer" "$ratio"
  done
done
