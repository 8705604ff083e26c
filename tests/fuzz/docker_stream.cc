// An exec's bytes as Docker's API wraps them: whole and in pieces (the first byte says how long),
// which must make no difference.
#include "supervisor/engine/docker_stream.h"

#include <string>
#include <vector>

#include "tests/fuzz/require.h"

using namespace fairlead;

namespace {

struct Outcome {
  std::string output;
  std::string aside;
  bool fine = true;
  bool operator==(const Outcome&) const = default;
};

Outcome read(std::string_view bytes, std::size_t piece_size) {
  engine::DockerStream stream;
  Outcome outcome;
  while (outcome.fine && !bytes.empty()) {
    const auto piece = bytes.substr(0, piece_size);
    bytes.remove_prefix(piece.size());
    const std::vector<char> exact(piece.begin(), piece.end());
    outcome.fine = stream.feed({exact.data(), exact.size()}, [&](std::string_view payload) {
      fuzz::require(!payload.empty(), "a payload is some bytes");
      outcome.output += payload;
      return true;
    });
  }
  outcome.aside = stream.aside();
  fuzz::require(outcome.aside.size() <= 500, "what comes beside is bounded");
  return outcome;
}

}  // namespace

FAIRLEAD_FUZZER(docker_stream) {
  if (size == 0) return 0;
  const std::string_view bytes = fuzz::text_of(data, size).substr(1);
  const Outcome whole = read(bytes, bytes.size());
  fuzz::require(whole == read(bytes, data[0] + std::size_t{1}), "pieces make no difference");
  fuzz::require(whole.output.size() <= bytes.size(), "nothing is made up");
  return 0;
}
