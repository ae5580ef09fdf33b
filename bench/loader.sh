#!/usr/bin/env bash
# loader.sh: JPEG files to two SimCLR views, ours against torchvision and lightly, pictures a second in one run.
#
# 2,000 pictures of the world, 300x200, quality 90, are made in a temporary folder (or DATA names a folder of class
# folders). Both programs decode every picture each time and use THREADS threads (torch: workers), two views of SIZE pixels
# a picture, batches of 64; the first two batches are not counted. Without the peers (PEERS, a Python with torch and lightly;
# PEER_SCRIPTS) only ours is timed. Settings by environment: SIZE, IMAGES, THREADS, ROUNDS, SELFSUP. Run it on an otherwise
# idle machine and quote ratios. bench_loader.py has two workers, so a ratio is meant for THREADS=2.
set -euo pipefail
export LC_ALL=C

here=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)
program=${SELFSUP:-$here/build/selfsup}
size=${SIZE:-96} images=${IMAGES:-1500} threads=${THREADS:-2} rounds=${ROUNDS:-3}
peers=${PEERS:-${XDG_CACHE_HOME:-$HOME/.cache}/selfsup-peers/bin/python}
peer_scripts=${PEER_SCRIPTS:-$here/../shared/peers}
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT

data=${DATA:-$work/world/train}
if [ -z "${DATA:-}" ]; then
  "$program" world images "$work/world" -n 2000 --size 300x200 --format jpeg --quality 90
fi

# figure NAME: the number of that name in the JSON object on the last line of standard input
figure() {
  python3 -c 'import json, sys; print(json.loads(sys.stdin.read().splitlines()[-1])[sys.argv[1]])' "$1"
}

echo "two SimCLR views of $size px a picture, $threads threads, $images pictures"
for _ in $(seq "$rounds"); do
  "$program" bench loader "$data" --size "$size" --batch 64 --threads "$threads" --images "$images" --json >"$work/ours"
  ours=$(figure images_per_s <"$work/ours")
  printf '%-34s %10.1f pictures/s\n' selfsup "$ours"
  if [ -x "$peers" ]; then
    "$peers" "$peer_scripts/bench_loader.py" "$data" "$size" "$images" >"$work/peer" 2>"$work/log" || {
      cat "$work/log" >&2
      exit 1
    }
    peer=$(figure workers_2 <"$work/peer")
    printf '%-34s %10.1f pictures/s\n' 'torchvision and lightly, 2 workers' "$peer"
    awk -v a="$ours" -v b="$peer" 'BEGIN { printf "ratio %.2f\n", a / b }'
  fi
done
