#!/usr/bin/env bash
# From a fresh checkout on a bare Debian 12 to a port forwarded out of a container, and back.
set -euo pipefail
cd "$(dirname "$0")/.."
# shellcheck source=../tools/docker-engine.sh
source tools/docker-engine.sh

tools/install-packages.sh build docker example
echo "==> Building fairlead (a few minutes the first time)" >&2
log=$(mktemp)
trap 'rm -f "$log"; stop_own_docker' EXIT
if ! { cmake --preset release && cmake --build --preset release --target fairlead; } >"$log" 2>&1; then
  tail -30 "$log" >&2
  echo "fairlead could not be built (see above)." >&2
  exit 1
fi
ensure_docker
echo "==> A server on the container's own 127.0.0.1, reached from the host" >&2
examples/auto-forward/run.sh build/release/fairlead
