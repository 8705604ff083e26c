#include "supervisor/cli/why_story.h"

#include "base/printable.h"

namespace fairlead::cli {
namespace {

using config::Json;

std::string text(const Json& object, const char* key) {
  const auto found = object.find(key);
  if (found == object.end() || found->is_null()) return {};
  return base::printable(found->is_string() ? found->get<std::string>() : found->dump());
}

std::uint64_t number(const Json& object, const char* key) {
  const auto found = object.find(key);
  return found != object.end() && found->is_number_unsigned() ? found->get<std::uint64_t>() : 0;
}

std::string joined(const Json& numbers, std::size_t most) {
  std::string words;
  std::size_t count = 0;
  for (const Json& one : numbers) {
    if (count++ == most) return words + ", …";
    words += (words.empty() ? "" : ", ") + one.dump();
  }
  return words;
}

class Story {
 public:
  Story(const Json& story, const HostPortHolder& holder)
      : story_(story),
        forward_(story.contains("forward") && story["forward"].is_object() ? story["forward"]
                                                                           : Json::object()),
        holder_(holder),
        port_(text(story, "containerPort")) {}

  std::vector<std::string> tell() {
    const std::string workspace = text(story_, "workspace");
    const bool has_folder = workspace.starts_with('/');
    lines_.push_back("Port " + port_ + " of container " + text(story_, "containerName") + " (" +
                     text(story_, "containerId").substr(0, 12) + ", " + text(story_, "engine") +
                     ")" + (has_folder ? ", workspace " + workspace : ""));
    found();
    attributes();
    if (active()) {
      host_port();
      line("relay", text(forward_, "relay") + ": " + text(forward_, "relayReason"));
      traffic();
    } else {
      line("forwarded", "no: " + why_not());
    }
    if (const std::string error = text(forward_, "lastError"); !error.empty()) {
      line("last error", error);
    }
    line("to do", to_do());
    return std::move(lines_);
  }

 private:
  void line(const std::string& name, const std::string& words) {
    lines_.push_back("  " + name + std::string(name.size() < 12 ? 12 - name.size() : 1, ' ') +
                     words);
  }
  bool active() const { return !text(forward_, "hostPort").empty(); }
  bool listening() const { return !story_.value("listeners", Json::array()).empty(); }
  bool running() const { return text(story_, "state") == "running"; }

  void found() {
    if (!listening()) {
      if (!running()) return line("found", "nobody: the container is " + text(story_, "state"));
      const Json others = story_.value("otherListeningPorts", Json::array());
      return line("found", "nobody listens on it" +
                               (others.empty() ? ", nor on any other port"
                                               : "; listening are " + joined(others, 12)));
    }
    std::string addresses;
    for (const Json& listener : story_["listeners"]) {
      addresses += (addresses.empty() ? "" : ", ") + text(listener, "address");
    }
    std::string words = "listening on " + addresses;
    if (const std::string process = text(story_, "process"); !process.empty()) {
      words += ", process " + text(story_, "processId") + " (" + process + ")";
    } else {
      words += ", process not visible to this user";
    }
    line("found", words);
    if (story_.value("declared", false)) {
      line("declared", "yes (forwardPorts, appPort, --forward-port or \"ports add\")");
    }
  }

  void attributes() {
    const Json attributes = story_.value("attributes", Json());
    if (!attributes.is_object()) {
      return line("attributes", "none of its own: defaults (onAutoForward \"notify\")");
    }
    const std::string file = text(attributes, "file");
    const Json sources = attributes.value("sources", Json::object());
    const Json values = attributes.value("values", Json::object());
    std::string words;
    for (const auto& [name, value] : values.items()) {
      words += (words.empty() ? "" : ", ") + base::printable(name) + " " +
               base::printable(value.dump()) + " (" + text(sources, name.c_str()) + ")";
    }
    line("attributes", words + (file.empty() ? "" : ", in " + file));
  }

  void host_port() {
    const std::string host = text(forward_, "hostPort");
    const std::string wished = text(story_, "wishedHostPort");
    std::string words = host;
    if (host == wished) {
      words += wished == port_ ? ", the container's own number" : ", as wished";
    } else {
      words += "; wished was " + wished;
      if (text(forward_, "remark").find("privileged") != std::string::npos) {
        words += ", a privileged number (below 1024)";
      } else {
        words += holder_.taken ? ", held by " + to_string(holder_)
                               : ", which was in use then and is free now";
      }
    }
    if (const std::string v6 = text(forward_, "v6Remark"); !v6.empty()) words += " (" + v6 + ")";
    line("host port", words);
  }

  void traffic() {
    const Json connections = forward_.value("connections", Json::object());
    const Json bytes = forward_.value("bytes", Json::object());
    line("traffic", std::to_string(number(connections, "open")) + " connections open, " +
                        std::to_string(number(connections, "total")) + " in all, " +
                        std::to_string(number(connections, "failed")) + " failed; " +
                        std::to_string(number(bytes, "toContainer")) + " bytes in, " +
                        std::to_string(number(bytes, "fromContainer")) + " bytes out");
  }

  std::string why_not() const {
    if (const std::string reason = text(forward_, "reason"); !reason.empty()) return reason;
    if (const std::string published = text(story_, "published"); !published.empty()) {
      return "published by the engine on " + published;
    }
    if (!listening()) return "nobody listens on it, and it is not declared";
    return "its supervisor has not got to it yet";
  }

  std::string to_do() const {
    const std::string refusal = text(forward_, "refusal");
    if (active()) {
      if (text(forward_, "state") == "paused") return "unpause the container";
      if (!listening()) return "start the server in the container";
      const std::string url = text(forward_, "url");
      const std::string place = url.empty() ? "127.0.0.1:" + text(forward_, "hostPort") : url;
      if (text(forward_, "hostPort") != text(story_, "wishedHostPort") && holder_.taken) {
        return "use " + place + ", or end " + to_string(holder_) + " and start the server again";
      }
      return "nothing: use " + place;
    }
    if (refusal == "ignored")
      return "change onAutoForward, or \"fairlead ports add " + port_ + "\"";
    if (refusal == "removed") return "\"fairlead ports add " + port_ + "\"";
    if (refusal == "over-cap") return "raise --max-auto-forwards, or declare the port";
    if (refusal == "shared-network") return "look at the other container's ports, or declare it";
    if (refusal == "no-relay") {
      return "run fairlead as root, or install socat in the container (see fairlead doctor)";
    }
    if (refusal == "no-host-port") {
      return "free a host port or descriptors; it is tried every second";
    }
    if (!text(story_, "published").empty()) return "nothing: use the published address";
    if (!running()) return "start the container";
    if (!listening()) {
      return "start the server in the container, or declare the port: \"fairlead ports add " +
             port_ + "\"";
    }
    return "ask again in a moment";
  }

  const Json& story_;
  const Json forward_;
  const HostPortHolder& holder_;
  const std::string port_;
  std::vector<std::string> lines_;
};

}  // namespace

std::vector<std::string> tell_story(const Json& story, const HostPortHolder& holder) {
  return Story(story, holder).tell();
}

}  // namespace fairlead::cli
