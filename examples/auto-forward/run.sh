#!/usr/bin/env bash
# Shows the main job and checks that it is done: a server on the container's own 127.0.0.1 is reached
# on the host's, nowhere else, and gone after `down`. Usage: run.sh PATH_TO_FAIRLEAD
set -euo pipefail
# shellcheck source=../support.sh
source "$(dirname "$0")/../support.sh" auto-forward "${1:-}"

show fairlead up --workspace-folder examples/auto-forward --auto-forward
"$fairlead" up --workspace-folder "$folder" --auto-forward --mount-workspace-git-root false \
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
"$fairlead" down --workspace-folder "$folder" --timeout 1
if curl -s --max-time 2 "$url" >/dev/null; then fail "$url still answers after down"; fi
[[ $("$fairlead" ports --json) == '{"forwards":[]}' ]] || fail "forwards are left after down"
echo "auto-forward: passed" >&2
