#!/usr/bin/env bash
# Builds the fuzzers and runs each on its corpus; fails on any finding.
#
#   tests/fuzz/run.sh [SECONDS] [NAME...]    60 seconds each, all of them
#   tests/fuzz/run.sh --merge NAME...        puts back into the corpus what build/fuzz/found has
#                                            that adds coverage
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
    nice "$program" -merge=1 "${limits[@]}" "$corpus" "$found" 2>&1 | tail -1
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
