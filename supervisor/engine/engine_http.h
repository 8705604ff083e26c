// HTTP with an engine. The one place that uses Boost.Beast.
//
// SPEC.md "Engines". Thread rule: the loop's thread; callbacks there, too. Answers are bounded.
#pragma once

#include <boost/asio/io_context.hpp>
#include <functional>
#include <memory>
#include <string>

#include "base/result.h"
#include "supervisor/engine/engine_address.h"

namespace fairlead::engine {

struct HttpResponse {
  unsigned status = 0;
  std::string body;
};

struct HttpRequest {
  std::string method = "GET";
  std::string target;
  std::string content_type = {};  // of a body
  std::string body = {};
};

// One request on a connection of its own. ETIMEDOUT after 30 s.
void http_ask(boost::asio::io_context& loop, const EngineAddress& engine, HttpRequest request,
              std::function<void(base::Result<HttpResponse>)> done);
void http_get(boost::asio::io_context& loop, const EngineAddress& engine, const std::string& target,
              std::function<void(base::Result<HttpResponse>)> done);

// The same, after whose answer the connection is no longer HTTP's.
struct HttpUpgraded {
  EngineConnection connection;
  std::string first_bytes;  // that came with the answer
};
void http_upgrade(boost::asio::io_context& loop, const EngineAddress& engine, HttpRequest request,
                  std::function<void(base::Result<HttpUpgraded>)> done);

// A GET whose answer never ends: lines of text, until the object is destroyed or the stream ends.
class HttpLineStream {
 public:
  struct Handlers {
    std::function<void()> on_open;  // status 200 has arrived
    std::function<void(const std::string& line)> on_line;
    std::function<void(const base::Error& error)> on_end;  // at most once, the last call
  };
  HttpLineStream(boost::asio::io_context& loop, const EngineAddress& engine,
                 const std::string& target, Handlers handlers);
  ~HttpLineStream();

 private:
  class Impl;
  std::shared_ptr<Impl> impl_;
};

// Percent-encodes everything but unreserved characters.
std::string percent_encode(std::string_view text);

}  // namespace fairlead::engine
