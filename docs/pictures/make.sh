#!/bin/sh
# make.sh PROGRAM: makes the pictures of the documentation from the program's own output: a few minutes.
set -eu
cd "$(dirname "$0")/../.."
program=$1
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT

"$program" world images "$folder/world" -n 16 --size 192 --seed 7 --sheet docs/pictures/world.png

scripts/demo.sh "$program"
cp runs/demo/neighbours.png docs/pictures/neighbours.png

"$program" pretrain rotation 'world:images?n=6000&size=32' --width 16 --batch 64 --epochs 4 --seed 1 --knn-every 0 \
  --out "$folder/rotation"
for sheet in "$folder"/rotation/samples/*.png; do :; done # the last one
cp "$sheet" docs/pictures/rotation.png

"$program" pretrain jigsaw 'world:images?n=4000&size=96' --width 16 --batch 64 --epochs 12 --seed 1 --knn-every 0 \
  --set permutations=64 --out "$folder/jigsaw"
for sheet in "$folder"/jigsaw/samples/*.png; do :; done
cp "$sheet" docs/pictures/jigsaw.png
# The upper part of a report, as a screen and a phone show it: takes chromium and Python's websockets.
data='world:images?n=1200&size=64'
"$program" pretrain simclr "$data" --width 8 --batch 64 --epochs 8 --knn-every 1 --profile --out "$folder/simclr"
"$program" knn "$folder/simclr" "$data"
"$program" probe "$folder/simclr" "$data" --layers all --limit 600
"$program" report "$folder/simclr" --title 'SimCLR on the procedural world'
SHOTS=$folder SHOT_HEIGHT=2450 python3 tests/report/check_report.py "$program" "$folder/simclr/report.html"
cp "$folder/1200-light.png" docs/pictures/report.png
cp "$folder/390-dark.png" docs/pictures/report-phone.png
ls -l docs/pictures/*.png
