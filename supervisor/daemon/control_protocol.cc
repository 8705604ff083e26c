#include "supervisor/daemon/control_protocol.h"

#include "base/json_bounds.h"

namespace fairlead::daemon {

using config::Json;

namespace {

// Discarded if it is no JSON, or deeper or wider than anybody speaks.
Json parse_bounded(std::string_view line) {
  if (base::exceeds(line, base::kMostJsonLevels, base::kMostJsonKeys)) {
    return Json(Json::value_t::discarded);
  }
  return Json::parse(line, nullptr, false);
}

bool has_kind(const Json& object, const char* name, bool (Json::*is_kind)() const noexcept) {
  const auto found = object.find(name);
  return found == object.end() || ((*found).*is_kind)();
}

// What commands look at in any answer is of its kind, if there.
bool is_answer(const Json& document) {
  return document.is_object() && has_kind(document, "v", &Json::is_number_integer) &&
         has_kind(document, "ok", &Json::is_boolean) &&
         has_kind(document, "error", &Json::is_string) &&
         has_kind(document, "version", &Json::is_string) &&
         has_kind(document, "running", &Json::is_boolean);
}

}  // namespace

std::string to_line(const Json& document) {
  return document.dump(-1, ' ', false, Json::error_handler_t::replace) + "\n";
}

Json failure(const std::string& reason) {
  return {{"v", kControlVersion}, {"ok", false}, {"error", reason}};
}

base::Result<Json> parse_request(std::string_view line) {
  Json request = parse_bounded(line);
  if (!request.is_object() || !request.contains("op") || !request["op"].is_string()) {
    return base::plain_error("not a request");
  }
  // "hello" is the one request that every version understands.
  if (request["op"] != "hello" && request.value("v", Json()) != kControlVersion) {
    return base::plain_error("this supervisor speaks control protocol version " +
                             std::to_string(kControlVersion));
  }
  return request;
}

base::Result<Json> parse_answer(std::string_view line) {
  Json answer = parse_bounded(line);
  if (!is_answer(answer)) return base::plain_error("the supervisor answered garbage");
  if (answer.value("ok", true) == false) {
    return base::plain_error("supervisor: " + answer.value("error", "unknown error"));
  }
  return answer;
}

}  // namespace fairlead::daemon
