// Pictures from /proc/<init pid>/net/tcp{,6}, which every user may read (unless hidepid forbids
// it).
//
// The files are opened once and read from the start each time: an open one stays bound to the
// namespace it was opened in. SPEC.md "Detection".
#pragma once

#include <memory>
#include <vector>

#include "base/unique_fd.h"
#include "detect/listener_source.h"
#include "target/init_process.h"

namespace fairlead::detect {

class ProcfsSource : public ListenerSource {
 public:
  // `init` must outlive the source. EACCES, ENOENT: not to be had this way.
  static base::Result<std::unique_ptr<ProcfsSource>> open(const target::InitProcess& init);

  base::Result<Snapshot> scan() override;
  const char* name() const override { return "procfs"; }

 private:
  ProcfsSource(const target::InitProcess& init, base::UniqueFd tcp4, base::UniqueFd tcp6)
      : init_(init), tcp4_(std::move(tcp4)), tcp6_(std::move(tcp6)), buffer_(64U << 10) {}
  base::Result<void> read_table(const base::UniqueFd& fd, base::Family family, Snapshot& snapshot);

  const target::InitProcess& init_;
  base::UniqueFd tcp4_;
  base::UniqueFd tcp6_;  // empty where IPv6 is not there
  std::vector<char> buffer_;
};

}  // namespace fairlead::detect
