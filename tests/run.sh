#!/usr/bin/env bash
# Builds fairlead and runs every tier of tests and every example. On a bare Debian 12 it installs what
# it needs; where no Docker engine answers it starts one of its own.
#
#   tests/run.sh                  every tier and every example; then unit, integration and netns tests
#                                 again under ASan+UBSan, the threaded parts under TSan
#   tests/run.sh --no-sanitize    without the sanitizers
#   tests/run.sh --long           with the long counts of the faults (about two hours)
#
# The e2e tests and the faults mostly wait, so they run side by side, and what the later tiers need
# is built meanwhile, at the lowest priority. Each part says how long it took; a table of them comes
# before the last line.
#
# FAIRLEAD_REQUIRE=docker,native turns a missing Docker engine, and namespaces that an ordinary user may
# not have, from skips into failures.
# Closes with "N passed, N failed".
set -uo pipefail
cd "$(dirname "$0")/.." || exit
# shellcheck source=../tools/docker-engine.sh
source tools/docker-engine.sh

sanitize=1
for word in "$@"; do
  case $word in
    --no-sanitize) sanitize=0 ;;
    --long) export FAIRLEAD_FAULTS_LONG=1 ;;
    *) echo "usage: tests/run.sh [--no-sanitize] [--long]" >&2; exit 2 ;;
  esac
done

work=$(mktemp -d)
times=$work/times
passed=0
failed=0
trouble=()
builder=
cleanup() {
  # In a process group of its own: the compilers end with it.
  [[ -z $builder ]] || kill -- "-$builder" 2>/dev/null
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
  passed=$((passed + $2))
  failed=$((failed + $3))
  [[ $3 -eq 0 ]] || trouble+=("$1")
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
run_gtest() {  # NAME PROGRAM
  local report=$work/report.xml again
  rm -f "$report"
  if ! timeout 1200 "$2" --gtest_brief=1 --gtest_output="xml:$report" >"$work/out" 2>&1; then
    cat "$work/out"
    again=$(sed -n 's/^\[  FAILED  \] \([^ ,]*\).*/\1/p' "$work/out" | grep -F . | sort -u | paste -sd:)
    if [[ -n $again && -f $report ]] &&
       timeout 600 "$2" --gtest_brief=1 --gtest_filter="$again" >"$work/out" 2>&1; then
      echo "    passed when run again: $again"
      sed -i 's/<failure /<retried /; s/<\/failure>/<\/retried>/' "$report"
    fi
  fi
  local numbers
  if ! numbers=$(python3 - "$report" <<'PY'
import sys, xml.etree.ElementTree as tree
root = tree.parse(sys.argv[1]).getroot()
cases = list(root.iter('testcase'))
bad = [c for c in cases if c.find('failure') is not None or c.find('skipped') is not None
       or c.get('result') == 'skipped']
for case in bad:
    print(f"    not passed: {case.get('classname')}.{case.get('name')}", file=sys.stderr)
print(len(cases) - len(bad), len(bad))
PY
  ); then
    numbers="0 1"  # it did not live to write a report
  fi
  # shellcheck disable=SC2086
  set -- "$1" $numbers
  echo "    $1: $2 passed, $3 failed"
  count "$1" "$2" "$3"
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
  built_behind release && timed "package tests" run_python package 600
}

# The tests in Python of one tier, with their own runner; what fails is run once more by itself.
run_python() {  # TIERS TIMEOUT [OPTION...]
  local tier=$1 patience=$2 again line mended=0
  shift 2
  export FAIRLEAD_BIN=$PWD/build/dev/fairlead FAIRLEAD_BIN_NEXT=$PWD/build/dev/fairlead-next \
         FAIRLEAD_PORTD=$PWD/build/dev/tests/portd \
         FAIRLEAD_REGISTRY_TEST=$PWD/build/dev/tests/integration_registry_file_test
  say "$tier tests in Python"
  timeout "$patience" python3 tests/e2e/run.py --tier "$tier" "$@" 2>&1 | tee "$work/$tier"
  again=$(sed -n 's/^failed: //p' "$work/$tier")
  if [[ -n $again ]]; then
    say "once more: what failed"
    # shellcheck disable=SC2086
    timeout "$patience" python3 tests/e2e/run.py --tier "$tier" $again >"$work/again" 2>&1
    cat "$work/again"
    mended=$(grep -c '^ok ' "$work/again")
  fi
  line=$(grep -E "^$tier: [0-9]+ passed, [0-9]+ failed" "$work/$tier" | tail -1)
  if [[ $line =~ ^$tier:\ ([0-9]+)\ passed,\ ([0-9]+)\ failed ]]; then
    count "$tier in Python" $((BASH_REMATCH[1] + mended)) $((BASH_REMATCH[2] - mended))
  else
    count "$tier in Python (did not finish)" 0 1
  fi
}

compile() {  # PRESET TARGET...
  local preset=$1
  shift
  cmake --preset "$preset" && cmake --build --preset "$preset" --target "$@"
}

logged() {  # FILE COMMAND...
  local file=$1
  shift
  "$@" >"$file" 2>&1
}

# What a build left in its log, counted.
judge_build() {  # PRESET STATUS
  count "build $1" $(($2 == 0)) $(($2 != 0))
  [[ $2 -ne 0 ]] || return 0
  grep -E 'error|FAILED' -A5 "$work/build-$1.log" | head -60
  tail -5 "$work/build-$1.log"
  return 1
}

build() {  # PRESET TARGET...
  say "building: $1"
  timed "build $1" logged "$work/build-$1.log" compile "$@"
  judge_build "$1" $?
}

# What the later tiers need, behind the others; each leaves its status.
start_building_behind() {
  say "building behind the other tests: release$([[ $sanitize -eq 0 ]] || echo ", asan, tsan")"
  set -m
  (
    renice -n 19 -p "$BASHPID" >/dev/null
    build_behind release fairlead
    [[ $sanitize -eq 0 ]] || build_behind asan test_programs
    [[ $sanitize -eq 0 ]] || build_behind tsan "${tsan_programs[@]}"
  ) </dev/null >/dev/null 2>&1 &
  builder=$!
  set +m
}

build_behind() {  # PRESET TARGET...
  timed "build $1, behind the tests" logged "$work/build-$1.log" compile "$@"
  echo $? >"$work/status-$1.new"
  mv "$work/status-$1.new" "$work/status-$1"
}

# Waits for such a build and judges it.
built_behind() {  # PRESET
  if [[ ! -e $work/status-$1 ]]; then
    say "waiting for the build: $1"
    renice -n 0 -g "$builder" >/dev/null 2>&1  # nothing else is left to do
    timed "waiting for the build: $1" wait_for_build "$1"
  fi
  judge_build "$1" "$(cat "$work/status-$1" 2>/dev/null || echo 1)"
}

wait_for_build() {  # PRESET
  while [[ ! -e $work/status-$1 ]] && kill -0 "$builder" 2>/dev/null; do sleep 0.5; done
}

# Two lanes: neither keeps a core busy.
run_sanitized() {
  run_tsan >"$work/tsan.out" 2>&1 &
  local lane=$! name numbers
  if built_behind asan; then run_tiers build/asan "asan: " unit integration netns; fi
  wait "$lane"
  built_behind tsan || return 0
  say "tsan tests"
  cat "$work/tsan.out"
  while IFS=: read -r name numbers; do
    # shellcheck disable=SC2086
    count "tsan: $name" $numbers
  done <"$work/tsan.counts"
}

# In a process of its own, which leaves "NAME:PASSED FAILED" for each program.
run_tsan() {
  trap - EXIT
  wait_for_build tsan
  [[ $(cat "$work/status-tsan" 2>/dev/null) == 0 ]] || return
  local counts=$work/tsan.counts
  work=$(mktemp -d -p "$work")
  timed "tsan tests" run_threaded "$counts"
}

run_threaded() {  # COUNTS
  local program
  for program in integration_data_plane_test integration_registry_file_test \
                 netns_relay_netns_test; do
    passed=0 failed=0
    run_gtest "tsan: $program" "build/tsan/tests/$program"
    echo "$program:$passed $failed" >>"$1"
  done
}

finish() {
  say "what took how long"
  cat "$times"
  printf '%5d s  in all\n' "$SECONDS"
  [[ ${#trouble[@]} -eq 0 ]] || printf 'not passed: %s\n' "${trouble[@]}"
  echo "$passed passed, $failed failed"
  [[ $failed -eq 0 && $passed -gt 0 ]]
}

# Those with threads. netns_test is none: what it tries, a thread of the sanitizer forbids.
tsan_programs=(data_plane_test registry_file_test relay_netns_test)

timed "packages" tools/install-packages.sh build docker example test || exit 1

build dev all
built=$?
start_building_behind
if [[ $built -eq 0 ]]; then
  check "architecture" python3 tests/unit/architecture_test.py
  check "bench report" python3 tests/unit/bench_report_test.py
  run_tiers build/dev "" unit integration netns
  timed "netns tests in Python" run_python netns 600
  check "example run" examples/run/run.sh build/dev/fairlead
fi

if ensure_docker; then
  if [[ -x build/dev/fairlead ]]; then
    check "example auto-forward" examples/auto-forward/run.sh build/dev/fairlead
    check "example oauth-callback" examples/oauth-callback/run.sh build/dev/fairlead
    check "example compose-database" examples/compose-database/run.sh build/dev/fairlead
    tools/install-reference-cli.sh || say "without the reference CLI: nothing is compared with it"
    # Mostly waiting: three at a time, the long ones first.
    timed "faults and e2e tests" run_python faults,e2e \
      "$([[ -n ${FAIRLEAD_FAULTS_LONG:-} ]] && echo 14400 || echo 3000)" --jobs 3
  fi
elif [[ ,${FAIRLEAD_REQUIRE:-}, == *,docker,* ]]; then
  count "Docker is required" 0 1
else
  say "skipped: e2e tests and examples (no Docker engine)"
fi

[[ -x build/dev/fairlead ]] && package_tests

[[ $sanitize -eq 0 ]] || run_sanitized

finish
