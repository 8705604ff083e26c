#!/bin/sh
# Makes the local Docker images that the end-to-end tests run in; nothing is pulled.
#
#   fairlead-test:plain       dash, a few coreutils, the user `dev` (uid 1000), /bin/portd; no
#                             networking tool of any kind
#   fairlead-test:socat       plain, and socat
#   fairlead-test:nc          plain, and busybox' nc
#   fairlead-test:bash        plain, and bash
#   fairlead-test:shells       plain, the rest of busybox, and bash as everybody's shell, whose start-up
#                             files leave traces: for what probes a user's environment
#   fairlead-test:distroless  /bin/portd alone, serving "hello" on 127.0.0.1:3000
#
# Usage: tests/images/build.sh PORTD
# PORTD is the statically linked program built from tests/tools/portd.cc. An image whose content
# has not changed is left as it is. Needs docker, tar and sha256sum.
set -eu

die() {
  echo "images: $*" >&2
  exit 1
}

[ $# -eq 1 ] || die "usage: $0 PORTD"
portd=$1
[ -x "$portd" ] || die "$portd is not an executable; build it from tests/tools/portd.cc"
command -v docker >/dev/null || die "docker is not installed (Debian: apt-get install docker.io)"
if ! answer=$(timeout 20 docker version --format '{{.Server.Version}}' 2>&1); then
  die "the docker daemon does not answer; start it, or set DOCKER_HOST. It said: $answer"
fi

work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
trap 'exit 1' HUP INT TERM

tools="cat chmod chown cp cut date dirname echo env false grep head id ln ls mkdir mktemp mv printf
  pwd readlink rm sed sleep sort stat tail test touch tr true uname wc whoami"

# Copies a program to /bin of the tree $1, and the libraries that it asks for to their own places.
add_program() {
  found=$(command -v "$2") || return 0
  case $found in
    /*) ;;
    *) found=/usr/bin/$2 ;; # a builtin of this shell
  esac
  [ -x "$found" ] || found=/bin/$2
  [ -x "$found" ] || return 0
  cp -L "$found" "$1/bin/$2"
  { ldd "$found" 2>/dev/null || true; } | tr ' \t' '\n\n' | grep '^/' | while read -r library; do
    mkdir -p "$1$(dirname "$library")"
    [ -e "$1$library" ] || cp -L "$library" "$1$library"
  done
}

make_plain() {
  mkdir -p "$1/bin" "$1/etc" "$1/root" "$1/home/dev" "$1/workspaces" "$1/tmp" "$1/usr" "$1/proc" \
    "$1/sys" "$1/dev"
  add_program "$1" dash
  [ -x "$1/bin/dash" ] || die "dash is not installed (Debian: apt-get install dash)"
  mv "$1/bin/dash" "$1/bin/sh"
  for tool in $tools; do add_program "$1" "$tool"; done
  ln -s ../bin "$1/usr/bin"
  cp "$portd" "$1/bin/portd"
  cat >"$1/etc/passwd" <<'PASSWD'
root:x:0:0:root:/root:/bin/sh
dev:x:1000:1000:dev:/home/dev:/bin/sh
PASSWD
  printf 'root:x:0:\ndev:x:1000:\n' >"$1/etc/group"
  chmod 755 "$1/bin/"*
  chmod 1777 "$1/tmp"
  chmod 777 "$1/workspaces"
}

# What a shell reads when it starts says so in the environment.
make_shells() {
  make_plain "$1"
  for extra in busybox bash; do add_program "$1" "$extra"; done
  [ -x "$1/bin/busybox" ] || die "busybox is not installed (Debian: apt-get install busybox-static)"
  [ -x "$1/bin/bash" ] || die "bash is not installed (Debian: apt-get install bash)"
  for applet in $("$1/bin/busybox" --list); do
    [ -e "$1/bin/$applet" ] || ln -s busybox "$1/bin/$applet"
  done
  sed -i 's|:/bin/sh$|:/bin/bash|' "$1/etc/passwd"
  echo 'export PROFILE_OF=everybody' >"$1/etc/profile"
  for home in root home/dev; do
    cat >"$1/$home/.profile" <<'PROFILE'
export LOGIN_SHELL=yes
case $- in *i*) export LOGIN_AND_INTERACTIVE=yes ;; esac
PROFILE
    echo 'export INTERACTIVE_SHELL=yes' >"$1/$home/.bashrc"
  done
}

make_distroless() {
  mkdir -p "$1/bin"
  cp "$portd" "$1/bin/portd"
  chmod 755 "$1/bin/portd"
}

# import NAME TREE CHANGE...: makes NAME out of TREE unless an image of the same content is there.
import() {
  name=fairlead-test:$1
  tree=$2
  shift 2
  hash=$({
    cat "$0"
    cd "$tree" && find . -type f | LC_ALL=C sort | xargs sha256sum
  } | sha256sum | cut -c 1-32)
  old=$(docker image inspect --format '{{.Id}} {{index .Config.Labels "fairlead-test.hash"}}' \
    "$name" 2>/dev/null) || old=
  if [ "${old#* }" = "$hash" ]; then
    echo "images: $name is up to date"
    return 0
  fi
  for change in "$@"; do
    shift
    set -- "$@" --change "$change"
  done
  set -- "$@" --change "LABEL fairlead-test.hash=$hash"
  tar -C "$tree" --owner=0 --group=0 --exclude=./home/dev -cf "$work/image.tar" .
  if [ -d "$tree/home/dev" ]; then
    tar -C "$tree" --owner=1000 --group=1000 -rf "$work/image.tar" ./home/dev
  fi
  docker import "$@" "$work/image.tar" "$name" >/dev/null || die "docker import of $name failed"
  rm "$work/image.tar"
  if [ -n "$old" ]; then
    docker image rm "${old%% *}" >/dev/null 2>&1 || true # unless a container still needs it
  fi
  echo "images: made $name"
}

umask 022
make_plain "$work/plain"
import plain "$work/plain" 'ENV PATH=/bin' 'CMD ["/bin/sh"]'
for extra in socat bash; do
  make_plain "$work/$extra"
  add_program "$work/$extra" "$extra"
  [ -x "$work/$extra/bin/$extra" ] || die "$extra is not installed (Debian: apt-get install $extra)"
  import "$extra" "$work/$extra" 'ENV PATH=/bin' 'CMD ["/bin/sh"]'
done
make_plain "$work/nc"
add_program "$work/nc" busybox
[ -x "$work/nc/bin/busybox" ] || die "busybox is not installed (Debian: apt-get install busybox-static)"
ln -s busybox "$work/nc/bin/nc"
import nc "$work/nc" 'ENV PATH=/bin' 'CMD ["/bin/sh"]'
make_shells "$work/shells"
import shells "$work/shells" 'ENV PATH=/image/bin:/bin' 'CMD ["/bin/sh"]'
make_distroless "$work/distroless"
import distroless "$work/distroless" 'CMD ["/bin/portd", "http", "127.0.0.1", "3000", "hello"]'
