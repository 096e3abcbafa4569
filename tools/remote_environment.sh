#!/usr/bin/env bash
# A virtual environment for the compute machine: aiida-mlgun[remote] without AiiDA.
#
#   remote_environment.sh FOLDER [PIP OPTION…]
#
# The package depends on AiiDA for the workstation's sake; what runs on the compute machine never imports it.  So the
# package itself goes in without its dependencies, and those are taken from pyproject.toml, AiiDA's left out, in the
# versions of constraints.txt.  Run again after a change: only what changed is done anew.
set -euo pipefail

PROJECT=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)
[ $# -ge 1 ] || { sed -n '2,9p' "$0" >&2; exit 2; }
FOLDER=$1
shift
PYTHON=${PYTHON:-$(command -v python3.11 || command -v python3)}
STAMP=$FOLDER/.dependencies
WANTED=$(cat "$PROJECT/pyproject.toml" "$PROJECT/constraints.txt" | sha256sum | cut -c 1-64)

dependencies() {
    "$PYTHON" - "$PROJECT/pyproject.toml" <<'P'
import sys, tomllib
project = tomllib.load(open(sys.argv[1], "rb"))["project"]
names = project["dependencies"] + project["optional-dependencies"]["remote"]
print("\n".join(name for name in names if not name.startswith("aiida")))
P
}

if [ "$(cat "$STAMP" 2>/dev/null)" != "$WANTED" ]; then
    "$PYTHON" -m venv "$FOLDER"
    dependencies > "$FOLDER/dependencies.txt"
    "$FOLDER/bin/python" -m pip install --quiet --disable-pip-version-check --constraint "$PROJECT/constraints.txt" \
        --requirement "$FOLDER/dependencies.txt" "$@"
    echo "$WANTED" > "$STAMP"
fi
# never editable: the compute machine has what was installed, not what lies on the workstation
"$FOLDER/bin/python" -m pip install --quiet --disable-pip-version-check --no-deps --force-reinstall "$PROJECT" "$@"
if "$FOLDER/bin/python" -c 'import aiida' 2>/dev/null; then
    echo "remote_environment.sh: AiiDA got into $FOLDER" >&2
    exit 1
fi
echo "remote environment: $("$FOLDER/bin/mlgun" --version) in $FOLDER"
