#include "detect/cpu_counter.h"

#include <fcntl.h>
#include <unistd.h>

#include <cerrno>
#include <charconv>

#include "detect/cgroups.h"

namespace fairlead::detect {
namespace {

base::UniqueFd open_usage_file(const ProcessCgroups& groups, const char* controller,
                               const char* file) {
  const auto directory = groups.directory(controller);
  if (!directory) return {};
  return base::UniqueFd(::open((*directory + "/" + file).c_str(), O_RDONLY | O_CLOEXEC));
}

}  // namespace

std::optional<std::uint64_t> parse_cpu_usage(std::string_view text) {
  constexpr std::string_view kPrefix = "usage_usec ";
  if (text.substr(0, kPrefix.size()) == kPrefix) text.remove_prefix(kPrefix.size());
  std::uint64_t value = 0;
  const auto parsed = std::from_chars(text.data(), text.data() + text.size(), value);
  if (parsed.ec != std::errc{}) return std::nullopt;
  return value;
}

base::Result<CpuCounter> CpuCounter::open(std::int64_t pid) {
  const auto groups = ProcessCgroups::read(pid);
  if (!groups) return groups.error();
  base::UniqueFd fd = open_usage_file(*groups, "cpuacct", "cpuacct.usage");
  if (!fd) fd = open_usage_file(*groups, "", "cpu.stat");
  if (!fd) return base::errno_error(ENOENT, "the container's CPU counter");
  CpuCounter counter(std::move(fd));
  if (!counter.read()) return base::errno_error(ENOENT, "the container's CPU counter");
  return counter;
}

std::optional<std::uint64_t> CpuCounter::read() const {
  char text[256];
  const ssize_t count = pread(fd_.get(), text, sizeof text, 0);
  if (count <= 0) return std::nullopt;
  return parse_cpu_usage({text, static_cast<std::size_t>(count)});
}

}  // namespace fairlead::detect
