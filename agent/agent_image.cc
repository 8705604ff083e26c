#include "agent/agent_image.h"

#include <nettle/sha2.h>

#include <array>
#include <span>

#include "base/hex.h"

// The assembler puts the file between two labels.
asm(".section .rodata\n"
    ".balign 16\n"
    "fairlead_agent_begin:\n"
    ".incbin \"" FAIRLEAD_AGENT_PROGRAM
    "\"\n"
    "fairlead_agent_end:\n"
    ".previous\n");

extern "C" const char fairlead_agent_begin[];
extern "C" const char fairlead_agent_end[];

namespace fairlead::agent {
namespace {

std::string name_of(std::string_view program) {
  constexpr std::size_t kBytes = 8;
  std::array<std::uint8_t, SHA256_DIGEST_SIZE> digest{};
  sha256_ctx hash;
  sha256_init(&hash);
  sha256_update(&hash, program.size(), reinterpret_cast<const std::uint8_t*>(program.data()));
  sha256_digest(&hash, digest.size(), digest.data());
  return "agent-" + base::to_hex(std::span(digest).first(kBytes));
}

}  // namespace

std::string_view agent_program() {
  return {fairlead_agent_begin,
          static_cast<std::size_t>(fairlead_agent_end - fairlead_agent_begin)};
}

const std::string& agent_name() {
  static const std::string name = name_of(agent_program());
  return name;
}

}  // namespace fairlead::agent
