#!/usr/bin/env bash
# Goals P11 and P12: 1,000 forwards and 10,000 idle connections in one supervisor; 100 containers
# with 10 forwards each. Adds its part to docs/performance.md.
# Usage: bench/scale.sh [--quick] [--out DIR]. Takes root and Docker, builds the preset `bench`.
set -euo pipefail
cd "$(dirname "$0")/.."
mkdir -p build
{ cmake --preset bench && nice cmake --build --preset bench; } >build/bench.log 2>&1 || {
  tail -20 build/bench.log >&2
  exit 1
}
export PYTHONPATH=$PWD/bench PYTHONDONTWRITEBYTECODE=1
exec python3 -m harness.scale "$@"
