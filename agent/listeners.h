// The container's listening sockets, as the kernel tells them: the answer is passed on as it is, to
// be parsed by whoever asked. SPEC.md "Mux".
#pragma once

#include <string>

namespace fairlead::agent {

class Listeners {
 public:
  Listeners() = default;
  ~Listeners();
  Listeners(const Listeners&) = delete;
  Listeners& operator=(const Listeners&) = delete;

  // Asks. True: the answer, or the failure, is another than last time.
  bool read();
  // Datagrams of sock_diag one after the other, with sequence number kDiagSequence. At most 1 MiB.
  const std::string& answer() const { return answer_; }
  int failure() const { return failure_; }  // errno, or 0

 private:
  int ask(std::string& answer);

  int socket_ = -1;
  std::string answer_;
  int failure_ = -1;  // not yet asked
};

}  // namespace fairlead::agent
