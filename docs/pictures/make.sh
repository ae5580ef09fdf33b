#!/bin/sh
# make.sh PROGRAM [RUN]: makes the pictures of the documentation from the program's own output: a few minutes. Those of
# a report take a finished run (bench/quality's simclr on photographs).
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

# The upper half of a sheet; bench/protocols leaves the run in runs/protocols.
if [ -d runs/protocols/rotation-0 ]; then
  "$program" segment runs/protocols/rotation-0 'world:images?n=8000&size=64' --limit 2000 --sheet "$folder/segment.png"
  python3 - "$folder" <<'END'
import sys
from PIL import Image
picture = Image.open(sys.argv[1] + "/segment.png").convert("RGB").crop((0, 0, 712, 572))
picture.quantize(128, dither=Image.Dither.NONE).save("docs/pictures/segmented.png", optimize=True)
END
fi

# The upper part of a finished run's report on a screen, and its map on a phone: takes chromium, Python's websockets and
# Pillow.
if [ $# -gt 1 ]; then
  "$program" report "$2" --title 'SimCLR on 2,580 photographs' -o "$folder/report.html"
  SHOTS=$folder SHOT_HEIGHT=3200 python3 tests/report/check_report.py "$program" "$folder/report.html"
  python3 - "$folder" <<'END'
import sys
from PIL import Image
for source, box, size, name in (("1200-light.png", (0, 0, 1200, 2680), (800, 1787), "report.png"),
                                ("390-dark.png", (0, 5200, 780, 6400), (390, 600), "report-phone.png")):
    picture = Image.open(sys.argv[1] + "/" + source).convert("RGB").crop(box).resize(size, Image.LANCZOS)
    picture.quantize(128, dither=Image.Dither.NONE).save("docs/pictures/" + name, optimize=True)
END
fi
ls -l docs/pictures/*.png
