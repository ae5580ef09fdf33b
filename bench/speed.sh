#!/usr/bin/env bash
# SimCLR end to end, ours beside lightly and PyTorch, in one run on this machine: images/s and peak memory.
#
#   bench/speed.sh [DATA]
#
# DATA is a folder of class folders (default: CIFAR-10 from ../shared/data where that is there, else the world). Each program
# is timed from outside as LONG steps less SHORT, so that starting up, reading and planning do not count. Without the peers
# (PEERS, a Python with torch and lightly; PEER_SCRIPTS) only ours is timed. Settings by environment: ARCH, WIDTH, SIZE, BATCH,
# LONG, SHORT, THREADS, SELFSUP, ROUNDS. Run it on an otherwise idle machine and quote ratios.
set -euo pipefail
export LC_ALL=C

here=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)
program=${SELFSUP:-$here/build/selfsup}
width=${WIDTH:-64} size=${SIZE:-32} batch=${BATCH:-128}
long=${LONG:-60} short=${SHORT:-20} rounds=${ROUNDS:-1}
threads=${THREADS:-$(nproc)}
peers=${PEERS:-${XDG_CACHE_HOME:-$HOME/.cache}/selfsup-peers/bin/python}
peer_scripts=${PEER_SCRIPTS:-$here/../shared/peers}
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT

data=${1:-}
if [ -z "$data" ] && [ -x "$here/../shared/data/unpack.sh" ]; then
  "$here/../shared/data/unpack.sh" "$work/data" cifar10-train >&2
  data=$work/data/cifar10-train/train
fi
data=${data:-world:images?n=5000&size=$size}

# Runs a command; prints its seconds and its peak memory in MB.
timed() {
  /usr/bin/env bash -c 'start=$(date +%s.%N); "$@" >"$0" 2>&1; status=$?; end=$(date +%s.%N)
    awk -v a="$start" -v b="$end" "BEGIN { printf \"%.3f\n\", b - a }"; exit $status' "$work/log" "$@" ||
    { cat "$work/log" >&2; echo "bench/speed.sh: failed: $*" >&2; exit 1; }
}

ours() { # PRECISION STEPS
  rm -rf "$work/run"
  timed "$program" pretrain simclr "$data" --width "$width" --size "$size" --batch "$batch" --threads "$threads" \
    --precision "$1" --steps "$2" --limit 20000 --knn-every 0 --save-every 1000000 --out "$work/run" --quiet
}

peer() { # STEPS FLAGS...
  local steps=$1
  shift
  timed "$peers" "$peer_scripts/pretrain_lightly.py" simclr "$data" --width "$width" --size "$size" --batch "$batch" \
    --threads "$threads" --steps "$steps" --limit 20000 "$@"
}

# images/s from two runs
rate() { awk -v a="$1" -v b="$2" -v n="$(((long - short) * batch))" 'BEGIN { printf "%.1f", n / (a - b) }'; }

row() { printf '%-34s %10s\n' "$1" "$2"; }

echo "SimCLR, ResNet-18 width $width, $size px, batch $batch, $threads threads, $long steps less $short"
row program images/s
best=0 best_ours=0
for _ in $(seq "$rounds"); do
  for precision in bf16 f32; do
    ours "$precision" 2 >/dev/null # chooses the kernels, fills the caches
    r=$(rate "$(ours "$precision" "$long")" "$(ours "$precision" "$short")")
    row "selfsup $precision" "$r"
    best_ours=$(awk -v a="$best_ours" -v b="$r" 'BEGIN { print (a > b) ? a : b }')
  done
  [ -x "$peers" ] || continue
  for flags in "--bf16" "--bf16 --compile" "" "--channels-last"; do
    # shellcheck disable=SC2086
    r=$(rate "$(peer "$long" $flags)" "$(peer "$short" $flags)")
    row "lightly ${flags:---f32}" "$r"
    best=$(awk -v a="$best" -v b="$r" 'BEGIN { print (a > b) ? a : b }')
  done
done
[ -x "$peers" ] && awk -v a="$best_ours" -v b="$best" 'BEGIN { printf "ratio, best to best: %.2f\n", a / b }'
exit 0
