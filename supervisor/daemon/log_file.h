// A spdlog sink that writes to a file in the private directory, and rotates
// it by size. A full disk loses lines, never the supervisor. SPEC.md "State on disk".
#pragma once

#include <spdlog/sinks/base_sink.h>

#include <cstddef>
#include <memory>
#include <mutex>
#include <string>

#include "base/private_directory.h"

namespace fairlead::daemon {

class LogFile : public spdlog::sinks::base_sink<std::mutex> {
 public:
  static constexpr std::size_t kRotateAt = 4U << 20;  // bytes; one older file is kept as NAME.1

  // `directory` must outlive the sink.
  static base::Result<std::shared_ptr<LogFile>> open(const base::PrivateDirectory& directory,
                                                     const std::string& name);

 protected:
  void sink_it_(const spdlog::details::log_msg& message) override;
  void flush_() override {}

 private:
  LogFile(const base::PrivateDirectory& directory, std::string name, base::UniqueFd fd,
          std::size_t size)
      : directory_(directory), name_(std::move(name)), fd_(std::move(fd)), size_(size) {}
  void rotate();

  const base::PrivateDirectory& directory_;
  const std::string name_;
  base::UniqueFd fd_;
  std::size_t size_;
};

// One JSON object a line: time, level, message.
std::unique_ptr<spdlog::formatter> json_lines();

}  // namespace fairlead::daemon
