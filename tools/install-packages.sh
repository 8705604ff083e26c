#!/usr/bin/env bash
# Installs what is missing of the Debian packages of the named groups: bench, build, docker, example,
# fuzz, reference, test, tidy.
set -euo pipefail

packages_of() {
  case $1 in
    build) echo g++ cmake ninja-build libboost1.81-dev nlohmann-json3-dev libspdlog-dev libfmt-dev \
                libcli11-dev libyaml-cpp-dev nettle-dev libc-ares-dev \
                libbpf-dev libelf-dev libnftables-dev zlib1g-dev ;;
    docker) echo docker.io iptables nftables iproute2 ca-certificates ;;
    example) echo busybox-static curl procps ;;
    bench) echo libbenchmark-dev python3 docker.io dash socat wrk iperf3 linux-perf haproxy nginx-light \
                libnginx-mod-stream rootlesskit slirp4netns uidmap passt openssh-client \
                openssh-server util-linux ;;
    test) echo ccache libgtest-dev libgmock-dev libbenchmark-dev python3 curl iproute2 util-linux \
               socat netcat-openbsd netcat-traditional bash busybox-static \
               procps dash coreutils openssh-client openssh-server clang-format zsh fish mandoc man-db lintian binutils \
               git docker-compose ;;
    reference) echo nodejs npm ;;
    fuzz) echo clang-14 clang libclang-rt-14-dev llvm-14 ;;
    tidy) echo clang-14 clang clang-tidy-14 clang-tidy ;;
    *) echo "install-packages: unknown group \"$1\"" >&2; exit 2 ;;
  esac
}

missing=()
for group in "$@"; do
  for package in $(packages_of "$group"); do
    state=$(dpkg-query -W -f '${Status}' "$package" 2>/dev/null || true)
    [[ $state == "install ok installed" ]] || missing+=("$package")
  done
done
[[ ${#missing[@]} -eq 0 ]] && exit 0

as_root=()
if [[ $(id -u) -ne 0 ]]; then
  command -v sudo >/dev/null || {
    echo "These packages are missing; install them as root: ${missing[*]}" >&2
    exit 1
  }
  as_root=(sudo)
fi
echo "==> Installing packages: ${missing[*]}" >&2
log=$(mktemp)
trap 'rm -f "$log"' EXIT
export DEBIAN_FRONTEND=noninteractive
if ! { "${as_root[@]}" apt-get update &&
       "${as_root[@]}" apt-get install -y --no-install-recommends "${missing[@]}"; } >"$log" 2>&1; then
  tail -20 "$log" >&2
  echo "Packages could not be installed (see above). fairlead is built and tested on Debian 12." >&2
  exit 1
fi
