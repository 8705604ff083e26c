#!/usr/bin/env bash
# Puts the reference Dev Containers CLI, with which the tests compare, into build/reference. What is
# there already, in this version, is left alone. Usage: tools/install-reference-cli.sh
set -euo pipefail
cd "$(dirname "$0")/.."

version=0.89.0
place=build/reference
package=$place/node_modules/@devcontainers/cli/package.json

if [[ -f $package ]] && grep -q "\"version\": \"$version\"" "$package"; then exit 0; fi
command -v npm >/dev/null || tools/install-packages.sh reference
echo "==> Installing the reference Dev Containers CLI $version" >&2
mkdir -p "$place"
log=$(mktemp)
trap 'rm -f "$log"' EXIT
# It is one bundled file: nothing has to be built, so no package may run scripts of its own.
if ! npm install --prefix "$place" --no-save --no-audit --no-fund --ignore-scripts \
     "@devcontainers/cli@$version" >"$log" 2>&1; then
  tail -20 "$log" >&2
  echo "The reference CLI could not be installed (see above)." >&2
  exit 1
fi
