// Taking a host port and giving it back, on a registry file of 1, 100 and 1,000 leases: lock, load,
// bind, write, rename, each time. The directory is a temporary one.
#include <benchmark/benchmark.h>
#include <unistd.h>

#include <cstdlib>
#include <filesystem>
#include <string>

#include "registry/registry_file.h"

namespace fairlead::registry {
namespace {

// A file of `entries` leases of another process that lives, so that none is pruned.
std::string filled(std::int64_t entries, const base::ProcessIdentity& owner) {
  LeaseTable table;
  for (std::int64_t i = 0; i < entries; ++i) {
    Lease lease;
    lease.host_port = static_cast<std::uint16_t>(1024 + i);
    lease.container_port = lease.host_port;
    lease.container_id = std::string(64, 'c');
    lease.workspace = "/home/somebody/projects/workspace-" + std::to_string(i / 10);
    lease.owner = owner;
    table.add(std::move(lease));
  }
  return table.to_text();
}

void allocate_and_release(benchmark::State& state) {
  std::string path = (std::filesystem::temp_directory_path() / "registry-bench-XXXXXX").string();
  if (mkdtemp(path.data()) == nullptr) return state.SkipWithError("mkdtemp");
  {
    const auto directory = base::PrivateDirectory::open(path);
    const auto parent = base::identify_process(getppid());
    const auto wrote =
        directory->write_file_atomically(RegistryFile::kFileName, filled(state.range(0), *parent));
    if (!wrote) return state.SkipWithError(wrote.error().message().c_str());
    RegistryFile registry(*directory, *base::identify_self());
    LeaseRequest request;
    request.workspace = "/home/somebody/projects/new";
    request.container_id = std::string(64, 'd');
    request.container_port = 23456;
    for (auto _ : state) {
      auto grants = registry.allocate({request});
      if (!grants.front()) return state.SkipWithError(grants.front().error().message().c_str());
      const std::uint16_t port = grants.front()->bound.port;
      grants.clear();
      registry.release({port});
    }
    for (const std::string& warning : registry.take_warnings()) {
      state.SkipWithError(warning.c_str());
    }
  }
  std::filesystem::remove_all(path);
}
BENCHMARK(allocate_and_release)->Arg(1)->Arg(100)->Arg(1000)->Unit(benchmark::kMicrosecond);

}  // namespace
}  // namespace fairlead::registry

BENCHMARK_MAIN();
