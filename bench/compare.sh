#!/usr/bin/env bash
# Compares fairlead's relay with its peers: the same server in one container, the same clients, in
# interleaved rounds. Prints medians and ratios. Usage: bench/compare.sh [ROUNDS] [SECONDS]
#
# Each path goes to a container port of its own (two paths to one port disturb each other's TIME_WAIT).
# Peers that are not installed are left out. Takes root and Docker; packages: haproxy nginx-light wrk
# iperf3 python3. The server's image is made from this machine's own nginx and iperf3.
set -euo pipefail
rounds=${1:-10}
seconds=${2:-2}
cd "$(dirname "$0")/.."
fairlead=${FAIRLEAD_BIN:-$PWD/build/release/fairlead}
work=$(mktemp -d)
export FAIRLEAD_STATE_DIR=$work/state
name=fairlead-bench-$$
cleanup() {
  "$fairlead" forward --stop "$name" >/dev/null 2>&1 || true
  [[ -f $work/haproxy.pid ]] && kill "$(cat "$work/haproxy.pid")" 2>/dev/null || true
  docker rm -f "$name" >/dev/null 2>&1 || true
  ip netns delete "$name" 2>/dev/null || true
  rm -rf "$work"
}
trap cleanup EXIT

# An image from the programs of this machine and the libraries they need.
make_image() {
  local tree=$work/tree program library
  mkdir -p "$tree"/{bin,etc/nginx,tmp,var/log/nginx,var/lib/nginx,run,dev,proc,sys,site}
  for program in nginx iperf3 dash sleep; do
    cp "$(command -v "$program")" "$tree/bin/"
    for library in $(ldd "$(command -v "$program")" | grep -o '/[^ ]*'); do
      mkdir -p "$tree$(dirname "$library")"
      cp -Ln "$library" "$tree$library"
    done
  done
  ln -s dash "$tree/bin/sh"
  echo 'root:x:0:0:root:/:/bin/sh' >"$tree/etc/passwd"
  echo 'root:x:0:' >"$tree/etc/group"
  head -c 512 /dev/zero | tr '\0' x >"$tree/site/index.html"
  cat >"$tree/etc/nginx/nginx.conf" <<'CONF'
user root;
worker_processes 1;
daemon off;
error_log /dev/null;
pid /run/nginx.pid;
events { worker_connections 8192; }
http {
  access_log off;
  keepalive_requests 1000000000;
  server {
    listen 127.0.0.1:8001; listen 127.0.0.1:8002; listen 8003; listen 8004;
    root /site;
  }
}
CONF
  tar -C "$tree" -c . | docker import - fairlead-bench >/dev/null
}

make_image
docker run -d --name "$name" -p 127.0.0.1:18003:8003 fairlead-bench \
  /bin/sh -c 'iperf3 -s -B 127.0.0.1 -p 9001 >/dev/null & iperf3 -s -B 127.0.0.1 -p 9002 >/dev/null &
              iperf3 -s -p 9003 >/dev/null & exec nginx -c /etc/nginx/nginx.conf' >/dev/null
pid=$(docker inspect -f '{{.State.Pid}}' "$name")
address=$(docker inspect -f '{{range .NetworkSettings.Networks}}{{.IPAddress}}{{end}}' "$name")

"$fairlead" forward "$name" 18001:8001 19001:9001 >/dev/null 2>&1
relay_pid=$(sed -n 's/.*"pid": \([0-9]*\).*/\1/p' "$FAIRLEAD_STATE_DIR"/supervisors/*.json)
declare -A url cpu_pid
paths=(fairlead)
url[fairlead]=http://127.0.0.1:18001/
cpu_pid[fairlead]=$relay_pid
if command -v haproxy >/dev/null; then
  # HAProxy looks namespaces up by name.
  mkdir -p /run/netns
  touch "/run/netns/$name"
  mount --bind "/proc/$pid/ns/net" "/run/netns/$name"
  cat >"$work/haproxy.cfg" <<CONF
global
  nbthread 1
  pidfile $work/haproxy.pid
defaults
  mode tcp
  timeout connect 5s
  timeout client 60s
  timeout server 60s
  option splice-auto
listen web
  bind 127.0.0.1:18002
  server s 127.0.0.1:8002 namespace $name
listen bulk
  bind 127.0.0.1:19002
  server s 127.0.0.1:9002 namespace $name
CONF
  haproxy -D -f "$work/haproxy.cfg"
  paths+=(haproxy)
  url[haproxy]=http://127.0.0.1:18002/
  cpu_pid[haproxy]=$(cat "$work/haproxy.pid")
fi
paths+=(docker-proxy address)
url[docker-proxy]=http://127.0.0.1:18003/
cpu_pid[docker-proxy]=$(pgrep -f "docker-proxy.*-host-port 18003" | head -1 || true)
url[address]=http://$address:8004/
cpu_pid[address]=

cpu_ticks() {  # user + system ticks of a process and its threads; 0 without one
  [[ -n ${1:-} ]] || { echo 0; return; }
  awk '{print $14 + $15}' "/proc/$1/stat"
}

# Prints: requests/s, p50 µs, p99 µs, CPU µs a request
web_round() {  # PATH EXTRA_WRK_ARGUMENTS...
  local path=$1 before after
  shift
  before=$(cpu_ticks "${cpu_pid[$path]}")
  wrk -t1 -c16 -d"${seconds}s" --latency "$@" "${url[$path]}" >"$work/wrk"
  after=$(cpu_ticks "${cpu_pid[$path]}")
  awk -v ticks=$((after - before)) '
    function us(t) { return t ~ /us$/ ? t + 0 : t ~ /ms$/ ? t * 1000 : t * 1000000 }
    /50%/ { p50 = us($2) } /99%/ { p99 = us($2) }
    /requests in/ { n = $1 } /Requests\/sec/ { r = $2 } /Non-2xx/ { bad = 1 }
    END { if (bad) exit 1; printf "%d %d %d %.2f\n", r, p50, p99, n ? ticks * 10000 / n : 0 }' "$work/wrk"
}

for path in "${paths[@]}"; do  # the right bytes come back
  curl -fsS --max-time 5 "${url[$path]}" | cmp - "$work/tree/site/index.html"
done
for ((round = 0; round < rounds; ++round)); do
  for path in "${paths[@]}"; do
    echo "new $path $(web_round "$path" -H 'Connection: close')" >>"$work/results"
    echo "keep $path $(web_round "$path")" >>"$work/results"
  done
  for bulk in fairlead:127.0.0.1:19001 haproxy:127.0.0.1:19002 address:"$address":9003; do
    IFS=: read -r path host port <<<"$bulk"
    [[ -v "url[$path]" ]] || continue
    before=$(cpu_ticks "${cpu_pid[$path]}")
    gbit=$(iperf3 -c "$host" -p "$port" -t "$seconds" -J |
           python3 -c 'import json,sys; e=json.load(sys.stdin)["end"]["sum_received"]
print(round(e["bits_per_second"]/1e9, 2), e["bytes"])')
    after=$(cpu_ticks "${cpu_pid[$path]}")
    read -r rate bytes <<<"$gbit"
    echo "bulk $path $rate $(awk -v t=$((after - before)) -v b="$bytes" \
      'BEGIN { printf "%.3f", t / 100 / (b / 2^30) }')" >>"$work/results"
  done
  echo "round $((round + 1)) of $rounds" >&2
done

python3 - "$work/results" <<'PY'
import collections, statistics, sys
rows = collections.defaultdict(list)
for line in open(sys.argv[1]):
    kind, path, *numbers = line.split()
    rows[kind, path].append([float(n) for n in numbers])
titles = {'new': ('new connections/s', 'p50 µs', 'p99 µs', 'CPU µs/connection'),
          'keep': ('keep-alive requests/s', 'p50 µs', 'p99 µs', 'CPU µs/request'),
          'bulk': ('bulk Gbit/s', 'CPU s/GiB')}
for kind, names in titles.items():
    print('| path | ' + ' | '.join(names) + ' |\n|' + ' --- |' * (len(names) + 1))
    for (k, path), values in rows.items():
        if k == kind:
            medians = [statistics.median(v) for v in zip(*values)]
            print(f'| {path} | ' + ' | '.join(f'{m:g}' for m in medians) + ' |')
    ours = rows[kind, 'fairlead']
    for (k, path), values in rows.items():
        if k == kind and path != 'fairlead':
            ratio = statistics.median(a[0] / b[0] for a, b in zip(ours, values))
            print(f'\nfairlead / {path}: {ratio:.2f}')
    print()
PY
