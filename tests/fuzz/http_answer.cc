// An engine's HTTP answer in pieces, read as engine_http.cc reads an event stream: Beast's parser
// with a small buffer for the body, then lines. The first byte is the size of the pieces.
#include <array>
#include <boost/beast/core/flat_buffer.hpp>
#include <boost/beast/http/buffer_body.hpp>
#include <boost/beast/http/parser.hpp>
#include <boost/beast/http/read.hpp>
#include <string>

#include "base/line_buffer.h"
#include "supervisor/engine/engine_http.h"
#include "tests/fuzz/require.h"

using namespace fairlead;
namespace asio = boost::asio;
namespace http = boost::beast::http;
using boost::system::error_code;

namespace {

// A stream that gives `text` in pieces and then ends.
class TextStream {
 public:
  TextStream(std::string_view text, std::size_t piece) : left_(text), piece_(piece) {}

  template <class Buffers>
  std::size_t read_some(const Buffers& buffers, error_code& code) {
    const std::size_t count =
        asio::buffer_copy(buffers, asio::buffer(left_.data(), std::min(piece_, left_.size())));
    left_.remove_prefix(count);
    code = count == 0 ? asio::error::eof : error_code();
    return count;
  }
  template <class Buffers>
  std::size_t read_some(const Buffers& buffers) {
    error_code code;
    return read_some(buffers, code);
  }

 private:
  std::string_view left_;
  std::size_t piece_;
};

}  // namespace

FAIRLEAD_FUZZER(http_answer) {
  if (size == 0) return 0;
  const std::string_view text = fuzz::text_of(data, size).substr(1);
  TextStream stream(text, std::size_t{data[0]} + 1);
  boost::beast::flat_buffer buffer;
  http::response_parser<http::buffer_body> parser;
  parser.body_limit(boost::none);
  error_code code;
  http::read_header(stream, buffer, parser, code);
  if (code) return 0;
  constexpr std::size_t kLongest = 64;
  base::LineBuffer lines(kLongest);
  std::size_t total = 0;
  std::array<char, 48> chunk{};
  while (!parser.is_done()) {
    parser.get().body().data = chunk.data();
    parser.get().body().size = chunk.size();
    parser.get().body().more = true;
    http::read_some(stream, buffer, parser, code);
    if (code && code != http::error::need_buffer) break;
    const std::size_t count = chunk.size() - parser.get().body().size;
    total += count;
    lines.feed({chunk.data(), count});
    while (const auto line = lines.next()) {
      fuzz::require(line->size() <= kLongest, "a line is bounded");
      fuzz::require(line->find('\n') == std::string::npos, "a line is one line");
    }
  }
  fuzz::require(total <= text.size(), "a body is no longer than what came");
  const std::string encoded = engine::percent_encode(text);
  fuzz::require(encoded.size() <= text.size() * 3, "an encoded target is bounded");
  fuzz::require(encoded.find_first_of(" \r\n/?#") == std::string::npos, "and one word");
  return 0;
}
