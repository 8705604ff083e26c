#include "supervisor/engine/engine_address.h"

#include <fcntl.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cerrno>

#include "base/child_process.h"
#include "base/net.h"
#include "base/printable.h"

namespace fairlead::engine {
namespace {

constexpr std::string_view kContext = "context:";
constexpr std::size_t kMostComplaint = 600;

// A file in memory that cannot grow: a program may print as much as it likes.
base::Result<base::UniqueFd> complaints_file() {
  base::UniqueFd file(memfd_create("fairlead-complaints", MFD_CLOEXEC | MFD_ALLOW_SEALING));
  if (!file || ftruncate(file.get(), kMostComplaint) != 0 ||
      fcntl(file.get(), F_ADD_SEALS, F_SEAL_GROW | F_SEAL_SHRINK) != 0) {
    return base::errno_error("memory for what a program prints");
  }
  return file;
}

class Program : public EngineConnection::Carrier {
 public:
  Program(base::ChildProcess child, base::UniqueFd complaints)
      : child_(std::move(child)), complaints_(std::move(complaints)) {}
  ~Program() override {
    child_.kill();
    child_.wait();  // it was killed: this is a matter of microseconds
  }

  std::string complaint() const override {
    char text[kMostComplaint] = {};
    if (pread(complaints_.get(), text, sizeof text - 1, 0) <= 0) return {};
    std::string words(text);
    while (!words.empty() && (words.back() == '\n' || words.back() == '\r')) words.pop_back();
    return base::printable(words);
  }

 private:
  mutable base::ChildProcess child_;
  base::UniqueFd complaints_;
};

base::Result<EngineConnection> connect_by_program(const EngineAddress& address) {
  int ends[2];
  if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, ends) != 0) {
    return base::errno_error("make a socket pair");
  }
  EngineConnection connection;
  connection.fd.reset(ends[0]);
  const base::UniqueFd theirs(ends[1]);
  auto complaints = complaints_file();
  if (!complaints) return complaints.error();
  base::SpawnOptions options;
  options.argv = address.command();
  options.argv.insert(options.argv.end(), {"system", "dial-stdio"});
  options.stdin_fd = theirs.get();
  options.stdout_fd = theirs.get();
  options.stderr_fd = complaints->get();
  options.die_with_parent = true;
  auto child = base::spawn(options);
  if (!child) return child.error();
  connection.via = std::make_shared<Program>(std::move(*child), std::move(*complaints));
  return connection;
}

}  // namespace

std::vector<std::string> EngineAddress::cli_words() const {
  if (is_local_socket()) return {"--host", "unix://" + text};
  if (text.starts_with(kContext)) return {"--context", text.substr(kContext.size())};
  return {"--host", text};
}

std::vector<std::string> EngineAddress::command() const {
  std::vector<std::string> words = cli_words();
  words.insert(words.begin(), cli);
  return words;
}

base::Result<EngineConnection> connect_engine(const EngineAddress& address) {
  if (!address.is_local_socket()) return connect_by_program(address);
  auto fd = base::connect_unix(address.text);
  if (!fd) {
    base::Error error = fd.error();
    // ENOENT is what a missing container is called.
    if (error.code.value() == ENOENT) {
      error.code = std::error_code(ECONNREFUSED, std::system_category());
    }
    return error;
  }
  EngineConnection connection;
  connection.fd = std::move(*fd);
  return connection;
}

}  // namespace fairlead::engine
