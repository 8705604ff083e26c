#include "supervisor/cli/completion.h"

#include <unistd.h>

#include <algorithm>
#include <charconv>
#include <csignal>
#include <cstdio>
#include <set>

#include "supervisor/cli/console.h"
#include "supervisor/cli/selection.h"
#include "supervisor/daemon/manage.h"

namespace fairlead::cli {
namespace {

constexpr unsigned kPatienceSeconds = 2;

// Commands whose own words are not ours: what follows is another program's.
bool is_wrapper(const CLI::App& command) {
  return command.get_name() == "run" || command.get_name() == "exec";
}

bool takes_value(const CLI::Option& option) { return option.get_items_expected_max() > 0; }

// "TEXT:{auto,docker}" names its choices.
std::vector<std::string> choices_of(const CLI::Option& option) {
  const std::string type = option.get_type_name();
  const auto begin = type.find('{');
  const auto end = type.find('}', begin);
  std::vector<std::string> choices;
  if (begin == std::string::npos || end == std::string::npos) return choices;
  for (std::size_t at = begin + 1; at < end;) {
    const std::size_t comma = std::min(type.find(',', at), end);
    choices.push_back(type.substr(at, comma - at));
    at = comma + 1;
  }
  return choices;
}

// What an argument without a fixed set of choices is, by its name.
std::string live_kind(const CLI::App& command, const CLI::Option& option) {
  const std::string name = option.get_name();
  if (name == "container") return "containers";
  if (name == "--container-id") {
    const bool any = command.get_name() == "down" || command.get_name() == "exec";
    return any ? "containers" : "supervised";
  }
  if (name == "port") return "ports";
  if (name == "--workspace-folder" || name == "--user-data-folder") return "directories";
  for (const char* file : {"--config", "--override-config", "--secrets-file", "--docker-path",
                           "--docker-compose-path"}) {
    if (name == file) return "files";
  }
  return {};
}

void offer_values(const CLI::App& command, const CLI::Option& option, const std::string& begin,
                  const std::string& prefix, Suggestions& result) {
  for (const std::string& choice : choices_of(option)) {
    if (choice.starts_with(begin)) result.words.push_back({prefix + choice, ""});
  }
  result.live = live_kind(command, option);
  result.prefix = prefix;
}

// An option of the command, or of one around it that takes what falls through.
const CLI::Option* find_option(const CLI::App& command, const std::string& word) {
  for (const CLI::App* place = &command; place != nullptr; place = place->get_parent()) {
    if (const CLI::Option* option = place->get_option_no_throw(word)) return option;
    if (!place->get_fallthrough()) break;
  }
  return nullptr;
}

void offer_flags(const CLI::App& command, const std::string& begin, Suggestions& result) {
  std::set<std::string> seen;
  for (const CLI::App* place = &command; place != nullptr; place = place->get_parent()) {
    for (const CLI::Option* option : place->get_options()) {
      if (option->get_group().empty()) continue;
      for (const std::string& name : option->get_lnames()) {
        const std::string word = "--" + name;
        if (!word.starts_with(begin) || !seen.insert(word).second) continue;
        result.words.push_back({word, option->get_description()});
      }
    }
    if (!place->get_fallthrough()) break;
  }
}

const CLI::App* find_command(const CLI::App& command, const std::string& name) {
  for (const CLI::App* sub : command.get_subcommands({})) {
    if (sub->get_name() == name && !sub->get_group().empty()) return sub;
  }
  return nullptr;
}

// The positional argument that comes after `count` others; the last one may repeat.
const CLI::Option* positional_at(const CLI::App& command, std::size_t count) {
  for (const CLI::Option* option : command.get_options()) {
    if (!option->get_positional()) continue;
    const bool repeats = option->get_items_expected_max() > 1;
    if (count == 0 || repeats) return option;
    --count;
  }
  return nullptr;
}

// bash splits "--engine=docker" into three words; others do not split it.
void undo_splitting(std::vector<std::string>& before, std::string& current) {
  if (current == "=") current.clear();
  std::erase(before, "=");
}

// Where the words before the cursor lead.
struct Place {
  const CLI::App* command;
  const CLI::Option* wanting = nullptr;  // an option whose value comes next
  std::size_t positionals = 0;
  bool only_positionals = false;  // after "--"
  bool foreign = false;           // in another program's words
};

Place walk(const CLI::App& app, const std::vector<std::string>& before) {
  Place place{&app};
  for (const std::string& word : before) {
    if (place.wanting != nullptr) {
      place.wanting = nullptr;
    } else if (word == "--" && !place.only_positionals) {
      place.only_positionals = true;
      place.foreign = is_wrapper(*place.command);
    } else if (word.size() > 1 && word[0] == '-' && !place.only_positionals) {
      const CLI::Option* option = find_option(*place.command, word);
      if (option != nullptr && takes_value(*option)) place.wanting = option;
    } else if (const CLI::App* sub = find_command(*place.command, word);
               sub != nullptr && place.positionals == 0) {
      place.command = sub;
    } else if (is_wrapper(*place.command)) {
      place.foreign = true;
    } else {
      ++place.positionals;
    }
    if (place.foreign) break;
  }
  return place;
}

// What is safe in every shell, and on every terminal. Nothing else is ever offered.
bool is_plain(const std::string& word) {
  return !word.empty() && word[0] != '-' &&
         std::all_of(word.begin(), word.end(), [](unsigned char byte) {
           return byte < 0x80 &&
                  (std::isalnum(byte) != 0 || byte == '_' || byte == '.' || byte == '-');
         });
}

void offer_supervised(const daemon::StateDirectory& state, std::set<std::string>& names) {
  for (const daemon::Marker& marker : select_supervisors(state, {})) {
    names.insert(marker.container_name.empty() ? marker.container_id.substr(0, 12)
                                               : marker.container_name);
  }
}

void offer_ports(const daemon::StateDirectory& state, std::set<std::string>& names) {
  for (const daemon::Marker& marker : select_supervisors(state, {})) {
    const auto listing = daemon::ask_listing(state.supervisors, marker.container_id, false);
    if (!listing) continue;
    for (const config::Json& forward : listing->value("forwards", config::Json::array())) {
      const auto port = forward.find("containerPort");
      if (port != forward.end() && port->is_number()) names.insert(port->dump());
    }
  }
}

void offer_running(std::set<std::string>& names) {
  const auto engine = engine::open_engine({});
  if (!engine) return;
  const auto containers = (*engine)->find_by_labels({});
  if (!containers) return;
  for (const target::Target& container : *containers) {
    if (container.running) names.insert(container.name);
  }
}

void print_live(const std::string& kind, const std::string& prefix, const std::string& begin) {
  if (kind == "files" || kind == "directories") {
    std::printf(":%s\n", kind.c_str());
    return;
  }
  std::set<std::string> names;
  const auto path = daemon::state_path("");
  const auto state = path ? daemon::StateDirectory::open(*path)
                          : base::Result<daemon::StateDirectory>(path.error());
  if (state && kind == "ports") offer_ports(*state, names);
  if (state && kind != "ports") offer_supervised(*state, names);
  if (kind == "containers") offer_running(names);
  for (const std::string& name : names) {
    if (is_plain(name) && name.starts_with(begin)) {
      std::printf("%s%s\n", prefix.c_str(), name.c_str());
    }
  }
}

void complete_words(const CLI::App& app, const std::vector<std::string>& words, std::size_t index) {
  if (index == 0 || words.empty()) return;
  std::vector<std::string> before(
      words.begin() + 1,
      words.begin() + static_cast<std::ptrdiff_t>(std::min(index, words.size())));
  const std::string current = index < words.size() ? words[index] : "";
  const Suggestions found = suggest(app, std::move(before), current);
  for (const Suggestion& one : found.words) {
    std::printf("%s%s%s\n", one.word.c_str(), one.help.empty() ? "" : "\t", one.help.c_str());
  }
  if (found.live.empty()) return;
  const std::string begin =
      current == "=" ? "" : current.substr(std::min(found.prefix.size(), current.size()));
  print_live(found.live, found.prefix, begin);
}

}  // namespace

Suggestions suggest(const CLI::App& app, std::vector<std::string> before, std::string current) {
  undo_splitting(before, current);
  const Place place = walk(app, before);
  Suggestions result;
  const CLI::App& command = *place.command;
  if (place.foreign) {
    result.live = "files";
  } else if (place.wanting != nullptr) {
    offer_values(command, *place.wanting, current, "", result);
  } else if (!place.only_positionals && current.starts_with("-")) {
    const auto equals = current.find('=');
    if (equals == std::string::npos) {
      offer_flags(command, current, result);
    } else if (const auto* option = find_option(command, current.substr(0, equals));
               option != nullptr && takes_value(*option)) {
      offer_values(command, *option, current.substr(equals + 1), current.substr(0, equals + 1),
                   result);
    }
  } else {
    if (place.positionals == 0) {
      for (const CLI::App* sub : command.get_subcommands({})) {
        if (!sub->get_group().empty() && sub->get_name().starts_with(current)) {
          result.words.push_back({sub->get_name(), sub->get_description()});
        }
      }
    }
    if (const CLI::Option* option = positional_at(command, place.positionals)) {
      offer_values(command, *option, current, "", result);
    } else if (is_wrapper(command)) {
      result.live = "files";
    }
  }
  return result;
}

int run_complete(const CLI::App& app, const std::vector<std::string>& words) {
  // Whoever waits for suggestions waits in front of a prompt; and messages would end up in it.
  signal(SIGALRM, [](int) { _exit(kSuccess); });
  alarm(kPatienceSeconds);
  if (freopen("/dev/null", "w", stderr) == nullptr || words.empty()) return kFailure;
  if (words[0] == "words" && words.size() > 1) {
    std::size_t index = 0;
    std::from_chars(words[1].data(), words[1].data() + words[1].size(), index);
    complete_words(app, {words.begin() + 2, words.end()}, index);
  } else if (words[0] == "containers" || words[0] == "supervised" || words[0] == "ports") {
    print_live(words[0], "", "");
  } else {
    return kUsageError;
  }
  return kSuccess;
}

}  // namespace fairlead::cli
