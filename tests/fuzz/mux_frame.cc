// Frames of a multiplexed connection. The first byte says whether a nonce is waited for and how
// long the pieces are, the rest is what comes: whole and in pieces, which must make no difference.
#include "target/mux/frame.h"

#include <string>
#include <utility>
#include <vector>

#include "tests/fuzz/require.h"

using namespace fairlead;
using namespace fairlead::target::mux;

namespace {

constexpr std::string_view kNonce = "0123456789abcdef0123456789abcdef";

struct Keeper : FrameReader::Sink {
  std::vector<std::string> frames;  // as they are written

  bool on_frame(const FrameHeader& header, std::string_view payload) override {
    fuzz::require(header.length == payload.size(), "a header says how long its payload is");
    fuzz::require(payload.size() <= kMostPayload, "a payload is bounded");
    if (header.type == FrameType::kOpen) {
      const auto endpoint = decode_endpoint(payload);
      fuzz::require(!endpoint || encode_endpoint(*endpoint) == payload, "endpoints come back");
    }
    frames.push_back(frame(header.type, header.stream, payload, header.flags));
    return header.flags != 255;  // somewhere the sink refuses
  }
};

struct Frames {
  std::vector<std::string> frames;
  bool fine = true;
  bool operator==(const Frames&) const = default;
};

// Each piece in memory of exactly its size, so that a look behind it is seen.
Frames read_frames(std::string_view bytes, std::size_t piece_size, std::string_view nonce) {
  Keeper keeper;
  FrameReader reader(nonce);
  bool fine = true;
  while (fine && !bytes.empty()) {
    const auto piece = bytes.substr(0, piece_size);
    bytes.remove_prefix(piece.size());
    const std::vector<char> exact(piece.begin(), piece.end());
    fine = reader.feed({exact.data(), exact.size()}, keeper);
    fuzz::require(reader.noise().size() <= FrameReader::kMostNoise, "shown noise is bounded");
  }
  return {std::move(keeper.frames), fine};
}

}  // namespace

FAIRLEAD_FUZZER(mux_frame) {
  if (size == 0) return 0;
  const std::string_view bytes = fuzz::text_of(data, size).substr(1);
  const std::string_view nonce = (data[0] & 1) != 0 ? kNonce : std::string_view();
  const std::size_t piece_size = (data[0] >> 1) + std::size_t{1};
  const Frames whole = read_frames(bytes, bytes.size(), nonce);
  fuzz::require(whole == read_frames(bytes, piece_size, nonce), "pieces make no difference");

  std::string written;
  for (const std::string& one : whole.frames) written += one;
  if (nonce.empty()) {
    fuzz::require(bytes.starts_with(written), "frames are what came, in its order");
  } else if (!whole.frames.empty()) {
    const std::string hello = frame(FrameType::kHello, 0, std::string(kMark) + std::string(kNonce));
    fuzz::require(whole.frames.front() == hello, "the agent's hello is the first");
    const std::size_t noise = bytes.find(hello);
    fuzz::require(noise <= FrameReader::kMostNoise, "noise is bounded");
    fuzz::require(bytes.substr(noise).starts_with(written), "frames follow the first hello");
  }
  return 0;
}
