#include "supervisor/workspace/build_arguments.h"
#include "base/hex.h"

#include <nettle/sha2.h>

#include <algorithm>
#include <array>
#include <cstdint>
#include <cstring>

namespace fairlead::workspace {
namespace {

std::string sha256_hex(const std::string& text) {
  sha256_ctx context;
  sha256_init(&context);
  sha256_update(&context, text.size(), reinterpret_cast<const std::uint8_t*>(text.data()));
  std::array<std::uint8_t, SHA256_DIGEST_SIZE> digest{};
  sha256_digest(&context, digest.size(), digest.data());
  return base::to_hex(digest);
}

bool is_separator(char c) { return c == '.' || c == '_' || c == '-'; }

// How many characters of a run of separators an image's name may keep: one dot, one or two
// underscores, or any number of dashes, whichever the run begins with.
std::size_t kept_separators(std::string_view run) {
  const std::size_t same = std::min(run.find_first_not_of(run.front()), run.size());
  if (run.front() == '.') return 1;
  if (run.front() == '-') return same;
  return std::min<std::size_t>(same, 2);
}

// As the reference CLI does it: lower case, what an image's name cannot hold left out.
std::string to_image_name(const std::string& text) {
  std::string allowed;
  for (const char c : text) {
    const char low = c >= 'A' && c <= 'Z' ? static_cast<char>(c - 'A' + 'a') : c;
    if (is_separator(low) || (low >= 'a' && low <= 'z') || (low >= '0' && low <= '9')) {
      allowed += low;
    }
  }
  std::string name;
  for (std::size_t at = 0; at < allowed.size();) {
    if (!is_separator(allowed[at])) {
      name += allowed[at++];
      continue;
    }
    const std::size_t end = std::min(allowed.find_first_not_of("._-", at), allowed.size());
    const std::string_view run(allowed.data() + at, end - at);
    name += run.substr(0, kept_separators(run));
    at = end;
  }
  return name;
}

}  // namespace

std::string image_name(const std::string& folder) {
  const std::string base = folder.substr(folder.find_last_of('/') + 1);
  return to_image_name("vsc-" + base + "-" + sha256_hex(folder));
}

std::vector<std::string> build_arguments(const config::ImageBuild& build, const std::string& name) {
  std::vector<std::string> words{"--file", build.dockerfile, "--tag", name};
  if (!build.target.empty()) words.insert(words.end(), {"--target", build.target});
  for (const std::string& source : build.cache_from) {
    words.insert(words.end(), {"--cache-from", source});
  }
  for (const auto& [key, value] : build.args) {
    words.insert(words.end(), {"--build-arg", key + "=" + value});
  }
  words.insert(words.end(), build.options.begin(), build.options.end());
  words.push_back(build.context);
  return words;
}

}  // namespace fairlead::workspace
