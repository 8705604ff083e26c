#!/usr/bin/env bash
# Shows which way packets go and checks it: through the kernel alone where that can be (as root, for a
# server that is not bound to loopback), through fairlead where it cannot or is not wished.
# Usage: run.sh PATH_TO_FAIRLEAD
set -euo pipefail
# shellcheck source=../support.sh
source "$(dirname "$0")/../support.sh" nat-proxy "${1:-}"
stopped=
trap '[[ -z $stopped ]] || kill -CONT "$stopped"; cleanup' EXIT

show fairlead up --workspace-folder examples/nat-proxy --auto-forward
"$fairlead" up --workspace-folder "$folder" --auto-forward --mount-workspace-git-root false \
  >"$work/result"
grep -q '"outcome":"success"' "$work/result" || fail "up did not succeed"

# What `ports` says of a container port: KEY of the forward's JSON.
said() {  # PORT KEY
  "$fairlead" ports --json | python3 -c '
import json, sys
port, key = int(sys.argv[1]), sys.argv[2]
print(next(f[key] for f in json.load(sys.stdin)["forwards"] if f["containerPort"] == port))' "$@"
}
url() { "$fairlead" ports wait "$1" --timeout 10; }
page() { curl -sS --max-time 5 "$(url "$1")" | grep -q 'Hello through the kernel'; }

for port in 3000 3001 3002; do
  page "$port" || fail "$port does not answer"
  show fairlead why "$port"
  "$fairlead" why "$port" | grep relay
done
[[ $(said 3001 relay) != nat ]] || fail "a server on the container's loopback is served by the kernel"
[[ $(said 3002 relay) != nat ]] || fail "natProxy was false"
if [[ $(said 3000 relay) == nat ]]; then
  address=$(url 3000)
  stopped=$(python3 -c 'import glob, json, sys; print(json.load(open(glob.glob(sys.argv[1])[0]))["pid"])' \
            "$work/state/supervisors/*.json")
  kill -STOP "$stopped"
  curl -sS --max-time 5 "$address" | grep -q 'Hello' || fail "no answer while the supervisor is stopped"
  kill -CONT "$stopped"
  stopped=
  echo "(the supervisor was stopped, and $address answered: not a byte went through it)" >&2
else
  said 3000 relayReason | grep -q 'not nat: ' || fail "no reason is given for going without the kernel"
  echo "(without the kernel here; the reason is above)" >&2
fi

show fairlead down --workspace-folder examples/nat-proxy
"$fairlead" down --workspace-folder "$folder" --timeout 1
[[ $("$fairlead" ports --json) == '{"forwards":[]}' ]] || fail "forwards are left after down"
echo "nat-proxy: passed" >&2
