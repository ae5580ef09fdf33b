#!/bin/sh
# check-library.sh BUILD: what a library must not do to the program that it is linked with, looked for in the objects of
# all rooms (BUILD/libss_*.a): keep state between calls, print, end the process, change signal handlers, the environment
# or the locale, use the C library's hidden state.
set -eu
build=$1
wrong=0

# The GPU's: a process has one context of it, whoever asks. What nvcc makes of a kernel's file keeps its registration.
of_the_gpu='\.cu\.o |^(context|memory|cublaslt[a-z_]*|cudnn[a-z_]*)\.c\.o (context|copies|library)$'
# Tables that are made once, under pthread_once or an atomic, and never change; the locks of OpenMP's critical sections.
made_once='\.gomp_critical_user_|^(colour_bins|lab)\.c\.o |^amx_convolution\.c\.o ([a-z_]*\.)?known(\.[0-9]+)?$'
found=$(for archive in "$build"/libss_*.a; do
  objdump -t "$archive"
done | awk '
  / +file format / { file = $1; sub(/:$/, "", file); next }
  {
    for (i = 2; i <= NF; i++) {
      if ($i ~ /^(\.(data|bss|tdata|tbss)(\.|$)|\*COM\*$)/ && $i !~ /\.rel\.ro/ && $NF !~ /^\.(data|bss|L)/) {
        print file, $NF
      }
    }
  }' | grep -vE "$made_once|$of_the_gpu" || true)
if [ -n "$found" ]; then
  echo "these objects keep variables between calls: move them into a handle, or make them const"
  echo "$found"
  wrong=1
fi

forbidden='_?_?(v?printf|v?fprintf|puts|fputs|putchar|perror)(_chk)?|stdout|stderr|exit|_exit|_Exit|quick_exit|abort|__assert_fail'
forbidden="$forbidden|signal|sigaction|setenv|putenv|unsetenv|setlocale|chdir|umask|srand|rand|random|strtok|localtime|gmtime|asctime|ctime"
found=$(for archive in "$build"/libss_*.a; do
  nm -u "$archive" 2>/dev/null
done | awk '
  /\.o:$/ { file = $1; sub(/:$/, "", file) }
  $1 == "U" { sub(/@.*/, "", $2); print file, $2 }' | grep -E " ($forbidden)\$" |
  grep -vE '^metrics\.c\.o (__)?fprintf(_chk)?$|\.pb-c\.c\.o __assert_fail$' || true) # into metrics.jsonl; protoc's
if [ -n "$found" ]; then
  echo "these objects use what a library must not (it returns a status and leaves a message instead)"
  echo "$found"
  wrong=1
fi

# What the surroundings say is asked for in two places, which the public header tells of.
found=$(grep -rlE '\b(secure_)?getenv *\(' "${2:-$(dirname "$0")/../src}" --include='*.c' |
  grep -vE '/(cli/[a-z_]*|data/source_world|engine/ways_cache)\.c$' || true)
if [ -n "$found" ]; then
  echo "these files read the environment: say it in the options instead"
  echo "$found"
  wrong=1
fi
exit $wrong
