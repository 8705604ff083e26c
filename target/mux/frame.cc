#include "target/mux/frame.h"

#include <algorithm>
#include <array>
#include <cstring>
#include <utility>

namespace fairlead::target::mux {
namespace {

constexpr std::size_t kEndpointSize = 18;
constexpr std::size_t kMostShownNoise = 400;

void put_number(char* to, std::uint64_t value, std::size_t bytes) {
  for (std::size_t i = 0; i < bytes; ++i) to[i] = static_cast<char>(value >> (8 * i));
}

}  // namespace

void write_header(char* to, const FrameHeader& header) {
  put_number(to, static_cast<std::uint8_t>(header.type), 1);
  put_number(to + 1, header.flags, 1);
  put_number(to + 2, 0, 2);
  put_number(to + 4, header.stream, 4);
  put_number(to + 8, header.length, 4);
}

std::optional<FrameHeader> read_header(const char* from) {
  const std::string_view bytes(from, kHeaderSize);
  const auto type = read_number(bytes, 1);
  FrameHeader header;
  header.flags = static_cast<std::uint8_t>(read_number(bytes.substr(1), 1));
  header.stream = static_cast<std::uint32_t>(read_number(bytes.substr(4), 4));
  header.length = static_cast<std::uint32_t>(read_number(bytes.substr(8), 4));
  if (type == 0 || type > kHighestType || header.length > kMostPayload) return std::nullopt;
  if (read_number(bytes.substr(2), 2) != 0) return std::nullopt;
  header.type = static_cast<FrameType>(type);
  return header;
}

void append_number(std::string& to, std::uint64_t value, std::size_t bytes) {
  to.resize(to.size() + bytes);
  put_number(to.data() + to.size() - bytes, value, bytes);
}

std::uint64_t read_number(std::string_view from, std::size_t bytes) {
  std::uint64_t value = 0;
  for (std::size_t i = bytes; i-- > 0;) {
    value = value << 8 | static_cast<unsigned char>(from[i]);
  }
  return value;
}

std::string encode_endpoint(const base::Endpoint& endpoint) {
  const auto& address = endpoint.address.bytes();
  std::string payload(address.begin(), address.end());
  append_number(payload, endpoint.port, 2);
  return payload;
}

std::optional<base::Endpoint> decode_endpoint(std::string_view payload) {
  if (payload.size() != kEndpointSize) return std::nullopt;
  std::array<std::uint8_t, 16> address{};
  std::memcpy(address.data(), payload.data(), address.size());
  payload.remove_prefix(address.size());
  return base::Endpoint{base::IpAddress::from_bytes(address),
                        static_cast<std::uint16_t>(read_number(payload, 2))};
}

std::string frame(FrameType type, std::uint32_t stream, std::string_view payload,
                  std::uint8_t flags) {
  std::string bytes(kHeaderSize, '\0');
  write_header(bytes.data(), {type, flags, stream, static_cast<std::uint32_t>(payload.size())});
  bytes += payload;
  return bytes;
}

FrameReader::FrameReader(std::string_view nonce) {
  if (!nonce.empty()) hello_ = frame(FrameType::kHello, 0, std::string(kMark) + std::string(nonce));
}

FrameReader::Noise FrameReader::skip_noise(std::string_view& bytes) {
  noise_ += bytes.substr(0, kMostShownNoise - std::min(kMostShownNoise, noise_.size()));
  // A mark may have begun in the last piece: that is all that is kept of it.
  partial_ += bytes;
  const std::size_t found = partial_.find(hello_);
  const std::size_t noise = found != std::string::npos
                                ? found
                                : partial_.size() - std::min(partial_.size(), hello_.size() - 1);
  skipped_ += noise;
  if (skipped_ > kMostNoise) return Noise::kTooMuch;
  if (found == std::string::npos) {
    partial_.erase(0, noise);
    return Noise::kMore;
  }
  bytes.remove_prefix(bytes.size() - (partial_.size() - found - hello_.size()));
  partial_.clear();
  std::string().swap(noise_);
  return Noise::kOver;
}

bool FrameReader::feed(std::string_view bytes, Sink& sink) {
  if (!hello_.empty()) {
    const Noise noise = skip_noise(bytes);
    if (noise != Noise::kOver) return noise == Noise::kMore;
    const std::string hello = std::exchange(hello_, {});
    const std::string_view payload = std::string_view(hello).substr(kHeaderSize);
    const FrameHeader header{FrameType::kHello, 0, 0, static_cast<std::uint32_t>(payload.size())};
    if (!sink.on_frame(header, payload)) return false;
  }
  for (;;) {
    std::string_view whole = bytes;
    if (!partial_.empty()) {
      // First what the header needs, then what it promises.
      for (const bool for_header : {true, false}) {
        std::size_t wanted = kHeaderSize;
        if (!for_header) {
          const auto header = read_header(partial_.data());
          if (!header) return false;
          wanted += header->length;
        }
        const std::size_t lacking = wanted - std::min(wanted, partial_.size());
        const std::size_t taken = std::min(lacking, bytes.size());
        partial_ += bytes.substr(0, taken);
        bytes.remove_prefix(taken);
        if (taken < lacking) return true;
      }
      whole = partial_;
    }
    if (whole.size() < kHeaderSize) break;
    const auto header = read_header(whole.data());
    if (!header) return false;
    if (whole.size() - kHeaderSize < header->length) break;
    if (!sink.on_frame(*header, whole.substr(kHeaderSize, header->length))) return false;
    if (partial_.empty()) {
      bytes.remove_prefix(kHeaderSize + header->length);
    } else {
      partial_.clear();
    }
  }
  partial_ = bytes;
  return true;
}

}  // namespace fairlead::target::mux
