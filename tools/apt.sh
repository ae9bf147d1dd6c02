#!/usr/bin/env bash
# `tools/apt.sh PACKAGE ...` installs Debian packages if we may (root, or sudo without a password); fails where we may not.
set -euo pipefail

as_root() {
  if [ "$(id -u)" = 0 ]; then "$@"; else sudo -n "$@"; fi
}

{
  command -v apt-get
  as_root apt-get update -qq
  as_root env DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends "$@"
} >/dev/null 2>&1 </dev/null
