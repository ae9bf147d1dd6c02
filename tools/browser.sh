#!/usr/bin/env bash
# Sees to it that the browser tests have a Chromium and can drive it: installs Debian's where that is allowed, otherwise
# says what is missing. Never fails by itself: without a browser those tests are skipped, and under CI=true they fail.
set -euo pipefail
cd "$(dirname "$0")/.."

has_browser() {
  local name
  for name in chromium chromium-browser google-chrome; do
    if command -v "$name" >/dev/null; then return; fi
  done
  return 1
}

# Playwright brings a Node of its own, which a bare Debian cannot start for want of libatomic.
has_driver() { .venv/bin/python -m playwright --version >/dev/null 2>&1; }

if has_browser && has_driver; then exit 0; fi

printf 'The browser tests have no Chromium they can drive; installing it ...\n' >&2
if ! tools/apt.sh chromium libatomic1; then
  printf 'Could not install it here. To run these tests: sudo apt install chromium libatomic1\n' >&2
fi
