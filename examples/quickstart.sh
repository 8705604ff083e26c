#!/usr/bin/env bash
# From a fresh checkout on a bare Debian 12 to a port forwarded out of a network of its own, with no
# engine at all; then out of a Docker container. Where no Docker can be had, the first has to do.
#
# FAIRLEAD_REQUIRE=docker turns a missing Docker engine into a failure.
set -euo pipefail
cd "$(dirname "$0")/.."
# shellcheck source=../tools/docker-engine.sh
source tools/docker-engine.sh

tools/install-packages.sh build example
echo "==> Building fairlead (a few minutes the first time)" >&2
log=$(mktemp)
probe=$(mktemp -d)
trap 'rm -rf "$log" "$probe"; stop_own_docker' EXIT
if ! { cmake --preset release && cmake --build --preset release --target fairlead; } >"$log" 2>&1; then
  tail -30 "$log" >&2
  echo "fairlead could not be built (see above)." >&2
  exit 1
fi
fairlead=build/release/fairlead

echo "==> Without any engine: a server on the 127.0.0.1 of its own network, reached from the host" >&2
run_shown=0
if FAIRLEAD_STATE_DIR=$probe "$fairlead" run -- true; then
  examples/run/run.sh "$fairlead"
  run_shown=1
else
  echo "(this machine does not permit it; the reason is above)" >&2
fi

if tools/install-packages.sh docker && ensure_docker; then
  echo "==> A server on a container's own 127.0.0.1, reached from the host" >&2
  examples/auto-forward/run.sh "$fairlead"
elif [[ ,${FAIRLEAD_REQUIRE:-}, == *,docker,* ]]; then
  echo "quickstart: a Docker engine is required." >&2
  exit 1
elif [[ $run_shown -eq 1 ]]; then
  echo "quickstart: passed, without a container: there is no Docker engine to be had here (see above)." >&2
else
  echo "quickstart: neither namespaces nor a Docker engine can be had here (see above)." >&2
  exit 1
fi
