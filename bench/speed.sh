#!/usr/bin/env bash
# SimCLR end to end, ours beside lightly and PyTorch, in one run on this machine: images/s and peak memory.
#
#   bench/speed.sh [DATA]
#
# DATA is a folder of class folders (default: CIFAR-10 from ../shared/data where that is there, else the world). Each program
# is timed from outside as LONG steps less SHORT, so that starting up, reading and planning do not count. Without the peers
# (PEERS, a Python with torch and lightly; PEER_SCRIPTS) only ours is timed. Settings by environment: WIDTH, SIZE, BATCH, LONG,
# SHORT, LOOK_LONG, LOOK_SHORT, THREADS, SELFSUP, ROUNDS. Run it on an otherwise idle machine and quote ratios.
set -euo pipefail
export LC_ALL=C

here=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)
program=${SELFSUP:-$here/build/selfsup}
width=${WIDTH:-64} size=${SIZE:-32} batch=${BATCH:-128}
long=${LONG:-60} short=${SHORT:-20} look_long=${LOOK_LONG:-12} look_short=${LOOK_SHORT:-4} rounds=${ROUNDS:-1}
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

# Runs a command; prints its seconds, and leaves its peak memory in MB in $work/peak.
timed() {
  python3 - "$work/log" "$work/peak" "$@" <<'PYTHON'
import resource, subprocess, sys, time
log, peak, *command = sys.argv[1:]
with open(log, "wb") as out:
    start = time.monotonic()
    status = subprocess.call(command, stdout=out, stderr=subprocess.STDOUT)
    seconds = time.monotonic() - start
if status:
    sys.exit(f"bench/speed.sh: failed: {' '.join(command)}\n{open(log).read()}")
with open(peak, "w") as out:
    out.write(f"{resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss / 1024 * 1.048576:.0f}")
print(f"{seconds:.3f}")
PYTHON
}

ours() { # STEPS PRECISION
  rm -rf "$work/run"
  timed "$program" pretrain simclr "$data" --width "$width" --size "$size" --batch "$batch" --threads "$threads" \
    --precision "$2" --steps "$1" --limit 20000 --knn-every 0 --save-every 1000000 --out "$work/run" --quiet
}

peer() { # STEPS FLAGS...
  local steps=$1
  shift
  timed "$peers" "$peer_scripts/pretrain_lightly.py" simclr "$data" --width "$width" --size "$size" --batch "$batch" \
    --threads "$threads" --steps "$steps" --limit 20000 "$@"
}

# rate PROGRAM LONG SHORT SETTING: images/s, from two runs
rate() {
  local seconds_long seconds_short
  # shellcheck disable=SC2086
  seconds_long=$("$1" "$2" $4)
  # shellcheck disable=SC2086
  seconds_short=$("$1" "$3" $4)
  awk -v a="$seconds_long" -v b="$seconds_short" -v n="$((($2 - $3) * batch))" 'BEGIN { printf "%.1f", n / (a - b) }'
}

row() { printf '%-44s %10s\n' "$1" "$2"; }

# best PROGRAM NAME SETTING...: looks at each setting for a few steps; leaves the fastest in best_setting.
best() {
  local program_name=$1 name=$2 setting r most=0
  shift 2
  for setting in "$@"; do
    r=$(rate "$program_name" "$look_long" "$look_short" "$setting")
    row "$name $setting" "$r"
    if awk -v a="$r" -v b="$most" 'BEGIN { exit !(a > b) }'; then
      most=$r best_setting=$setting
    fi
  done
}

echo "SimCLR, ResNet-18 width $width, $size px, batch $batch, $threads threads"
echo "images/s, each setting over $look_long steps less $look_short:"
for precision in bf16 f32; do
  ours 2 "$precision" >/dev/null # chooses the kernels, fills the caches
done
best ours selfsup bf16 f32
our_setting=$best_setting
if [ -x "$peers" ]; then
  best peer lightly --bf16 "--bf16 --compile" "" --channels-last
fi
echo "the best of each over $long steps less $short:"
for _ in $(seq "$rounds"); do
  r=$(rate ours "$long" "$short" "$our_setting")
  row "selfsup $our_setting, $(cat "$work/peak") MB at the most" "$r"
  if [ -x "$peers" ]; then
    q=$(rate peer "$long" "$short" "$best_setting")
    row "lightly $best_setting, $(cat "$work/peak") MB at the most" "$q"
    awk -v a="$r" -v b="$q" 'BEGIN { printf "ratio %.2f\n", a / b }'
  fi
done
