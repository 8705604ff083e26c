#include "supervisor/daemon/control_protocol.h"

namespace fairlead::daemon {

using config::Json;

std::string to_line(const Json& document) {
  return document.dump(-1, ' ', false, Json::error_handler_t::replace) + "\n";
}

base::Result<Json> parse_request(std::string_view line) {
  Json request = Json::parse(line, nullptr, false);
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
  Json answer = Json::parse(line, nullptr, false);
  if (!answer.is_object()) return base::plain_error("the supervisor answered garbage");
  if (answer.value("ok", true) == false) {
    return base::plain_error("supervisor: " + answer.value("error", "unknown error"));
  }
  return answer;
}

}  // namespace fairlead::daemon
