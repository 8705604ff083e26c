#!/bin/sh
# What a command line tool does that logs in through the browser: it listens on a random port of its own
# 127.0.0.1, names the address that the browser is sent back to, and waits for what comes with it.
set -eu
here=$(cd "$(dirname "$0")" && pwd)
state=$(mktemp -d)
CODE_PIPE=$state/code
export CODE_PIPE
mkfifo "$CODE_PIPE"
listens() { grep -qi "$(printf ':%04x 00000000:0000 0a' "$port")" /proc/net/tcp; }
port=$(shuf -i 32768-60999 -n 1)
httpd -f -p "127.0.0.1:$port" -h "$here/site" &
server=$!
trap 'kill "$server" 2>/dev/null; rm -rf "$state"' EXIT
# Who is sent to an address finds somebody there.
until listens; do kill -0 "$server"; sleep 0.01; done
echo "http://localhost:$port/cgi-bin/callback"
read -r code <"$CODE_PIPE"
echo "logged in with $code"
