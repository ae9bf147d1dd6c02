#!/usr/bin/env bash
# Makes .venv and installs this project into it: `tools/setup.sh demo` for the demo, `tools/setup.sh dev` for everything.
# Called by make when pyproject.toml is newer than the stamp it leaves. PYTHON=... picks the interpreter.
set -euo pipefail
cd "$(dirname "$0")/.."

kind=${1:?demo or dev}
export PIP_DISABLE_PIP_VERSION_CHECK=1 PIP_NO_INPUT=1 PIP_ROOT_USER_ACTION=ignore

say() { printf '%s\n' "$*" >&2; }

fits() { "$1" -c 'import sys; sys.exit(not (3, 11) <= sys.version_info[:2] <= (3, 13))' >/dev/null 2>&1; }

find_python() {
  local name
  for name in ${PYTHON:-python3.13 python3.12 python3.11 python3}; do
    # Asked by running it: a version manager's shim is on the path of versions that are not there.
    if fits "$name"; then command -v "$name"; return; fi
  done
  say "RoomKit needs Python 3.11, 3.12 or 3.13, and ${PYTHON:-none of python3.13 python3.12 python3.11 python3} is one."
  say "On Debian: apt install python3 python3-venv. Elsewhere: PYTHON=/path/to/python3.12 make $kind"
  return 1
}

make_venv() {
  local python=$1
  if "$python" -c 'import ensurepip, venv' >/dev/null 2>&1; then
    "$python" -m venv .venv
    return
  fi
  # Debian ships venv and ensurepip in a package of their own, named after the version.
  local package
  package="$("$python" -c 'import sys; print("python%d.%d-venv" % sys.version_info[:2])')"
  say "$python cannot make virtual environments; installing $package ..."
  if tools/apt.sh "$package"; then
    "$python" -m venv .venv
  else
    say "Could not install it here. Run: sudo apt install $package"
    return 1
  fi
}

if ! fits .venv/bin/python || ! .venv/bin/python -m pip --version >/dev/null 2>&1; then
  python=$(find_python)
  say "Making .venv with $("$python" --version) ..."
  rm -rf .venv
  make_venv "$python"
fi

say "Installing RoomKit and what '$kind' needs into .venv (once, about a minute) ..."
if [ "$kind" = dev ]; then
  # Dependency groups came with pip 25.1; Debian 12 makes environments with pip 23.
  .venv/bin/python -m pip install -q --upgrade 'pip>=25.1'
  .venv/bin/python -m pip install -q -e '.[demo]' --group dev
  touch .venv/.installed-demo
else
  .venv/bin/python -m pip install -q -e '.[demo]'
fi
touch ".venv/.installed-$kind"
