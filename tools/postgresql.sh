#!/usr/bin/env bash
# Sees to it that the store's tests have a PostgreSQL server to start: installs Debian's where that is allowed, otherwise
# says what is missing. Never fails by itself: without a server those tests are skipped, and under CI=true they fail.
set -euo pipefail

if [ -n "${ROOMKIT_TEST_POSTGRESQL:-}" ] || command -v postgres >/dev/null; then exit 0; fi
for server in /usr/lib/postgresql/*/bin/postgres; do
  if [ -x "$server" ]; then exit 0; fi
done

printf 'No PostgreSQL found; installing it for the tests of the store ...\n' >&2
if ! "$(dirname "$0")/apt.sh" postgresql; then
  printf 'Could not install it here: tests on PostgreSQL are skipped. To run them: sudo apt install postgresql\n' >&2
fi
