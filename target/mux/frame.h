// Frames of a multiplexed connection: many streams over one pair of byte channels. Pure codec.
//
// A header of 12 bytes (type, flags, two unused, stream, length; little-endian), then the payload.
// What comes from the agent is a container's word: types, lengths and payloads are checked here and
// in session.h, and a violation ends the connection. SPEC.md "Mux".
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "base/endpoint.h"

namespace fairlead::target::mux {

enum class FrameType : std::uint8_t {
  kHello = 1,       // agent's first: kMark and the nonce it was started with
  kOpen = 2,        // address (16 bytes, IPv4 mapped) and port: dial this
  kOpened = 3,      // the dial succeeded
  kRefused = 4,     // it did not: errno
  kData = 5,        // bytes of a stream
  kCredit = 6,      // so many bytes more may be sent
  kFinish = 7,      // no more bytes; how many there were in all
  kReset = 8,       // the stream is gone: errno
  kPing = 9,        // answered by kPong
  kPong = 10,       //
  kListeners = 11,  // a piece of what sock_diag answers; kLast ends a complete picture
  kAskOwners = 12,  // inodes of listening sockets, 8 bytes each
  kOwner = 13,      // inode, pid, command line; kLast ends the answer
};
inline constexpr std::uint8_t kHighestType = 13;

// Of kListeners and kOwner: the answer is complete. Of kListeners with kFailed: errno instead.
inline constexpr std::uint8_t kLast = 1;
inline constexpr std::uint8_t kFailed = 2;

struct FrameHeader {
  FrameType type = FrameType::kPing;
  std::uint8_t flags = 0;
  std::uint32_t stream = 0;  // 0: the connection itself
  std::uint32_t length = 0;  // bytes of payload
};

inline constexpr std::size_t kHeaderSize = 12;
inline constexpr std::size_t kMostPayload = 32U << 10;
inline constexpr std::string_view kMark = "fairlead";
inline constexpr std::size_t kNonceSize = 32;  // hexadecimal digits
inline constexpr unsigned kDiagSequence = 1;   // of the messages in kListeners

void write_header(char* to, const FrameHeader& header);
// Nothing: no such type, or a length that no frame has.
std::optional<FrameHeader> read_header(const char* from);

// Numbers in payloads, little-endian.
void append_number(std::string& to, std::uint64_t value, std::size_t bytes);
// REQUIRES from.size() >= bytes.
std::uint64_t read_number(std::string_view from, std::size_t bytes);

std::string encode_endpoint(const base::Endpoint& endpoint);
std::optional<base::Endpoint> decode_endpoint(std::string_view payload);

// A whole frame.
std::string frame(FrameType type, std::uint32_t stream, std::string_view payload,
                  std::uint8_t flags = 0);

// Cuts what arrives, in pieces of any size, into frames. Keeps less than one frame.
class FrameReader {
 public:
  class Sink {
   public:
    virtual ~Sink() = default;
    // False: it makes no sense, nothing more is to be read.
    virtual bool on_frame(const FrameHeader& header, std::string_view payload) = 0;
  };
  // Before the agent's first frame anything may come (what a shell says as it starts): at most so
  // much of it is skipped.
  static constexpr std::size_t kMostNoise = 64U << 10;

  // With a nonce everything before a kHello frame that bears it is skipped.
  explicit FrameReader(std::string_view nonce = {});

  // False: malformed, refused by the sink, or too much noise. It must not be called again then.
  bool feed(std::string_view bytes, Sink& sink);
  // The beginning of what was skipped, while nothing but noise has come: why no agent speaks.
  const std::string& noise() const { return noise_; }

 private:
  enum class Noise : std::uint8_t { kMore, kOver, kTooMuch };
  // Drops noise from the front of `bytes`, and the frame that ends it.
  Noise skip_noise(std::string_view& bytes);

  std::string hello_;  // what is waited for; empty: it has come
  std::size_t skipped_ = 0;
  std::string noise_;
  std::string partial_;
};

}  // namespace fairlead::target::mux
