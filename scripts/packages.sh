#!/bin/sh
# packages.sh GROUP...: sees to the Debian packages of these groups of packages.txt. Installs what is missing where it
# may; else prints the command to type and exits 1.
set -eu
cd "$(dirname "$0")/.."

groups=" $* "
release=unknown
if [ -r /etc/os-release ]; then
  # shellcheck source=/dev/null
  release=$(. /etc/os-release && echo "${ID:-}-${VERSION_ID:-}")
fi

wanted=$(awk -v groups="$groups" -v release="$release" '
  /^[^#]/ && index(groups, " " $1 " ") {
    skip = 0
    for (i = 3; i <= NF; i++) { skip = skip || $i == release }
    if (!skip && !seen[$2]++) { print $2 }
  }' packages.txt)
[ -n "$wanted" ] || exit 0

if ! command -v dpkg-query >/dev/null; then
  exit 0 # not Debian: CMake says what it cannot find
fi

# shellcheck disable=SC2086 # a list of words
installed=$(dpkg-query -W -f '${db:Status-Abbrev} ${Package}\n' $wanted 2>/dev/null | awk '$1 ~ /^ii/ { print $2 }')
missing=
for package in $wanted; do
  case "
$installed
" in
    *"
$package
"*) ;;
    *) missing="$missing $package" ;;
  esac
done
[ -n "$missing" ] || exit 0
missing=${missing# }

as_root=
if [ "$(id -u)" != 0 ]; then
  if ! command -v sudo >/dev/null || ! sudo -n true 2>/dev/null; then
    echo "missing packages; type: sudo apt-get install $missing" >&2
    exit 1
  fi
  as_root="sudo -n"
fi

echo "installing: $missing" >&2
install() {
  # shellcheck disable=SC2086 # lists of words
  $as_root env DEBIAN_FRONTEND=noninteractive apt-get install -y -q --no-install-recommends $missing >&2
}
if ! install; then
  $as_root apt-get update -q >&2
  if ! install; then
    echo "could not install: $missing; type: sudo apt-get update && sudo apt-get install $missing" >&2
    exit 1
  fi
fi
