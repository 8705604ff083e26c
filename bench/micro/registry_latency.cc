// registry_latency DIRECTORY COUNT PAUSE_MS: takes and gives back a host port COUNT times on the
// registry in a state directory that others use, with a pause after each, and prints the
// percentiles of single operations as JSON.
#include <algorithm>
#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <string>
#include <thread>
#include <vector>

#include "registry/registry_file.h"

namespace {

using Clock = std::chrono::steady_clock;
using namespace fairlead;

double micros_since(Clock::time_point began) {
  return std::chrono::duration<double, std::micro>(Clock::now() - began).count();
}

double percentile(std::vector<double>& values, double share) {
  std::sort(values.begin(), values.end());
  return values[static_cast<std::size_t>(static_cast<double>(values.size() - 1) * share)];
}

}  // namespace

int main(int argc, char** argv) {
  const int count = argc == 4 ? std::atoi(argv[2]) : 0;
  if (count <= 0) {
    std::fprintf(stderr, "usage: registry_latency DIRECTORY COUNT PAUSE_MS\n");
    return 2;
  }
  const std::chrono::milliseconds pause(std::atoi(argv[3]));
  const auto directory = base::PrivateDirectory::open(argv[1]);
  const auto self = base::identify_self();
  if (!directory || !self) {
    std::fprintf(stderr, "registry_latency: %s\n",
                 (directory ? self.error() : directory.error()).message().c_str());
    return 1;
  }
  registry::RegistryFile registry(*directory, *self);
  registry::LeaseRequest request;
  request.workspace = "/bench/" + std::to_string(self->pid);
  request.container_id = std::string(64, 'b');
  request.container_port = 31500;
  std::vector<double> taken;
  std::vector<double> given_back;
  for (int i = 0; i < count; ++i) {
    auto began = Clock::now();
    auto grants = registry.allocate({request});
    taken.push_back(micros_since(began));
    if (!grants.front()) {
      std::fprintf(stderr, "registry_latency: %s\n", grants.front().error().message().c_str());
      return 1;
    }
    const std::uint16_t port = grants.front()->bound.port;
    grants.clear();
    began = Clock::now();
    registry.release({port});
    given_back.push_back(micros_since(began));
    std::this_thread::sleep_for(pause);
  }
  const std::vector<std::string> warnings = registry.take_warnings();
  for (const std::string& warning : warnings) {
    std::fprintf(stderr, "registry_latency: %s\n", warning.c_str());
  }
  std::printf(
      "{\"count\": %d, \"allocate_p50_us\": %.0f, \"allocate_p99_us\": %.0f, "
      "\"release_p50_us\": %.0f, \"release_p99_us\": %.0f, \"warnings\": %zu}\n",
      count, percentile(taken, 0.5), percentile(taken, 0.99), percentile(given_back, 0.5),
      percentile(given_back, 0.99), warnings.size());
  return 0;
}
