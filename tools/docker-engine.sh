# shellcheck shell=bash
# To be sourced: ensure_docker makes a Docker engine answer, by starting one of our own if need be,
# and stop_own_docker ends it again. Our own one keeps everything in a directory of its own, and has a
# bridge of its own: on one that it shared, containers of another engine, or what is left of them, could
# have its containers' addresses.

own_docker_dir=
own_docker_bridge=

make_own_bridge() {
  local number
  own_docker_bridge=fl-engine$((RANDOM % 10000))
  for number in $(shuf -i 0-255 -n 20); do
    # A way there other than the default one is somebody's network.
    if ip -4 route show table all match "10.213.$number.1" | grep -qv "^default"; then continue; fi
    ip link add "$own_docker_bridge" type bridge &&
      ip address add "10.213.$number.1/24" dev "$own_docker_bridge" &&
      ip link set "$own_docker_bridge" up
    return
  done
  return 1
}

ensure_docker() {
  if docker info >/dev/null 2>&1; then return 0; fi
  if [[ -n ${DOCKER_HOST:-} ]]; then
    echo "No Docker engine answers at DOCKER_HOST=$DOCKER_HOST; unset it to have one started." >&2
    return 1
  fi
  if [[ $(id -u) -ne 0 ]]; then
    echo "No Docker engine answers, and starting one takes root. Start Docker, or run as root." >&2
    return 1
  fi
  echo "==> Starting a Docker engine" >&2
  own_docker_dir=$(mktemp -d)
  chmod 711 "$own_docker_dir"  # its socket is for the group that it belongs to
  make_own_bridge || { echo "No bridge can be made for the engine's containers." >&2; return 1; }
  dockerd --data-root "$own_docker_dir/data" --exec-root "$own_docker_dir/exec" \
          --pidfile "$own_docker_dir/pid" --host "unix://$own_docker_dir/docker.sock" \
          --bridge "$own_docker_bridge" \
          >"$own_docker_dir/log" 2>&1 &
  own_docker_pid=$!
  export DOCKER_HOST="unix://$own_docker_dir/docker.sock"
  for _ in $(seq 300); do
    if docker info >/dev/null 2>&1; then return 0; fi
    kill -0 "$own_docker_pid" 2>/dev/null || break
    sleep 0.2
  done
  tail -20 "$own_docker_dir/log" >&2
  echo "The Docker engine did not start (its log is above). It needs cgroups, and iptables." >&2
  return 1
}

stop_own_docker() {
  [[ -n $own_docker_dir ]] || return 0
  kill "$own_docker_pid" 2>/dev/null || true
  wait "$own_docker_pid" 2>/dev/null || true
  # The engine leaves mounts behind when containers were running; to find none is no failure.
  { grep -o " $own_docker_dir/[^ ]*" /proc/mounts || true; } | sort -r | while read -r place; do
    umount -l "$place" 2>/dev/null || true
  done
  ip link delete "$own_docker_bridge" 2>/dev/null || true
  rm -rf "$own_docker_dir"
}
