#include "supervisor/daemon/marker.h"

#include <nlohmann/json.hpp>

#include "base/json_bounds.h"
#include "target/target.h"

namespace fairlead::daemon {
namespace {

constexpr std::size_t kMarkerLimit = 64U << 10;
constexpr std::string_view kMarkerSuffix = ".json";

std::optional<Marker> read_file(const base::PrivateDirectory& supervisors,
                                const std::string& name) {
  const auto text = supervisors.read_file(name, kMarkerLimit);
  if (!text) return std::nullopt;
  auto marker = parse_marker(*text);
  if (!marker) return std::nullopt;
  return std::move(*marker);
}

}  // namespace

std::string marker_name(const std::string& id) { return target::short_id(id) + ".json"; }
std::string socket_name(const std::string& id) { return target::short_id(id) + ".sock"; }
std::string lock_name(const std::string& id) { return target::short_id(id) + ".lock"; }
std::string side_directory_name(const std::string& id) { return "side-" + target::short_id(id); }
std::string reap_lock_name(const std::string& id) {
  return "reap-" + target::short_id(id) + ".lock";
}

std::string to_text(const Marker& marker) {
  const nlohmann::ordered_json document{{"pid", marker.process.pid},
                                        {"start_ticks", marker.process.start_ticks},
                                        {"boot_id", marker.process.boot_id},
                                        {"container_id", marker.container_id},
                                        {"container_name", marker.container_name},
                                        {"workspace", marker.workspace},
                                        {"service", marker.service},
                                        {"started_at", marker.started_at},
                                        {"log_path", marker.log_path},
                                        {"control_socket", marker.control_socket},
                                        {"version", marker.version},
                                        {"engine_endpoint", marker.engine_endpoint},
                                        {"namespace_cookie", marker.namespace_cookie}};
  return document.dump(1, ' ', false, nlohmann::json::error_handler_t::replace) + "\n";
}

base::Result<Marker> parse_marker(const std::string& text) {
  try {
    const auto document = nlohmann::json::parse(text);
    Marker marker;
    marker.process.pid = base::integer_from<std::int64_t>(document.at("pid"));
    marker.process.start_ticks = base::integer_from<std::uint64_t>(document.at("start_ticks"));
    marker.process.boot_id = document.at("boot_id").get<std::string>();
    marker.container_id = document.at("container_id").get<std::string>();
    marker.container_name = document.value("container_name", "");
    marker.workspace = document.value("workspace", "");
    marker.service = document.value("service", "");
    marker.started_at = document.value("started_at", "");
    marker.log_path = document.value("log_path", "");
    marker.control_socket = document.value("control_socket", "");
    marker.version = document.value("version", "");
    marker.engine_endpoint = document.value("engine_endpoint", "");
    if (document.contains("namespace_cookie")) {
      marker.namespace_cookie = base::integer_from<std::uint64_t>(document.at("namespace_cookie"));
    }
    return marker;
  } catch (const nlohmann::json::exception& failure) {
    return base::plain_error("corrupt supervisor marker: " + std::string(failure.what()));
  }
}

base::Result<void> write_marker(const base::PrivateDirectory& supervisors, const Marker& marker) {
  return supervisors.write_file_atomically(marker_name(marker.container_id), to_text(marker));
}

std::optional<Marker> read_marker(const base::PrivateDirectory& supervisors,
                                  const std::string& container_id) {
  return read_file(supervisors, marker_name(container_id));
}

std::vector<Marker> living_markers(const base::PrivateDirectory& supervisors) {
  std::vector<Marker> markers;
  for (const std::string& name : supervisors.list()) {
    if (name.starts_with('.') || !name.ends_with(kMarkerSuffix)) continue;
    auto marker = read_file(supervisors, name);
    if (marker && base::is_alive(marker->process)) markers.push_back(std::move(*marker));
  }
  return markers;
}

}  // namespace fairlead::daemon
