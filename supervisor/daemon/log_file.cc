#include "supervisor/daemon/log_file.h"

#include <fcntl.h>
#include <unistd.h>

#include <nlohmann/json.hpp>

#include "base/clock.h"
#include "base/text_file.h"

namespace fairlead::daemon {

namespace {

class JsonLines : public spdlog::formatter {
 public:
  void format(const spdlog::details::log_msg& message, spdlog::memory_buf_t& line) override {
    const auto level = spdlog::level::to_string_view(message.level);
    const nlohmann::ordered_json object{
        {"time", base::to_iso8601(message.time)},
        {"level", std::string(level.data(), level.size())},
        {"message", std::string(message.payload.data(), message.payload.size())}};
    const std::string text =
        object.dump(-1, ' ', false, nlohmann::json::error_handler_t::replace) + "\n";
    line.append(text.data(), text.data() + text.size());
  }
  std::unique_ptr<formatter> clone() const override { return std::make_unique<JsonLines>(); }
};

}  // namespace

std::unique_ptr<spdlog::formatter> json_lines() { return std::make_unique<JsonLines>(); }

base::Result<std::shared_ptr<LogFile>> LogFile::open(const base::PrivateDirectory& directory,
                                                     const std::string& name) {
  auto fd = directory.open_file(name, O_WRONLY | O_CREAT | O_APPEND);
  if (!fd) return fd.error();
  const off_t end = lseek(fd->get(), 0, SEEK_END);
  const std::size_t size = end > 0 ? static_cast<std::size_t>(end) : 0;
  return std::shared_ptr<LogFile>(new LogFile(directory, name, std::move(*fd), size));
}

void LogFile::sink_it_(const spdlog::details::log_msg& message) {
  spdlog::memory_buf_t line;
  formatter_->format(message, line);
  if (size_ + line.size() > kRotateAt) rotate();
  if (base::write_all(fd_, {line.data(), line.size()}, name_)) size_ += line.size();
}

void LogFile::rotate() {
  (void)directory_.rename(name_, name_ + ".1");
  auto fresh = directory_.open_file(name_, O_WRONLY | O_CREAT | O_APPEND);
  if (!fresh) return;  // go on in the old one
  fd_ = std::move(*fresh);
  size_ = 0;
}

}  // namespace fairlead::daemon
