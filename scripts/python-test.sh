#!/bin/sh
# python-test.sh BUILD: the Python package's tests, against BUILD/libselfsup.so and BUILD/selfsup. PYTHON names the
# interpreter (python3); without it or NumPy they are skipped, which is said.
set -eu
cd "$(dirname "$0")/.."
build=$(cd "$1" && pwd)
python=${PYTHON:-python3}

if ! "$python" -c 'import numpy' 2>/dev/null; then
  echo "python tests skipped: $python has no NumPy (apt-get install python3-numpy, or PYTHON=...)"
  exit 0
fi
SELFSUP_LIBRARY=$build/libselfsup.so
SELFSUP_PROGRAM=$build/selfsup
PYTHONPATH=$PWD/python
export SELFSUP_LIBRARY SELFSUP_PROGRAM PYTHONPATH
export PYTHONDONTWRITEBYTECODE=1 OMP_WAIT_POLICY=passive
exec "$python" -m unittest discover -s python/tests -t python/tests
