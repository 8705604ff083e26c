#!/usr/bin/env bash
# Compares fairlead's relays with their peers and writes docs/performance.md.
# Usage: bench/compare.sh [--quick] [--rounds N] [--seconds S] [--only PATHS] [--measures M] …
# (--help tells all). Takes root and Docker, and builds the preset `bench` first. Peers that are not
# installed are left out; `tools/install-packages.sh bench` installs them all (where an init system
# runs, their services may start: look at what listens afterwards). FAIRLEAD_BIN measures another
# program than the one built here.
set -euo pipefail
# shellcheck source=entry.sh
source "$(dirname "$0")/entry.sh"
run_harness compare "$@"
