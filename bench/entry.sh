# To be sourced by the entries beside it: builds the preset `bench` and runs one module of the
# harness, e.g. `run_harness compare "$@"`.
run_harness() {
  cd "$(dirname "${BASH_SOURCE[0]}")/.."
  mkdir -p build
  { cmake --preset bench && nice cmake --build --preset bench; } >build/bench.log 2>&1 || {
    tail -20 build/bench.log >&2
    exit 1
  }
  export PYTHONPATH=$PWD/bench PYTHONDONTWRITEBYTECODE=1
  exec python3 -m "harness.$1" "${@:2}"
}
