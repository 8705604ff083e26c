#include "detect/activity_monitor.h"

#include <fcntl.h>
#include <linux/perf_event.h>
#include <sys/epoll.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <atomic>
#include <cerrno>
#include <string>

#include "detect/cgroups.h"

namespace fairlead::detect {
namespace {

constexpr int kMostProcessors = 64;

std::size_t ring_size() {
  return 2 * static_cast<std::size_t>(sysconf(_SC_PAGESIZE));  // a head page and one of data
}

base::Result<base::UniqueFd> open_cgroup(std::int64_t pid) {
  const auto groups = ProcessCgroups::read(pid);
  if (!groups) return groups.error();
  const auto directory = groups->directory("");
  if (!directory) return base::errno_error(ENOENT, "the container's cgroup");
  base::UniqueFd fd(::open(directory->c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC));
  if (!fd) return base::errno_error("open the container's cgroup");
  return fd;
}

base::UniqueFd open_event(int cgroup, int processor) {
  perf_event_attr attributes{};
  attributes.size = sizeof attributes;
  attributes.type = PERF_TYPE_SOFTWARE;
  attributes.config = PERF_COUNT_SW_CONTEXT_SWITCHES;
  attributes.sample_period = 1;
  attributes.wakeup_events = 1;
  attributes.disabled = 1;
  return base::UniqueFd(
      static_cast<int>(syscall(SYS_perf_event_open, &attributes, cgroup, processor, -1,
                               PERF_FLAG_PID_CGROUP | PERF_FLAG_FD_CLOEXEC)));
}

}  // namespace

base::Result<ActivityMonitor> ActivityMonitor::open(std::int64_t pid) {
  const auto cgroup = open_cgroup(pid);
  if (!cgroup) return cgroup.error();
  const long processors = sysconf(_SC_NPROCESSORS_CONF);
  if (processors < 1 || processors > kMostProcessors) {
    return base::errno_error(E2BIG, "watch " + std::to_string(processors) + " processors");
  }
  ActivityMonitor monitor;
  monitor.epoll_.reset(epoll_create1(EPOLL_CLOEXEC));
  if (!monitor.epoll_) return base::errno_error("create epoll");
  for (int processor = 0; processor < processors; ++processor) {
    if (auto added = monitor.add_processor(cgroup->get(), processor); !added) {
      return added.error();
    }
  }
  if (monitor.rings_.empty()) return base::errno_error(ENODEV, "watch the container's activity");
  return monitor;
}

base::Result<void> ActivityMonitor::add_processor(int cgroup, int processor) {
  Ring ring;
  ring.event = open_event(cgroup, processor);
  if (!ring.event) {
    if (errno == ENODEV) return {};  // configured, but not there
    return base::errno_error("watch the container's activity");
  }
  void* pages = mmap(nullptr, ring_size(), PROT_READ | PROT_WRITE, MAP_SHARED, ring.event.get(), 0);
  if (pages == MAP_FAILED) return base::errno_error("watch the container's activity");
  ring.pages = pages;
  epoll_event event{};
  event.events = EPOLLIN | EPOLLET;
  const int fd = ring.event.get();
  rings_.push_back(std::move(ring));
  if (epoll_ctl(epoll_.get(), EPOLL_CTL_ADD, fd, &event) != 0) {
    return base::errno_error("watch the container's activity");
  }
  return {};
}

ActivityMonitor::~ActivityMonitor() {
  for (const Ring& ring : rings_) munmap(ring.pages, ring_size());
}

void ActivityMonitor::pause() {
  for (const Ring& ring : rings_) {
    ioctl(ring.event.get(), PERF_EVENT_IOC_DISABLE, 0);
    auto* head_page = static_cast<perf_event_mmap_page*>(ring.pages);
    const std::uint64_t head =
        std::atomic_ref(head_page->data_head).load(std::memory_order_acquire);
    // What is not taken out of a full ring would keep it from waking us again.
    std::atomic_ref(head_page->data_tail).store(head, std::memory_order_release);
  }
  epoll_event ignored[kMostProcessors];
  (void)epoll_wait(epoll_.get(), ignored, kMostProcessors, 0);
}

void ActivityMonitor::resume() {
  for (const Ring& ring : rings_) ioctl(ring.event.get(), PERF_EVENT_IOC_ENABLE, 0);
}

}  // namespace fairlead::detect
