#!/usr/bin/env bash
# A good neighbour: a training step alone, beside one program that keeps every core busy, and beside a second run of
# itself; with threads that look for some microseconds and then sleep at barriers (what the program does by itself), with
# ones that sleep at once and with ones that spin.
#
#   bench/neighbour.sh
#
# In proportion means that beside one other program half of the speed is left. Settings by environment: WIDTH, BATCH,
# ROUNDS, THREADS, SELFSUP.
set -euo pipefail
export LC_ALL=C

here=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)
program=${SELFSUP:-$here/build/selfsup}
width=${WIDTH:-64} batch=${BATCH:-128} rounds=${ROUNDS:-20} threads=${THREADS:-$(nproc)}
neighbours=()
trap 'kill "${neighbours[@]}" 2>/dev/null || true' EXIT

step() { # ROUNDS -> images/s
  "$program" bench step --width "$width" --batch "$batch" --threads "$threads" --rounds "$1" --json | tail -n 1 |
    sed 's/.*"images_per_s": *\([0-9.]*\).*/\1/'
}

# In a session of its own, as a program that somebody else has started; nothing is left of it afterwards.
start() {
  setsid "$@" >/dev/null 2>&1 &
  neighbours+=($!)
}

stop() {
  for neighbour in "${neighbours[@]}"; do
    kill -- "-$neighbour" 2>/dev/null || kill "$neighbour" 2>/dev/null || true
  done
  wait "${neighbours[@]}" 2>/dev/null || true
  neighbours=()
}

step 1 >/dev/null # chooses the kernels, fills the caches
printf '%-10s %10s %16s %18s\n' threads alone 'beside loops' 'beside itself'
for policy in own passive active; do
  unset OMP_WAIT_POLICY GOMP_SPINCOUNT
  [ "$policy" = own ] || export OMP_WAIT_POLICY=$policy
  alone=$(step "$rounds")
  for _ in $(seq "$threads"); do
    start bash -c 'while :; do :; done'
  done
  loops=$(step "$rounds")
  stop
  start "$program" bench step --width "$width" --batch "$batch" --threads "$threads" --rounds 100000
  sleep 2
  itself=$(step "$rounds")
  stop
  awk -v p="$policy" -v a="$alone" -v l="$loops" -v i="$itself" \
    'BEGIN { printf "%-10s %10.1f %8.1f (%4.0f%%) %10.1f (%4.0f%%)\n", p, a, l, 100 * l / a, i, 100 * i / a }'
done
