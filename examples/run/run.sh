#!/usr/bin/env bash
# Shows the main job without any container engine and checks that it is done: a server on the
# 127.0.0.1 of a network of its own is reached on the host's, and everything is gone when it ends.
# Usage: run.sh PATH_TO_FAIRLEAD
set -euo pipefail
fairlead=$(realpath "${1:?usage: run.sh PATH_TO_FAIRLEAD}")
here=$(cd "$(dirname "$0")" && pwd)

fail() { echo "run: $*" >&2; exit 1; }
show() { echo "\$ $*" >&2; }

work=$(mktemp -d)
export FAIRLEAD_STATE_DIR=$work/state
job=
cleanup() {
  if [[ -n $job ]]; then kill "$job" 2>/dev/null || true; wait "$job" 2>/dev/null || true; fi
  rm -rf "$work"
}
trap cleanup EXIT

show fairlead run -- busybox httpd -f -p 127.0.0.1:3000 -h site
"$fairlead" run --name example -- busybox httpd -f -p 127.0.0.1:3000 -h "$here/site" &
job=$!
url=$("$fairlead" ports wait 3000 --container-id example --timeout 20) || fail "port 3000 is not forwarded"
show fairlead ports
"$fairlead" ports
show curl "$url"
curl -sS --max-time 5 "$url" | tee "$work/page"
grep -q 'Hello from a network of its own' "$work/page" || fail "the page is not the server's"

show kill %1
kill "$job"
status=0
wait "$job" || status=$?
job=
[[ $status -eq 143 ]] || fail "the exit status is $status, not the server's 128 + SIGTERM"
if curl -s --max-time 2 "$url" >/dev/null; then fail "$url still answers after the end"; fi
[[ $("$fairlead" ports --json) == '{"forwards":[]}' ]] || fail "forwards are left after the end"
echo "run: passed" >&2
