#!/usr/bin/env bash
# Sees to it that the test with the AI SDK has that SDK: installs it beside the test where Node.js and npm are, otherwise
# says what is missing. Never fails by itself: without it that test is skipped, and under CI=true it fails.
set -euo pipefail
cd "$(dirname "$0")/../tests/testing/ai_sdk"

if [ -d node_modules/@ai-sdk/xai ]; then exit 0; fi

printf 'The AI SDK test has no SDK; installing it ...\n' >&2
if ! npm install --silent --no-audit --no-fund --no-package-lock >/dev/null 2>&1; then
  printf 'Could not install it here. To run that test: Node.js with npm, then tools/ai_sdk.sh\n' >&2
fi
