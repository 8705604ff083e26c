#!/usr/bin/env bash
# Builds fairlead and runs every tier of tests and every example. On a bare Debian 12 it installs what
# it needs; where no Docker engine answers it starts one of its own.
#
#   tests/run.sh                  every tier and every example; then unit, integration and netns tests
#                                 again under ASan+UBSan, the threaded parts under TSan
#   tests/run.sh --no-sanitize    without the sanitizers
#   tests/run.sh --long           with the long counts of the faults, and every comparison with the
#                                 reference CLI made by running it (hours)
#
# The tests run with the program as it is released. Most of them mostly wait, so several lanes run side
# by side: the e2e tests and the faults, the netns tests, and, at a lower priority, the builds with
# sanitizers, whose tests follow as soon as they can. Each part says how long it took; a table of them
# comes before the last line.
#
# FAIRLEAD_REQUIRE=docker,native,reference turns a missing Docker engine, namespaces that an ordinary user
# may not have, and a missing reference CLI from skips into failures.
# Closes with "N passed, N failed".
set -uo pipefail
cd "$(dirname "$0")/.." || exit
# shellcheck source=../tools/docker-engine.sh
source tools/docker-engine.sh

sanitize=1
for word in "$@"; do
  case $word in
    --no-sanitize) sanitize=0 ;;
    --long) export FAIRLEAD_FAULTS_LONG=1 FAIRLEAD_REFERENCE_LIVE=all ;;
    *) echo "usage: tests/run.sh [--no-sanitize] [--long]" >&2; exit 2 ;;
  esac
done

work=$(mktemp -d)
times=$work/times
counts=$work/counts  # a line for each: PASSED FAILED NAME
lanes=()
cleanup() {
  # Each in a process group of its own: what it has started ends with it.
  for lane in "${lanes[@]}"; do kill -- "-$lane" 2>/dev/null; done
  stop_own_docker
  rm -rf "$work"
}
trap cleanup EXIT

say() { echo "==> $*" >&2; }

# Says how long it took, too.
timed() {  # NAME COMMAND...
  local name=$1 begin=$SECONDS status
  shift
  "$@"
  status=$?
  say "$name: $((SECONDS - begin)) s"
  printf '%5d s  %s\n' $((SECONDS - begin)) "$name" >>"$times"
  return $status
}

count() {  # NAME PASSED FAILED
  echo "$2 $3 $1" >>"$counts"
}

# Beside everything else, with a directory for its own files; what it prints is shown when it is joined.
start_lane() {  # NAME FUNCTION...
  local name=$1
  shift
  set -m
  (
    trap - EXIT
    own=$work/$name
    mkdir "$own"
    "$@"
  ) </dev/null >"$work/$name.out" 2>&1 &
  lanes+=($!)
  eval "lane_$name=$!"
  set +m
}

join_lane() {  # NAME
  local process=lane_$1
  wait "${!process}" 2>/dev/null
  say "beside the others: $1"
  cat "$work/$1.out"
}

# One check that has no count of its own.
check() {  # NAME COMMAND...
  local name=$1
  shift
  say "$name"
  if timed "$name" "$@"; then count "$name" 1 0; else count "$name" 0 1; fi
}

# A GoogleTest program; counts its tests, and a skipped one as a failure. What fails is run once more by
# itself (this machine may have been busy) and named either way.
run_gtest() {  # NAME PROGRAM [OPTION...]
  local name=$1 program=$2 report=$own/report.xml again numbers
  shift 2
  rm -f "$report"
  if ! timeout --foreground 1200 "$program" --gtest_brief=1 --gtest_output="xml:$report" "$@" >"$own/out" 2>&1; then
    cat "$own/out"
    again=$(sed -n 's/^\[  FAILED  \] \([^ ,]*\).*/\1/p' "$own/out" | grep -F . | sort -u | paste -sd:)
    if [[ -n $again && -f $report ]] &&
       timeout --foreground 600 "$program" --gtest_brief=1 --gtest_filter="$again" >"$own/out" 2>&1; then
      echo "    passed when run again: $again"
      sed -i 's/<failure /<retried /; s/<\/failure>/<\/retried>/' "$report"
    fi
  fi
  if ! numbers=$(python3 - "$report" <<'PY'
import sys, xml.etree.ElementTree as tree
root = tree.parse(sys.argv[1]).getroot()
cases = [c for c in root.iter('testcase') if c.get('status') == 'run']
bad = [c for c in cases if c.find('failure') is not None or c.find('skipped') is not None
       or c.get('result') == 'skipped']
for case in bad:
    print(f"    not passed: {case.get('classname')}.{case.get('name')}", file=sys.stderr)
print(len(cases) - len(bad), len(bad))
PY
  ); then
    numbers="0 1"  # it did not live to write a report
  fi
  echo "    $name: ${numbers% *} passed, ${numbers#* } failed"
  # shellcheck disable=SC2086
  count "$name" $numbers
}

run_tiers() {  # BUILD_DIRECTORY PREFIX TIER...
  local build=$1 prefix=$2
  shift 2
  for tier in "$@"; do
    say "$prefix$tier tests"
    timed "$prefix$tier tests" run_programs "$prefix" "$build"/tests/"$tier"_*
  done
}

run_programs() {  # PREFIX PROGRAM...
  local prefix=$1 program
  shift
  for program in "$@"; do
    [[ -x $program && -f $program ]] && run_gtest "$prefix$(basename "$program")" "$program"
  done
}

# The packages are made of the program as it is released.
package_tests() {
  timed "package tests" run_python package 600
}

# The tests in Python of one tier, with their own runner; what fails is run once more by itself.
run_python() {  # TIERS TIMEOUT [OPTION...]
  local tier=$1 patience=$2 again line mended=0
  shift 2
  export FAIRLEAD_BIN=$PWD/build/release/fairlead FAIRLEAD_BIN_NEXT=$PWD/build/release/fairlead-next \
         FAIRLEAD_PORTD=$PWD/build/release/tests/portd \
         FAIRLEAD_REGISTRY_TEST=$PWD/build/release/tests/integration_registry_file_test
  say "$tier tests in Python"
  timeout "$patience" python3 tests/e2e/run.py --tier "$tier" "$@" 2>&1 | tee "$own/python-$tier"
  again=$(sed -n 's/^failed: //p' "$own/python-$tier")
  if [[ -n $again ]]; then
    say "once more: what failed"
    # shellcheck disable=SC2086
    timeout "$patience" python3 tests/e2e/run.py --tier "$tier" $again >"$own/again" 2>&1
    cat "$own/again"
    mended=$(grep -c '^ok ' "$own/again")
  fi
  line=$(grep -E "^$tier: [0-9]+ passed, [0-9]+ failed" "$own/python-$tier" | tail -1)
  if [[ $line =~ ^$tier:\ ([0-9]+)\ passed,\ ([0-9]+)\ failed ]]; then
    count "$tier in Python" $((BASH_REMATCH[1] + mended)) $((BASH_REMATCH[2] - mended))
  else
    count "$tier in Python (did not finish)" 0 1
  fi
}

compile() {  # PRESET TARGET...
  local preset=$1
  shift
  cmake --preset "$preset" -D FAIRLEAD_BUILD_TESTS=ON && cmake --build --preset "$preset" --target "$@"
}

logged() {  # FILE COMMAND...
  local file=$1
  shift
  "$@" >"$file" 2>&1
}

build() {  # PRESET TARGET...
  local log=$work/build-$1.log
  say "building: $1"
  if timed "build $1" logged "$log" compile "$@"; then
    count "build $1" 1 0
  else
    count "build $1" 0 1
    grep -E 'error|FAILED' -A5 "$log" | head -60
    tail -5 "$log"
    return 1
  fi
}

# What has threads. netns_test is none: what it tries, a thread of the sanitizer forbids. The programs
# that relay exec starts make no difference to the relay's own threads: one kind of them is enough.
threaded_tests() {
  run_gtest "tsan: integration_data_plane_test" build/tsan/tests/integration_data_plane_test
  run_gtest "tsan: integration_mux_test" build/tsan/tests/integration_mux_test
  run_gtest "tsan: integration_registry_file_test" build/tsan/tests/integration_registry_file_test
  run_gtest "tsan: netns_relay_netns_test" build/tsan/tests/netns_relay_netns_test \
            --gtest_filter='-*/SocatAlone:*/Bash:*/OpenbsdNc:*/TraditionalNc:*/BusyboxNc'
}

sanitizer_builds() {
  renice -n 5 -p "$BASHPID" >/dev/null
  build asan test_programs && touch "$own/asan"
  build tsan data_plane_test mux_test registry_file_test relay_netns_test && touch "$own/tsan"
}

built() {  # PRESET
  while [[ ! -e $work/builds/$1 ]]; do
    kill -0 "$lane_builds" 2>/dev/null || { [[ -e $work/builds/$1 ]]; return; }
    sleep 0.5
  done
}

asan_tests() {
  if built asan; then run_tiers build/asan "asan: " unit integration netns; fi
}

tsan_tests() {
  if built tsan; then timed "tsan tests" threaded_tests; fi
}

finish() {
  say "what took how long"
  cat "$times"
  printf '%5d s  in all\n' "$SECONDS"
  sed -n 's/^[0-9]* [1-9][0-9]* /not passed: /p' "$counts"
  awk '{passed += $1; failed += $2}
       END {printf "%d passed, %d failed\n", passed, failed; exit failed > 0 || passed == 0}' "$counts"
}

timed "packages" tools/install-packages.sh build docker example test || exit 1

own=$work
if build release all; then
  check "architecture" python3 tests/unit/architecture_test.py
  check "bench report" python3 tests/unit/bench_report_test.py
  run_tiers build/release "" unit integration
  check "example run" examples/run/run.sh build/release/fairlead
fi
docker=0
if ensure_docker; then
  docker=1
  for example in auto-forward nat-proxy oauth-callback compose-database; do
    [[ -x build/release/fairlead ]] &&
      check "example $example" "examples/$example/run.sh" build/release/fairlead
  done
fi

if [[ $sanitize -ne 0 ]]; then
  start_lane builds sanitizer_builds
  start_lane asan asan_tests
  start_lane tsan tsan_tests
fi
if [[ -x build/release/fairlead ]]; then
  start_lane netns run_tiers build/release "" netns
  timed "netns tests in Python" run_python netns 600
  if [[ $docker -ne 0 ]]; then
    tools/install-reference-cli.sh || say "without the reference CLI: nothing is compared with it"
    # Mostly waiting: three at a time, the long ones first.
    timed "faults and e2e tests" run_python faults,e2e \
      "$([[ -n ${FAIRLEAD_FAULTS_LONG:-} ]] && echo 14400 || echo 4200)" --jobs 3
  elif [[ ,${FAIRLEAD_REQUIRE:-}, == *,docker,* ]]; then
    count "Docker is required" 0 1
  else
    say "skipped: e2e tests and examples (no Docker engine)"
  fi
  package_tests
  join_lane netns
fi
if [[ $sanitize -ne 0 ]]; then
  for lane in builds asan tsan; do join_lane "$lane"; done
fi

finish
