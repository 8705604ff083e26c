// Puts off the end of the program by Ctrl-C, SIGTERM or SIGHUP while something is to be cleaned up
// first. A terminal's Ctrl-C reaches the running child all the same, which ends what is waited for.
// Thread rule: one at a time, in a program with one thread.
#pragma once

#include <csignal>

namespace fairlead::workspace {

class HeldSignals {
 public:
  HeldSignals();
  // Lets them have their way again; one that came meanwhile has it now.
  ~HeldSignals();
  HeldSignals(const HeldSignals&) = delete;
  HeldSignals& operator=(const HeldSignals&) = delete;

 private:
  struct sigaction before_[3];
};

}  // namespace fairlead::workspace
