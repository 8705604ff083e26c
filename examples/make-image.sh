#!/usr/bin/env bash
# Makes the examples' image from the static busybox of this machine: no registry is needed.
set -euo pipefail
image=fairlead-example:busybox
if docker image inspect "$image" >/dev/null 2>&1; then exit 0; fi
busybox=$(command -v busybox) || { echo "busybox is missing: apt-get install busybox-static" >&2; exit 1; }
tree=$(mktemp -d)
trap 'rm -rf "$tree"' EXIT
mkdir -p "$tree"/{bin,etc,tmp,root,proc,sys,dev,workspaces}
cp "$busybox" "$tree/bin/busybox"
for applet in $("$busybox" --list); do
  [[ -e $tree/bin/$applet ]] || ln -s busybox "$tree/bin/$applet"
done
echo 'root:x:0:0:root:/root:/bin/sh' >"$tree/etc/passwd"
echo 'root:x:0:' >"$tree/etc/group"
tar -C "$tree" -c . | docker import - "$image" >/dev/null
