#!/usr/bin/env bash
# Shows the main job and checks that it is done: a server on the container's own 127.0.0.1 is reached
# on the host's, nowhere else, and gone after `down`. Usage: run.sh PATH_TO_FAIRLEAD
set -euo pipefail
fairlead=$(realpath "${1:?usage: run.sh PATH_TO_FAIRLEAD}")
here=$(cd "$(dirname "$0")" && pwd)

fail() { echo "auto-forward: $*" >&2; exit 1; }
show() { echo "\$ $*" >&2; }

"$here/../make-image.sh"
work=$(mktemp -d)
export FAIRLEAD_STATE_DIR=$work/state
# A copy: the example's folder may be in use already, by its reader.
cp -r "$here/." "$work/auto-forward"
cleanup() {
  "$fairlead" down --remove --timeout 1 --workspace-folder "$work/auto-forward" >/dev/null 2>&1 || true
  rm -rf "$work"
}
trap cleanup EXIT

show fairlead up --workspace-folder examples/auto-forward --auto-forward
"$fairlead" up --workspace-folder "$work/auto-forward" --auto-forward --mount-workspace-git-root false \
  2> >(tee "$work/stderr" >&2) >"$work/result"
cat "$work/result"
grep -q '"outcome":"success"' "$work/result" || fail "up did not succeed"
container=$(sed 's/.*"containerId":"\([0-9a-f]*\)".*/\1/' "$work/result")

show fairlead ports
"$fairlead" ports
url=$("$fairlead" ports wait 3000 --timeout 10)
show curl "$url"
curl -sS --max-time 5 "$url" | tee "$work/page"
grep -q 'Hello from the container' "$work/page" || fail "the page is not the container's"

address=$(docker inspect --format '{{range .NetworkSettings.Networks}}{{.IPAddress}}{{end}}' "$container")
if curl -s --max-time 2 "http://$address:3000/" >/dev/null; then
  fail "the container's own address $address answers: the server is not bound to loopback"
fi
echo "(the container's own address, $address:3000, refuses: the server listens on loopback only)" >&2

show fairlead down --workspace-folder examples/auto-forward
"$fairlead" down --workspace-folder "$work/auto-forward" --timeout 1
if curl -s --max-time 2 "$url" >/dev/null; then fail "$url still answers after down"; fi
[[ $("$fairlead" ports --json) == '{"forwards":[]}' ]] || fail "forwards are left after down"
echo "auto-forward: passed" >&2
