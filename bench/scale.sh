#!/usr/bin/env bash
# Goals P11 and P12: 1,000 forwards and 10,000 idle connections in one supervisor; 100 containers
# with 10 forwards each. Adds its part to docs/performance.md.
# Usage: bench/scale.sh [--quick] [--out DIR]. Takes root and Docker, builds the preset `bench`.
set -euo pipefail
# shellcheck source=entry.sh
source "$(dirname "$0")/entry.sh"
run_harness scale "$@"
