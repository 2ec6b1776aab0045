#!/bin/sh
# Makes the golden files anew in an environment of their own; arguments go to make.py (--check, --only, --output).
set -eu
here=$(cd "$(dirname "$0")" && pwd)
environment=${GOLDEN_VENV:-$here/.venv}
if [ ! -x "$environment/bin/python" ]; then
  python3 -m venv "$environment"
  "$environment/bin/python" -m pip install --quiet --requirement "$here/requirements.txt"
fi
PYTHONDONTWRITEBYTECODE=1 exec "$environment/bin/python" "$here/make.py" "$@"
