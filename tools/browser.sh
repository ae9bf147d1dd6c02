#!/usr/bin/env bash
# Sees to it that the browser tests have a Chromium: installs Debian's where that is allowed, otherwise says what is missing.
# Never fails by itself: without a browser the tests marked `browser` are skipped, and under CI=true they fail.
set -euo pipefail

for name in chromium chromium-browser google-chrome; do
  if command -v "$name" >/dev/null; then exit 0; fi
done

printf 'No Chromium found; installing it for the browser tests ...\n' >&2
if ! "$(dirname "$0")/apt.sh" chromium; then
  printf 'Could not install it here: the browser tests are skipped. To run them: sudo apt install chromium\n' >&2
fi
