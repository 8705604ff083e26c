#!/usr/bin/env bash
# A dev container with a database beside it, by Compose, and checks that both are reached: the web
# server on the container's own 127.0.0.1, the database in another container that publishes nothing.
# `down --remove --remove-volumes` leaves nothing behind. Usage: run.sh PATH_TO_FAIRLEAD
set -euo pipefail
# shellcheck source=../support.sh
source "$(dirname "$0")/../support.sh" compose-database "${1:-}" --remove-volumes

show fairlead up --workspace-folder examples/compose-database --auto-forward
"$fairlead" up --workspace-folder "$folder" --auto-forward 2> >(tee "$work/stderr" >&2) >"$work/result"
cat "$work/result"
grep -q '"outcome":"success"' "$work/result" || fail "up did not succeed"
project=$(sed 's/.*"composeProjectName":"\([^"]*\)".*/\1/' "$work/result")

show fairlead ports
"$fairlead" ports
url=$("$fairlead" ports wait 3000 --timeout 10)
show curl "$url"
curl -sS --max-time 5 "$url" | tee "$work/page"
grep -q 'Hello from the Compose service' "$work/page" || fail "the page is not the container's"

database=$("$fairlead" ports wait 5432 --timeout 10)
show "exchange a line with $database"
exec {connection}<>"/dev/tcp/${database%:*}/${database##*:}"
read -r -t 5 -u "$connection" row || fail "the database does not answer at $database"
exec {connection}>&-
echo "$row"
[[ $row == *"a row of the database"* ]] || fail "this is not the database: $row"

published=$(docker ps --filter "label=com.docker.compose.project=$project" --format '{{.Ports}}')
[[ -z ${published//[[:space:]]/} ]] || fail "ports are published: $published"

show fairlead down --remove --remove-volumes --workspace-folder examples/compose-database
"$fairlead" down --remove --remove-volumes --timeout 1 --workspace-folder "$folder"
if curl -s --max-time 2 "$url" >/dev/null; then fail "$url still answers after down"; fi
[[ $("$fairlead" ports --json) == '{"forwards":[]}' ]] || fail "forwards are left after down"
for kind in "ps -a" "network ls" "volume ls"; do
  # shellcheck disable=SC2086
  left=$(docker $kind -q --filter "label=com.docker.compose.project=$project")
  [[ -z $left ]] || fail "down has left something: docker $kind"
done
echo "compose-database: passed" >&2
