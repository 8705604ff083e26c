// The parser of /proc/net/tcp over text of 1 to 10,000 listeners.
#include <benchmark/benchmark.h>
#include <fmt/format.h>

#include <string>

#include "detect/proc_net_tcp.h"

namespace fairlead::detect {
namespace {

std::string table_of(std::int64_t rows) {
  std::string text =
      "  sl  local_address rem_address   st tx_queue rx_queue tr tm->when retrnsmt   uid  timeout "
      "inode\n";
  for (std::int64_t i = 0; i < rows; ++i) {
    text += fmt::format(
        "{:4}: 0100007F:{:04X} 00000000:0000 0A 00000000:00000000 00:00000000 00000000  1000       "
        " 0 {} 1 0000000000000000 100 0 0 10 0\n",
        i, 1024 + i, 100000 + i);
  }
  return text;
}

void parse_listeners(benchmark::State& state) {
  const std::string text = table_of(state.range(0));
  for (auto _ : state) {
    Snapshot snapshot;
    ProcNetTcpParser parser(base::Family::kIpv4, snapshot);
    parser.feed(text);
    parser.finish();
    benchmark::DoNotOptimize(snapshot);
  }
  state.SetBytesProcessed(static_cast<std::int64_t>(text.size()) * state.iterations());
  state.SetItemsProcessed(state.range(0) * state.iterations());
}
BENCHMARK(parse_listeners)->Arg(1)->Arg(10)->Arg(100)->Arg(1000)->Arg(10000);

}  // namespace
}  // namespace fairlead::detect

BENCHMARK_MAIN();
