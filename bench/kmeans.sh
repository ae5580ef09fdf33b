#!/usr/bin/env bash
# k-means beside FAISS, in one run on this machine, on the same points: seconds an iteration.
#
#   bench/kmeans.sh
#
# The points are drawn and written by `selfsup bench kmeans`, a Gaussian a cluster; then FAISS clusters the same file. Both
# make full (Lloyd) iterations of float32 on all points from seeds of their own; what one takes is the mean of all for ours,
# with everything in it, and of those after the first for FAISS, by its own clock. Settings by environment: POINTS,
# DIMENSIONS, CLUSTERS, SPREADS (deviations of a Gaussian; their means have 1), THREADS (a list), ITERATIONS,
# PEER_ITERATIONS, SELFSUP, PEERS (a Python with faiss-cpu and numpy; without it only ours), SCRATCH (a folder with room
# for the points). Run it on an otherwise idle machine and quote ratios.
set -euo pipefail
export LC_ALL=C

here=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)
program=${SELFSUP:-$here/build/selfsup}
points=${POINTS:-1000000} dimensions=${DIMENSIONS:-256} clusters=${CLUSTERS:-10000}
spreads=${SPREADS:-1 100} threads=${THREADS:-$(nproc) 1}
iterations=${ITERATIONS:-5} peer_iterations=${PEER_ITERATIONS:-3}
peers=${PEERS:-${XDG_CACHE_HOME:-$HOME/.cache}/selfsup-peers/bin/python}
work=$(mktemp -d "${SCRATCH:-${TMPDIR:-/tmp}}/kmeans.XXXXXX")
trap 'rm -rf "$work"' EXIT

field() { # NAME: of the JSON object on the last line of standard input
  tail -n 1 | sed 's/.*"'"$1"'": *\([0-9.e+-]*\).*/\1/'
}

theirs() { # THREADS -> seconds an iteration
  "$peers" - "$work/points.npy" "$clusters" "$peer_iterations" "$1" <<'PYTHON'
import sys

import faiss
import numpy as np

path, clusters, iterations, threads = sys.argv[1], *map(int, sys.argv[2:])
points = np.load(path)
faiss.omp_set_num_threads(threads)
kmeans = faiss.Kmeans(points.shape[1], clusters, niter=iterations, max_points_per_centroid=len(points), seed=1)
kmeans.train(points)
times = [stats["time"] for stats in kmeans.iteration_stats]
print((times[-1] - times[0]) / (iterations - 1))
PYTHON
}

printf '%s points of %s dimensions into %s clusters\n' "$points" "$dimensions" "$clusters"
printf '%7s %8s %11s %11s %12s %11s %7s\n' spread threads seeding,s selfsup,s GFLOP/s FAISS,s ratio
for spread in $spreads; do
  for count in $threads; do
    "$program" bench kmeans -n "$points" -d "$dimensions" -k "$clusters" --spread "$spread" --threads "$count" \
      --iterations "$iterations" --out "$work/points.npy" --json >"$work/ours"
    ours=$(field iteration_s <"$work/ours")
    peer=- ratio=-
    if [ -x "$peers" ]; then
      peer=$(theirs "$count")
      ratio=$(awk -v a="$peer" -v b="$ours" 'BEGIN { printf "%.2f", a / b }')
      peer=$(awk -v a="$peer" 'BEGIN { printf "%.2f", a }')
    fi
    printf '%7s %8s %11.2f %11.2f %12.0f %11s %7s\n' "$spread" "$count" "$(field seed_s <"$work/ours")" "$ours" \
      "$(field gflops <"$work/ours")" "$peer" "$ratio"
  done
done
