// NamespaceSockets by our agent: started in the container by its engine's exec, it connects to a
// socket of ours in a directory that is mounted there, and sends sockets back. Takes no right on
// this machine but that to use the engine. It also tells who holds a listening socket.
//
// What it sends is a container's word: see target/foreign_socket.h. SPEC.md "Agent". Thread rule:
// as target/pooled_sockets.h.
#pragma once

#include <boost/asio/io_context.hpp>
#include <chrono>
#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <set>
#include <string>
#include <string_view>
#include <vector>

#include "target/agent_directory.h"
#include "target/pooled_sockets.h"

namespace fairlead::target {

struct AgentProgram {
  std::string name;  // another for each version
  std::string_view bytes;
};

class AgentQuestions;

class AgentSockets : public PooledSockets {
 public:
  struct Options {
    // Runs a command in the container, as root, without waiting for its end.
    std::vector<std::string> exec_prefix;
    AgentDirectory directory;
    AgentProgram program;
    std::string place;  // of the directory, in the container
    // An engine takes some 100 ms to start it, and more on a busy machine.
    std::chrono::milliseconds patience = std::chrono::seconds(5);
    Patience later = {};
  };
  struct Owner {
    std::int64_t pid = 0;      // as the container sees it
    std::string command_line;  // as in /proc/PID/cmdline; hostile
  };
  using Owners = std::map<std::uint64_t, Owner>;
  // `complete`: whoever is missing cannot be seen. Otherwise the agent did not answer, this time.
  using OwnersFound = std::function<void(Owners, bool complete)>;

  // `init` must outlive this object.
  AgentSockets(boost::asio::io_context& loop, const InitProcess& init, Options options);

  // By the inodes of listening sockets; whose owner cannot be seen is missing. `found` is called
  // once, on the loop's thread, later, perhaps with nothing.
  void find_owners(const std::set<std::uint64_t>& inodes, OwnersFound found);

 private:
  AgentSockets(boost::asio::io_context& loop, const InitProcess& init, Options options,
               std::shared_ptr<AgentQuestions> questions, Patience later);
  std::shared_ptr<AgentQuestions> questions_;
};

}  // namespace fairlead::target
