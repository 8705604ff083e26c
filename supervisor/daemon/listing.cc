#include "supervisor/daemon/listing.h"

#include "base/printable.h"

namespace fairlead::daemon {
namespace {

using config::Json;

Json text_or_null(const std::string& text) { return text.empty() ? Json() : Json(text); }

const char* code_of(Refusal refusal) {
  switch (refusal) {
    case Refusal::kNone:
      return "";
    case Refusal::kPublished:
      return "published";
    case Refusal::kIgnored:
      return "ignored";
    case Refusal::kSharedNetwork:
      return "shared-network";
    case Refusal::kOverCap:
      return "over-cap";
    case Refusal::kRemoved:
      return "removed";
    case Refusal::kNoRelay:
      return "no-relay";
    case Refusal::kNoHostPort:
      return "no-host-port";
  }
  return "";
}

// What makes this forward other than plain, in words.
std::string remark_of(const ForwardView& forward) {
  const std::uint16_t wanted =
      forward.port.wished_host != 0 ? forward.port.wished_host : forward.port.container_port;
  switch (forward.remap) {
    case registry::Remap::kNone:
      return {};
    case registry::Remap::kInUse:
      return "remapped: host " + std::to_string(wanted) + " is in use";
    case registry::Remap::kPrivileged:
      return "remapped: privileged port";
  }
  return {};
}

}  // namespace

std::string state_of(const ContainerView& container, const ForwardView& forward) {
  if (forward.host_port == 0) return "not-forwarding";
  if (container.paused) return "paused";
  return forward.port.listening ? "forwarding" : "waiting";
}

std::string relay_of(const ForwardView& forward) {
  return forward.host_port != 0 && forward.port.relay ? std::string(name_of(*forward.port.relay))
                                                      : std::string();
}

std::string reason_of(const ContainerView& container, const ForwardView& forward) {
  if (!forward.port.reason.empty()) return forward.port.reason;
  if (container.paused) return "the container is paused; its ports answer when it goes on";
  std::string reason = !forward.port.listening ? "declared; nobody listens yet"
                       : forward.port.declared ? "declared"
                                               : "found listening";
  if (const std::string remark = remark_of(forward); !remark.empty()) reason += "; " + remark;
  return reason;
}

std::optional<std::string> url_of(const ForwardView& forward) {
  const auto scheme = config::url_scheme(forward.port.container_port, forward.port.attributes);
  if (forward.host_port == 0 || !scheme) return std::nullopt;
  return *scheme + (forward.has_v6 ? "://localhost:" : "://127.0.0.1:") +
         std::to_string(forward.host_port);
}

Json to_json(const ContainerView& container, const ForwardView& forward) {
  const DesiredPort& port = forward.port;
  const bool active = forward.host_port != 0;
  const auto url = url_of(forward);
  Json object;
  object["containerId"] = container.container_id;
  object["containerName"] = container.container_name;
  object["engine"] = container.engine;
  object["workspace"] = container.workspace;
  object["containerPort"] = port.container_port;
  object["containerAddress"] = port.listening ? Json(port.address.to_string()) : Json();
  object["protocol"] = "tcp";
  object["service"] = text_or_null(port.service.empty() ? container.service : port.service);
  object["hostIp"] = active ? Json("127.0.0.1") : Json();
  object["hostPort"] = active ? Json(forward.host_port) : Json();
  object["url"] = url ? Json(*url) : Json();
  object["label"] = port.attributes.label ? Json(*port.attributes.label) : Json();
  object["onAutoForward"] = config::to_json(port.attributes).value("onAutoForward", "notify");
  // "notify" is the default, too; whoever wants what was said needs to tell them apart.
  if (port.attributes.on_auto_forward == config::OnAutoForward::kNotify) {
    object["onAutoForwardSaid"] = true;
  }
  if (const auto& required = port.attributes.require_local_port) {
    object["requireLocalPort"] = *required;
  }
  if (const auto& elevate = port.attributes.elevate_if_needed) {
    object["elevateIfNeeded"] = *elevate;
  }
  object["process"] = text_or_null(port.process.command_line);
  object["declared"] = port.declared;
  object["state"] = state_of(container, forward);
  object["reason"] = reason_of(container, forward);
  object["refusal"] = text_or_null(code_of(port.refusal));
  object["remark"] = text_or_null(remark_of(forward));
  object["v6Remark"] = text_or_null(forward.v6_missing);
  object["relay"] = text_or_null(relay_of(forward));
  object["relayReason"] = active ? text_or_null(port.relay_reason) : Json();
  if (active && port.not_as_forced) object["relayAsAsked"] = false;
  if (active && !port.nat_warning.empty()) object["natWarning"] = port.nat_warning;
  object["connections"] = {{"open", forward.stats.open},
                           {"total", forward.stats.total},
                           {"failed", forward.stats.failed}};
  if (port.kernel_target) object["connections"]["byKernel"] = forward.by_kernel;
  object["bytes"] = {{"toContainer", forward.stats.bytes_to_container},
                     {"fromContainer", forward.stats.bytes_from_container}};
  object["lastError"] = text_or_null(forward.stats.last_error);
  object["since"] = active ? Json(base::to_iso8601(forward.since)) : Json();
  return object;
}

std::optional<std::string> announcement(const Json& forward) {
  const auto number = [&](const char* key) {
    const auto found = forward.find(key);
    return std::to_string(
        found != forward.end() && found->is_number_integer() ? found->get<std::int64_t>() : 0);
  };
  const std::string port = number("containerPort");
  const auto text = [&](const char* key) {
    const auto found = forward.find(key);
    return found != forward.end() && found->is_string() ? base::printable(found->get<std::string>())
                                                        : std::string();
  };
  const std::string service = text("service");
  const std::string name = service.empty() ? port : service + ":" + port;
  if (text("state") == "not-forwarding") {
    const bool declared = forward.value("declared", Json()) == true;
    // The cap is announced once for all; silence is kept for ports that were to be silent.
    if (text("refusal") == "over-cap") return std::nullopt;
    if (!declared && text("onAutoForward") == "silent") return std::nullopt;
    return "Not forwarding container " + name + ": " + text("reason");
  }
  if (text("onAutoForward") == "silent") return std::nullopt;
  std::string place = text("url");
  if (place.empty()) place = "127.0.0.1:" + number("hostPort");
  std::vector<std::string> notes;
  for (const std::string& note : {text("label"), text("remark")}) {
    if (!note.empty()) notes.push_back(note);
  }
  if (!forward.value("relayAsAsked", true)) {
    notes.push_back("by relay " + text("relay") + "; the one asked for is not possible");
  }
  if (!text("natWarning").empty()) notes.push_back(text("natWarning"));
  if (text("state") == "waiting") notes.push_back("nobody listens yet");
  if (text("state") == "paused") notes.push_back("the container is paused");
  if (!text("url").empty() && !text("v6Remark").empty()) notes.push_back(text("v6Remark"));
  std::string line = "Forwarding container " + name + " -> " + place;
  for (std::size_t i = 0; i < notes.size(); ++i) line += (i == 0 ? " (" : "; ") + notes[i];
  return notes.empty() ? line : line + ")";
}

Json port_event(const Json& forward, bool withdrawn) {
  const auto value = [&](const char* key) { return forward.value(key, Json()); };
  const std::string asked = forward.value("onAutoForward", "notify");
  const bool is_said = asked != "notify" || forward.value("onAutoForwardSaid", false);
  std::string description = value("reason").is_string() ? value("reason").get<std::string>() : "";
  return {{"port", value("containerPort")},
          {"protocol", value("protocol")},
          {"label", value("label")},
          {"onAutoForward", is_said ? Json(asked) : Json()},
          {"autoForwarded", !withdrawn && !value("hostPort").is_null()},
          {"localPort", withdrawn ? Json() : value("hostPort")},
          {"hostIp", withdrawn ? Json() : value("hostIp")},
          {"description", text_or_null(description)},
          {"openPreview", asked == "openPreview" ? Json(true) : Json()},
          {"requireLocalPort", value("requireLocalPort")},
          {"elevateIfNeeded", value("elevateIfNeeded")}};
}

bool is_missing(const Json& forward) {
  return forward.value("declared", Json()) == true &&
         forward.value("state", Json()) == "not-forwarding" &&
         forward.value("refusal", Json()) != "published";
}

}  // namespace fairlead::daemon
