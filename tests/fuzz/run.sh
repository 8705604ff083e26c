#!/usr/bin/env bash
# Builds the fuzzers and runs each on its corpus; fails on any finding.
#
#   tests/fuzz/run.sh [SECONDS] [NAME...]    60 seconds each, all of them
#   tests/fuzz/run.sh --merge [NAME...]      takes into the corpora what reaches most of the code
#                                            that they do not, out of build/fuzz/found
#
# What a run finds stays in build/fuzz/found/NAME, inputs that fail in build/fuzz/failed/NAME-*.
set -uo pipefail
cd "$(dirname "$0")/../.."

merge=0
seconds=60
if [[ ${1:-} == --merge ]]; then
  merge=1
  shift
elif [[ ${1:-} =~ ^[0-9]+$ ]]; then
  seconds=$1
  shift
fi

tools/install-packages.sh build fuzz || exit 1
echo "==> building: fuzz" >&2
log=$(mktemp)
trap 'rm -f "$log"' EXIT
if ! { cmake --preset fuzz && cmake --build --preset fuzz --target fuzzers; } >"$log" 2>&1; then
  grep -E 'error|FAILED' -A5 "$log" | head -60
  exit 1
fi

# A leak or 2 GiB are findings, and so is an input that takes 10 seconds.
limits=(-max_len=65536 -timeout=10 -rss_limit_mb=2048 -malloc_limit_mb=512)
names=("$@")
if [[ ${#names[@]} -eq 0 ]]; then
  for program in build/fuzz/fuzz/fuzz_*; do names+=("${program##*/fuzz_}"); done
fi

export ASAN_SYMBOLIZER_PATH=${ASAN_SYMBOLIZER_PATH:-$(command -v llvm-symbolizer llvm-symbolizer-14 | head -1)}

# Greedy set cover over edges, of small inputs; a corpus ends at 60 files.
merge_into() {  # PROGRAM CORPUS FOUND
  local chosen small place=$2 file
  small=$(mktemp -d)
  chosen=$(mktemp -d)
  find "$3" -type f -size -3 -exec cp -t "$small" {} +
  cp -t "$chosen" "$place"/*
  nice "$1" -set_cover_merge=1 -use_counters=0 -max_len=65536 "$chosen" "$small" >/dev/null 2>&1
  # The first that were written cover most.
  while read -r file; do
    [[ $(find "$place" -type f | wc -l) -lt 60 ]] || break
    cp "$chosen/$file" "$place/${file:0:10}"
  done < <(find "$chosen" -type f -printf '%T@ %f\n' | sort -n | cut -d' ' -f2 |
           grep -E '^[0-9a-f]{40}$')
  echo "    $(basename "$place"): $(find "$place" -type f | wc -l) files"
  rm -rf "$small" "$chosen"
}

failed=()
for name in "${names[@]}"; do
  program=build/fuzz/fuzz/fuzz_$name
  corpus=tests/fuzz/corpus/$name
  found=build/fuzz/found/$name
  if [[ ! -x $program || ! -d $corpus ]]; then
    echo "fuzz: no fuzzer or no corpus called \"$name\"" >&2
    failed+=("$name")
    continue
  fi
  mkdir -p "$found" build/fuzz/failed
  if [[ $merge -eq 1 ]]; then
    merge_into "$program" "$corpus" "$found"
    continue
  fi
  dictionary=()
  [[ -f tests/fuzz/dictionaries/$name.dict ]] &&
    dictionary=(-dict="tests/fuzz/dictionaries/$name.dict")
  echo "==> fuzz: $name, $seconds s" >&2
  if nice "$program" "${limits[@]}" "${dictionary[@]}" -max_total_time="$seconds" \
       -print_final_stats=1 -artifact_prefix="build/fuzz/failed/$name-" "$found" "$corpus" \
       >"$log" 2>&1; then
    echo "    $name: $(sed -n 's/^stat::number_of_executed_units: */runs: /p' "$log")," \
         "$(grep -oE 'cov: [0-9]+ ft: [0-9]+' "$log" | tail -1)"
  else
    tail -60 "$log"
    failed+=("$name")
  fi
done

if [[ ${#failed[@]} -gt 0 ]]; then
  echo "fuzz: findings in ${failed[*]}"
  exit 1
fi
