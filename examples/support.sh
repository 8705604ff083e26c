# To be sourced by an example's run.sh with the example's NAME, PATH_TO_FAIRLEAD and what `down` takes
# beside --remove. Gives `fairlead`, `folder` (a copy of the example: the original may be in use already,
# by its reader), `work` (for files of its own), `fail` and `show`; everything goes again at the end.
name=$1
fairlead=$(realpath "${2:?usage: run.sh PATH_TO_FAIRLEAD}")
down_options=("${@:3}")
here=$(cd "$(dirname "$0")" && pwd)

fail() { echo "$name: $*" >&2; exit 1; }
show() { echo "\$ $*" >&2; }

"$here/../make-image.sh"
work=$(mktemp -d)
export FAIRLEAD_STATE_DIR=$work/state
folder=$work/$name-$$
cp -r "$here/." "$folder"
cleanup() {
  "$fairlead" down --remove "${down_options[@]}" --timeout 1 --workspace-folder "$folder" \
    >/dev/null 2>&1 || true
  rm -rf "$work"
}
trap cleanup EXIT
