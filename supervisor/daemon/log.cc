#include "supervisor/daemon/log.h"

#include <spdlog/sinks/stdout_sinks.h>
#include <spdlog/spdlog.h>

#include "base/printable.h"
#include "supervisor/daemon/log_file.h"
#include "target/target.h"

namespace fairlead::daemon {

base::Result<void> open_log(const SupervisorConfig& config, const base::PrivateDirectory& logs,
                            bool terminal) {
  auto file = LogFile::open(logs, log_name(config.container_id));
  if (!file) return file.error();
  auto logger = std::make_shared<spdlog::logger>("fairlead", *file);
  logger->set_level(spdlog::level::from_str(config.log_level));
  if (config.log_format == "json") {
    logger->set_formatter(json_lines());
  } else {
    logger->set_pattern("%Y-%m-%dT%H:%M:%S.%e%z %l %v");
  }
  if (terminal) {
    auto errors = std::make_shared<spdlog::sinks::stderr_sink_st>();
    errors->set_level(spdlog::level::warn);
    errors->set_pattern("%v");
    logger->sinks().push_back(std::move(errors));
  }
  spdlog::set_default_logger(std::move(logger));
  return {};
}

void log_info(const std::string& text) { spdlog::info("{}", base::printable(text)); }
void log_warning(const std::string& text) { spdlog::warn("{}", base::printable(text)); }

std::string log_name(const std::string& container_id) {
  return target::short_id(container_id) + ".log";
}

}  // namespace fairlead::daemon
