#!/bin/sh
# Stands in for the program where its help is turned into pages and completions.
case "$*" in
  --help)
    cat <<'HELP'
Usage: selfsup COMMAND [OPTION...]

Learns features from pictures nobody labelled.

Commands:
  pretrain METHOD DATA   learn without labels
  detect|segment RUN DATA
                         transfer to dense tasks
  methods [METHOD]       the methods
  nothing                answers no help
HELP
    ;;
  'pretrain --help')
    cat <<'HELP'
Usage: selfsup pretrain METHOD DATA
  selfsup pretrain --resume RUN

Learn without labels.

Options:
  -o, --out RUN          where the run goes;
                         by default runs/METHOD-DATE
      --device cpu|cuda  where it computes
      --lr=X             learning rate \ step
.leading dot

Examples:
  selfsup pretrain simclr ~/Pictures
HELP
    ;;
  'detect --help' | 'segment --help' | 'methods --help') echo "Usage: selfsup $1 RUN" ;;
  methods)
    echo 'Methods:'
    echo '  simclr    Chen 2020'
    echo '  rotation  Gidaris 2018'
    ;;
  'methods simclr')
    cat <<'TEXT'
simclr: two views of a picture agree, views of different
  pictures do not

  A Simple Framework.
  Chen, Hinton. ICML 2020.

Options (--set key=value):
  temperature          0.5        tau of the loss: \ greater-than-zero
  blur                 -          probability of blur

Recipes (--set recipe=NAME):
  paper                the paper's setting
                       optimizer=lars lr=1.0

Training defaults: optimizer=sgd
Changed from the paper for small images: up to 64 px:
  no blur
TEXT
    ;;
  'methods rotation') echo "$2: of how many quarters" && echo ;;
  *) exit 2 ;;
esac
