#!/usr/bin/env bash
# What a small budget teaches, ours beside lightly and PyTorch: linear probe and k-NN of the backbone, for each method and
# seed, with the same network, views and number of images, and of the untrained network; and, for the first seed, ours for
# as many epochs as fit into the time that lightly's took (rows "in its time"). Seconds are of training alone.
#
#   bench/peer-quality.sh TRAIN TEST
#
# TRAIN and TEST are folders of class folders (CIFAR-10: ../shared/data/unpack.sh). Settings by environment: METHODS, SEEDS,
# WIDTH, EPOCHS, BATCH, LR, LIMIT, PRECISION, THREADS, SELFSUP, PEERS (a Python with torch and lightly; without it only ours),
# PEER_SCRIPTS, KEEP (a folder for the runs). Each finished run is kept there and not made again.
set -euo pipefail
export LC_ALL=C

here=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)
program=${SELFSUP:-$here/build/selfsup}
methods=${METHODS:-simclr rotation} seeds=${SEEDS:-0 1 2}
width=${WIDTH:-16} epochs=${EPOCHS:-5} batch=${BATCH:-256} lr=${LR:-0.06} limit=${LIMIT:-20000} precision=${PRECISION:-bf16}
threads=${THREADS:-$(nproc)}
peers=${PEERS:-${XDG_CACHE_HOME:-$HOME/.cache}/selfsup-peers/bin/python}
peer_scripts=${PEER_SCRIPTS:-$here/../shared/peers}
keep=${KEEP:-$here/runs/peer-quality}
if [ $# -ne 2 ]; then
  sed -n '2,10s/^# \{0,1\}//p' "${BASH_SOURCE[0]}" >&2
  exit 2
fi
train=$1 test=$2
mkdir -p "$keep"

# The number that follows "KEY": first in a line of JSON.
number() { sed -n "s/.*\"$1\": *\([0-9.]*\).*/\1/p" <<<"$2" | head -n 1; }

measure() { # RUN SEED -> linear and k-NN accuracy
  local linear knn
  linear=$("$program" probe "$1" "$train" --test "$test" --limit "$limit" --threads "$threads" --seed "$2" --json | tail -n 1)
  knn=$("$program" knn "$1" "$train" --test "$test" --limit "$limit" --threads "$threads" --seed "$2" --json | tail -n 1)
  linear=$(printf '%s\n' "$linear" | sed 's/.*"layers": *\[{[^}]*"top1": *\([0-9.]*\).*/\1/')
  echo "$linear $(number top1 "$knn")"
}

ours() { # METHOD SEED EPOCHS -> "linear knn seconds"
  local run=$keep/$1-$2-$3
  if [ ! -s "$run.txt" ]; then
    rm -rf "$run"
    local json
    json=$("$program" pretrain "$1" "$train" --width "$width" --batch "$batch" --epochs "$3" --lr "$lr" --limit "$limit" \
      --precision "$precision" --threads "$threads" --seed "$2" --knn-every 0 --out "$run" --quiet --json | tail -n 1)
    echo "$(measure "$run" "$2") $(number seconds "$json")" >"$run.part"
    mv "$run.part" "$run.txt"
  fi
  cat "$run.txt"
}

theirs() { # METHOD SEED -> "linear knn seconds random_linear random_knn"
  local file=$keep/peer-$1-$2-$epochs.txt flags=
  [ "$precision" = bf16 ] && flags=--bf16
  if [ ! -s "$file" ]; then
    local json
    # shellcheck disable=SC2086
    json=$("$peers" "$peer_scripts/pretrain_lightly.py" "$1" "$train" --test "$test" --probe --width "$width" \
      --batch "$batch" --epochs "$epochs" --lr "$lr" --limit "$limit" --threads "$threads" --seed "$2" $flags | tail -n 1)
    # Its steps times the batch over its images/s: the time without importing and measuring.
    printf '%s\n' "$json" | sed "s/.*\"steps\": \([0-9]*\).*\"images_per_s\": \([0-9.]*\), \"pretrained\": {\"linear\": \([0-9.]*\), \"knn\": \([0-9.]*\)}, \"random\": {\"linear\": \([0-9.]*\), \"knn\": \([0-9.]*\)}.*/\1 \2 \3 \4 \5 \6/" |
      awk -v b="$batch" '{ print $3, $4, $1 * b / $2, $5, $6 }' >"$file.part"
    mv "$file.part" "$file"
  fi
  cat "$file"
}

printf '%-10s %-24s %4s %8s %8s %8s\n' method program seed linear knn seconds
row() { printf '%-10s %-24s %4s %8.2f %8.2f %8.0f\n' "$@"; }
for method in $methods; do
  for seed in $seeds; do
    read -r linear knn our_seconds < <(ours "$method" "$seed" "$epochs")
    row "$method" selfsup "$seed" "$linear" "$knn" "$our_seconds"
    if [ -x "$peers" ]; then
      read -r linear knn seconds _ < <(theirs "$method" "$seed")
      row "$method" lightly "$seed" "$linear" "$knn" "$seconds"
      if [ "$seed" = "${seeds%% *}" ]; then
        more=$(awk -v e="$epochs" -v a="$our_seconds" -v b="$seconds" 'BEGIN { print int(e * b / a) }')
        read -r linear knn seconds < <(ours "$method" "$seed" "$more")
        row "$method" "in its time, $more epochs" "$seed" "$linear" "$knn" "$seconds"
      fi
    fi
  done
done
first=${methods%% *}
for seed in $seeds; do
  read -r linear knn < <(measure "random:resnet18?width=$width&size=32" "$seed")
  row random selfsup "$seed" "$linear" "$knn" 0
  if [ -x "$peers" ]; then
    read -r _ _ _ linear knn < <(theirs "$first" "$seed")
    row random lightly "$seed" "$linear" "$knn" 0
  fi
done
