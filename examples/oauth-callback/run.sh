#!/usr/bin/env bash
# Shows a login through the browser and checks it: a program in the container listens on a random port of
# the container's 127.0.0.1, and the browser on the host reaches it 0.3 s later, at its first attempt and
# under the same number. curl plays the browser. Usage: run.sh PATH_TO_FAIRLEAD
set -euo pipefail
# shellcheck source=../support.sh
source "$(dirname "$0")/../support.sh" oauth-callback "${1:-}"

show fairlead up --workspace-folder examples/oauth-callback --auto-forward
"$fairlead" up --workspace-folder "$folder" --auto-forward --mount-workspace-git-root false

for round in 1 2 3; do
  code=code-$round-$RANDOM
  show fairlead exec --workspace-folder examples/oauth-callback -- ./login.sh
  coproc login { exec timeout 20 "$fairlead" exec --workspace-folder "$folder" -- ./login.sh; }
  # The shell forgets both when the program ends.
  pid=$login_PID
  exec {said}<&"${login[0]}"
  read -r -t 10 url <&"$said" || fail "the program does not say where it listens"
  url=${url%$'\r'}
  echo "$url"
  # What the user and the browser take. The address cannot change any more: it has been given away.
  sleep 0.3
  show curl "$url?code=$code"
  curl -sS --max-time 5 "$url?code=$code" | tee "$work/page"
  grep -q 'You are logged in' "$work/page" || fail "the browser has not reached the program"
  read -r -t 10 answer <&"$said" || fail "the program does not end"
  answer=${answer%$'\r'}
  echo "$answer"
  [[ $answer == "logged in with $code" ]] || fail "not what the browser has brought"
  wait "$pid" || fail "the program has failed"
  exec {said}<&-
done

show fairlead down --workspace-folder examples/oauth-callback
"$fairlead" down --workspace-folder "$folder" --timeout 1
[[ $("$fairlead" ports --json) == '{"forwards":[]}' ]] || fail "forwards are left after down"
echo "oauth-callback: passed" >&2
