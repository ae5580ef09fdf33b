#!/bin/sh
# check-leaks.sh BUILD: every command, every method and what goes wrong at users' desks, under the sanitizers of BUILD (made
# with -DSS_SANITIZE=ON): no memory left behind, no error. Exits 1 naming what was found; the last line counts. A command
# that nothing here runs is a fault too.
set -eu
here=$(cd "$(dirname "$0")" && pwd)
program=$(cd "$1" && pwd)/selfsup
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
cd "$folder"

export XDG_CACHE_HOME="$folder/cache" OMP_WAIT_POLICY=passive OMP_NUM_THREADS=1
export ASAN_OPTIONS="exitcode=99:detect_leaks=1:allocator_may_return_null=1:strict_string_checks=1"
export UBSAN_OPTIONS="exitcode=99:print_stacktrace=1"
export LSAN_OPTIONS="exitcode=99:suppressions=$here/../tests/lsan.supp:print_suppressions=0"

count=0
faults=0
used=

# judge STATUS EXPECTED WORDS...: the outcome of a run whose messages are in the file said.
judge() {
  got=$1
  expected=$2
  shift 2
  count=$((count + 1))
  if [ "$got" -ne "$expected" ] || grep -qE 'Sanitizer|runtime error:' said; then
    faults=$((faults + 1))
    echo "selfsup $*: exit status $got, not $expected:"
    tail -n 30 said
  fi
}

# expect STATUS WORDS...: runs the program.
expect() {
  expected=$1
  shift
  used="$used $1"
  got=0
  "$program" "$@" >out 2>said </dev/null || got=$?
  judge "$got" "$expected" "$@"
}

small="--width 4 --size 16 --batch 4 --threads 1 --precision f32 --limit 12 --steps 2 --seed 1"
measure="--threads 1 --size 16"

# ---- every command ----
# shellcheck disable=SC2086 # lists of words throughout
{
  expect 0 methods
  expect 0 methods simclr --json
  expect 0 world images data -n 36 --size 24
  expect 0 world images data/again -n 24 --size 24 --seed 2
  rm -rf data/again
  mkdir photos
  cp "$here"/../tests/data/golden/images/*.jpg "$here"/../tests/data/golden/images/*.png photos/
  rm -f photos/bad*
  expect 0 pretrain rotation data --out run $small --knn-every 1 --profile --json
  expect 0 pretrain rotation data --out run $small --resume --steps 3
  expect 0 pretrain rotation photos --out photos-run $small
  expect 0 pretrain rotation 'world:images?n=24&size=16' --out world-run $small
  for method in $("$program" methods 2>/dev/null | awk '{ print $1 }'); do
    expect 0 pretrain "$method" data --out "of-$method" $small --size 48 --knn-every 0
  done
  expect 0 probe run data $measure --protocol lbfgs --layers last --json
  expect 0 probe run data $measure --protocol sgd --limit 24 --json
  mkdir -p voc/JPEGImages voc/Annotations voc/ImageSets/Main # a VOC devkit of the world's pictures
  for class in cone cube; do
    for part in train val; do
      cp "$(find data/train/$class -name '*.png' | head -n 1)" "voc/JPEGImages/$class-$part.jpg"
      cp "$(find data/train-truth -name "${class}_*.xml" | head -n 1)" "voc/Annotations/$class-$part.xml"
      echo "$class-$part" >>"voc/ImageSets/Main/$part.txt"
    done
  done
  expect 0 probe run voc $measure --json
  expect 0 knn run data $measure --json
  expect 0 retrieve run data $measure --sheet sheet.png --json
  expect 0 embed run photos $measure -o features.npy --json
  expect 0 embed run data $measure -o others.npy --tensorboard run
  expect 0 finetune run data --size 16 --threads 1 --epochs 1 --batch 4 --limit 24 --freeze-to layer1 --out tuned --json
  dense="--size 16 --threads 1 --epochs 1 --batch 4 --limit 8 --sheet sheet.png --json"
  expect 0 segment run data $dense
  expect 0 depth run data $dense --finetune
  expect 0 detect run data $dense --channels 8
  expect 0 report run photos-run --threads 1 -o both.html
  expect 0 export run -o backbone.safetensors --half
  expect 0 export run -o backbone.safetensors --bf16
  expect 0 export run -o backbone.onnx
  expect 0 export run -o half.onnx --half
  cat >sweep.json <<'END'
{"data": "data", "out": "sweep", "methods": ["random", "rotation"], "widths": [4],
 "pretrain": {"steps": 1, "size": 16, "batch": 4, "threads": 1, "precision": "f32", "limit": 12},
 "probe": {"limit": 24, "threads": 1}}
END
  expect 0 sweep sweep.json
  expect 0 bench step data --method rotation --steps 1 --width 4 --size 16 --batch 4 --threads 1 --precision f32
  expect 0 bench loader data --size 16 --batch 4 --threads 1
  expect 0 bench kmeans -n 2000 -d 8 -k 10 --threads 1

  # ---- what goes wrong ----
  expect 1 pretrain rotation nowhere --out x $small
  expect 1 pretrain rotation data --out run $small # exists
  expect 2 pretrain rotatoin data --out x $small
  expect 2 pretrain rotation data --out x --epohcs 3
  expect 2 pretrain rotation data --out x --set quarters=many $small
  expect 2 pretrain rotation data --out x $small --batch 64 # more than there are
  expect 2 pretrain rotation data --out run --resume --width 8
  mkdir empty
  expect 1 pretrain rotation empty --out x $small
  cp -r run cut
  head -c 3000 run/checkpoint.safetensors >cut/checkpoint.safetensors
  expect 1 pretrain rotation data --out cut --resume $small --steps 9
  head -c 3000 run/backbone.safetensors >cut/backbone.safetensors
  expect 1 knn cut data
  echo '{"method": "rotation", "data": ' >cut/config.json
  expect 1 pretrain rotation data --out cut --resume $small
  expect 1 pretrain rotation data --out x $small --arch resnet34 --init run # another architecture
  expect 1 pretrain rotation data --out x $small --width 8 --init run/backbone.safetensors
  expect 2 knn 'random:resnet19' data
  cp "$here"/../tests/data/golden/images/bad* photos/
  expect 1 embed run photos $measure -o bad.npy                   # pictures that do not decode
  expect 0 embed run photos $measure -o bad.npy --max-bad 0.5     # so many may be left out
  expect 1 probe run photos $measure                              # no labels
  expect 1 embed run data $measure -o nowhere/features.npy
  expect 1 finetune run photos $measure                           # no labels
  expect 2 finetune run data $measure --freeze-to layer9
  expect 1 segment run photos $dense # no masks
  expect 1 depth run photos $dense
  expect 1 detect run photos $dense
  expect 1 report photos
  expect 2 export run -o backbone.pth
  echo '{"data": 3}' >sweep.json
  expect 1 sweep sweep.json
  expect 2 nonsense

  # ---- a full disk: standard output, and files beyond a limit ----
  got=0
  "$program" methods >/dev/full 2>said || got=$?
  judge "$got" 1 "methods >/dev/full"
  got=0
  (
    trap '' XFSZ # a write beyond the limit then fails, as on a full disk
    ulimit -f 40
    exec "$program" pretrain rotation data --out full $small
  ) >out 2>said || got=$?
  judge "$got" 1 "pretrain on a full disk"
  got=0
  (
    trap '' XFSZ
    ulimit -f 8
    exec "$program" embed run data $measure -o full.npy
  ) >out 2>said || got=$?
  judge "$got" 1 "embed on a full disk"
  [ ! -e full.npy ] || { echo "half a file was left behind: full.npy"; faults=$((faults + 1)); }
}

for command in $("$here/commands.sh" "$program"); do
  case " $used " in
    *" $command "*) ;;
    *)
      echo "no run of selfsup $command: add one"
      faults=$((faults + 1))
      ;;
  esac
done
echo "$count runs, $faults with a fault"
[ "$faults" -eq 0 ]
