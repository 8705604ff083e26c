// The control socket's bytes, from either end: lines, requests, rules, answers.
#include "supervisor/daemon/control_protocol.h"

#include <vector>

#include "base/line_buffer.h"
#include "supervisor/daemon/supervisor_config.h"
#include "tests/fuzz/require.h"

using namespace fairlead;
using config::Json;

namespace {

constexpr std::size_t kLongest = 1U << 16;

std::vector<std::string> lines_of(std::string_view text, std::size_t piece) {
  base::LineBuffer buffer(kLongest);
  std::vector<std::string> lines;
  for (std::size_t at = 0; at < text.size(); at += piece) {
    buffer.feed(text.substr(at, piece));
    while (auto line = buffer.next()) lines.push_back(std::move(*line));
  }
  return lines;
}

// As the supervisor's handler takes them.
void take_request(const Json& request) {
  fuzz::require(request.is_object() && request.at("op").is_string(), "a request has an op");
  const auto rules = daemon::rules_from_json(request.value("rules", Json()));
  if (!rules) return;
  for (const config::DeclaredPort& port : rules->declared) {
    fuzz::require(port.container_port != 0, "a declared port is a port");
  }
  const Json written = daemon::to_json(*rules);
  const auto again = daemon::rules_from_json(written);
  fuzz::require(static_cast<bool>(again), "what is written can be read");
  fuzz::require(daemon::to_json(*again) == written, "what is read is written as it was");
  std::vector<config::DeclaredPort> merged;
  config::merge_declared(merged, rules->declared);
  config::merge_declared(merged, rules->declared);
  fuzz::require(merged.size() <= rules->declared.size(), "merging adds nothing twice");
}

// As a command takes them.
void take_answer(const Json& answer) {
  fuzz::require(answer.value("ok", true), "a refusal is an error");
  (void)answer.value("v", 0);
  (void)answer.value("version", "");
  (void)answer.value("running", false);
}

}  // namespace

FAIRLEAD_FUZZER(control_protocol) {
  const std::string_view text = fuzz::text_of(data, size);
  const std::vector<std::string> lines = lines_of(text, 4096);
  fuzz::require(lines_of(text, 1) == lines, "pieces may end anywhere");
  for (const std::string& line : lines) {
    fuzz::require(line.size() <= kLongest, "a line is bounded");
    if (const auto request = daemon::parse_request(line)) {
      const std::string written = daemon::to_line(*request);
      fuzz::require(written.find('\n') == written.size() - 1, "a request is one line");
      fuzz::require(static_cast<bool>(daemon::parse_request(written)), "and can be read again");
      // The server answers exceptions of this kind with "bad request".
      try {
        take_request(*request);
      } catch (const Json::exception&) {
      }
    }
    if (const auto answer = daemon::parse_answer(line)) take_answer(*answer);
  }
  return 0;
}
