#include "supervisor/doctor/finding.h"

#include <algorithm>

#include "base/printable.h"

namespace fairlead::doctor {
namespace {

std::string padded(std::string text, std::size_t width) {
  if (text.size() < width) text.append(width - text.size(), ' ');
  return text;
}

}  // namespace

std::string name_of(Status status) {
  switch (status) {
    case Status::kOk:
      return "ok";
    case Status::kMissing:
      return "missing";
    case Status::kBroken:
      return "broken";
    case Status::kUnknown:
      break;
  }
  return "unknown";
}

bool wants_attention(const Findings& findings) {
  return std::any_of(findings.begin(), findings.end(),
                     [](const Finding& one) { return one.status == Status::kBroken; });
}

config::Json to_json(const Findings& findings) {
  config::Json list = config::Json::array();
  for (const Finding& one : findings) {
    list.push_back({{"group", one.group},
                    {"name", one.name},
                    {"status", name_of(one.status)},
                    {"words", one.words},
                    {"fix", one.fix.empty() ? config::Json() : config::Json(one.fix)}});
  }
  return list;
}

std::string to_report(const Findings& findings) {
  std::size_t width = 0;
  for (const Finding& one : findings) width = std::max(width, one.name.size());
  std::string text;
  std::string group;
  for (const Finding& one : findings) {
    if (one.group != group) text += (group.empty() ? "" : "\n") + one.group + "\n";
    group = one.group;
    text += "  " + padded(name_of(one.status), 9) + padded(base::printable(one.name), width + 2) +
            base::printable(one.words) + "\n";
    if (!one.fix.empty()) {
      text += std::string(width + 13, ' ') + "fix: " + base::printable(one.fix) + "\n";
    }
  }
  return text;
}

std::string to_rows(const Findings& findings) {
  std::string text;
  for (const Finding& one : findings) {
    text += one.group + "\t" + base::printable(one.name) + "\t" + name_of(one.status) + "\t" +
            base::printable(one.words) + "\t" + (one.fix.empty() ? "-" : base::printable(one.fix)) +
            "\n";
  }
  return text;
}

std::string shell_word(const std::string& text) {
  const auto plain = [](unsigned char byte) {
    return std::isalnum(byte) != 0 ||
           std::string_view("/._-+:@%,").find(static_cast<char>(byte)) != std::string_view::npos;
  };
  if (!text.empty() && std::all_of(text.begin(), text.end(), plain)) return text;
  std::string quoted = "'";
  for (const char byte : text) quoted += byte == '\'' ? std::string("'\\''") : std::string(1, byte);
  return quoted + "'";
}

}  // namespace fairlead::doctor
