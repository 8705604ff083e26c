// Talking to a supervisor over its control socket. SPEC.md "Control socket". Calls block, bounded.
#pragma once

#include <chrono>
#include <string>

#include "base/line_buffer.h"
#include "base/private_directory.h"
#include "base/result.h"
#include "base/unique_fd.h"
#include "supervisor/config/jsonc.h"
#include "supervisor/daemon/control_protocol.h"

namespace fairlead::daemon {

// What a supervisor that lives takes at most for an answer it has at hand.
inline constexpr auto kAnswerPatience = std::chrono::milliseconds(3'000);

class ControlClient {
 public:
  // ENOENT, ECONNREFUSED: no supervisor there.
  static base::Result<ControlClient> connect(const base::PrivateDirectory& supervisors,
                                             const std::string& container_id);

  // One request, one answer. `request` gets the protocol's version; an answer that says "ok": false
  // is an error. ETIMEDOUT.
  base::Result<config::Json> ask(config::Json request, std::chrono::milliseconds patience);
  // The next answer to a "watch".
  base::Result<config::Json> next(std::chrono::milliseconds patience);
  base::Result<void> send(config::Json request);
  // Readable when next() has something to say.
  int descriptor() const { return fd_.get(); }
  // Pid of whoever answers, by the kernel's word.
  std::int64_t peer_pid() const;

 private:
  explicit ControlClient(base::UniqueFd fd) : fd_(std::move(fd)) {}
  base::UniqueFd fd_;
  base::LineBuffer input_{4 * kMaxControlLine};
};

}  // namespace fairlead::daemon
