#!/bin/sh
# make-completions.sh PROGRAM FOLDER: selfsup.bash and _selfsup (zsh), made of the program's --help: commands, each
# command's options, and the values of options that list them ("--device cpu|cuda"); after pretrain and methods, the
# methods that `selfsup methods` lists.
set -eu
program=$1
folder=$2
here=$(cd "$(dirname "$0")" && pwd)
mkdir -p "$folder"

commands=$("$here/commands.sh" "$program" | tr '\n' ' ')
commands=${commands% }

# The first word of each line, if the program knows it as a method.
methods=$("$program" methods 2>/dev/null </dev/null | awk '$1 ~ /^[a-z][a-z0-9-]*$/ { print $1 }' | sort -u |
  while read -r name; do
    if "$program" methods "$name" >/dev/null 2>&1 </dev/null; then printf '%s ' "$name"; fi
  done) || methods=
methods=${methods% }

options_of() {
  "$program" "$1" --help </dev/null | awk '
    /^ +-/ {
      n = split($0, words, /[ ,=]+/)
      for (i = 1; i <= n; i++) {
        if (words[i] ~ /^--?[a-z][a-z0-9-]*$/) { if (!seen[words[i]]++) { print words[i] } }
        else if (words[i] != "" && words[i] != "|") { break }
      }
    }' | tr '\n' ' '
}

# "OPTION VALUE VALUE ..." a line.
values_of() {
  "$program" "$1" --help </dev/null | awk '
    /^ +-/ {
      if (match($0, /--[a-z][a-z0-9-]*[ =][a-z0-9-]+(\|[a-z0-9-]+)+/)) {
        text = substr($0, RSTART, RLENGTH)
        gsub(/[|=]/, " ", text)
        print text
      }
    }'
}

{
  echo '# bash completion for selfsup; made of its --help.'
  echo '_selfsup() {'
  echo '  local word=${COMP_WORDS[COMP_CWORD]} before=${COMP_WORDS[COMP_CWORD-1]} command=${COMP_WORDS[1]} options= values='
  echo '  COMPREPLY=()'
  echo '  if [ "$COMP_CWORD" -eq 1 ]; then'
  echo "    COMPREPLY=(\$(compgen -W '$commands --help --version' -- \"\$word\"))"
  echo '    return'
  echo '  fi'
  echo '  case $command in'
  for command in $commands; do
    echo "    $command)"
    echo "      options='$(options_of "$command")'"
    echo '      case $before in'
    values_of "$command" | while read -r option values; do
      echo "        $option) values='$values' ;;"
    done
    case $command in
      pretrain | methods) [ -z "$methods" ] || echo "        $command) values='$methods' ;;" ;;
    esac
    echo '      esac'
    echo '      ;;'
  done
  echo '  esac'
  echo '  if [ -n "$values" ]; then'
  echo '    COMPREPLY=($(compgen -W "$values" -- "$word"))'
  echo '  elif [ "${word#-}" != "$word" ]; then'
  echo '    COMPREPLY=($(compgen -W "$options" -- "$word"))'
  echo '  else'
  echo '    COMPREPLY=($(compgen -f -- "$word"))'
  echo '  fi'
  echo '}'
  echo 'complete -o filenames -o bashdefault -F _selfsup selfsup'
} >"$folder/selfsup.bash"

{
  echo '#compdef selfsup'
  echo '# zsh completion for selfsup; made of its --help.'
  echo '_selfsup() {'
  echo '  local -a options values'
  echo '  if (( CURRENT == 2 )); then'
  echo "    compadd -- $commands --help --version"
  echo '    return'
  echo '  fi'
  echo '  case $words[2] in'
  for command in $commands; do
    echo "    $command)"
    echo "      options=($(options_of "$command"))"
    echo '      case $words[CURRENT-1] in'
    values_of "$command" | while read -r option values; do
      echo "        $option) values=($values) ;;"
    done
    case $command in
      pretrain | methods) [ -z "$methods" ] || echo "        $command) values=($methods) ;;" ;;
    esac
    echo '      esac'
    echo '      ;;'
  done
  echo '  esac'
  echo '  if (( $#values )); then'
  echo '    compadd -- $values'
  echo '  elif [[ $PREFIX == -* ]]; then'
  echo '    compadd -- $options'
  echo '  else'
  echo '    _files'
  echo '  fi'
  echo '}'
  echo '_selfsup "$@"'
} >"$folder/_selfsup"
