// Commands in a container by way of its engine's `exec`: for what cannot be done with sockets of
// its namespace. SPEC.md "Relays", kind `exec`.
//
// Each command is one process of the engine's CLI here and one in the container. Killing the CLI
// does not end what runs in the container: that ends by the end of its stdin.
// Thread rule: connect_stream() from any thread; everything else, and all callbacks, on the loop's.
#pragma once

#include <boost/asio/io_context.hpp>
#include <chrono>
#include <functional>
#include <memory>
#include <set>
#include <string>
#include <vector>

#include "base/result.h"
#include "base/unique_fd.h"

namespace fairlead::target {

class ExecChannel : public std::enable_shared_from_this<ExecChannel> {
 public:
  // `prefix`: what comes before the command, e.g. {"docker", "exec", "-i", id}.
  ExecChannel(boost::asio::io_context& loop, std::vector<std::string> prefix);
  ~ExecChannel();

  // Runs a command whose stdin and stdout are `stream`, one end of a socket pair. It is killed when
  // the other end is closed. `done` gets its status (as base::ChildProcess::wait(); 127 if it could
  // not be started), and only after that does the stream end for the other side.
  void connect_stream(std::vector<std::string> command, base::UniqueFd stream,
                      std::function<void(int status)> done);

  struct Output {
    int status = 0;
    std::string text;  // of stdout, cut at the limit
  };
  // Runs a command to its end and collects what it prints. ETIMEDOUT.
  void run(std::vector<std::string> command, std::chrono::milliseconds timeout, std::size_t limit,
           std::function<void(base::Result<Output>)> done);

  // Kills what is running; no callback comes any more.
  void close();

 private:
  class Job;
  class StreamJob;
  class OutputJob;
  std::vector<std::string> argv(std::vector<std::string> command) const;

  boost::asio::io_context& loop_;
  std::vector<std::string> prefix_;
  std::set<std::shared_ptr<Job>> jobs_;
  bool closed_ = false;
};

}  // namespace fairlead::target
