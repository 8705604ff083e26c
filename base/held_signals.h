// Puts off the end of the program by Ctrl-C, SIGTERM or SIGHUP while something is to be cleaned up
// first. A terminal's Ctrl-C reaches the running child all the same, which ends what is waited for;
// not between the child's fork and its exec, where it is still our handler that gets it: whoever
// starts a child looks at held() before and after.
// Thread rule: one at a time, in a program with one thread.
#pragma once

#include <csignal>

namespace fairlead::base {

class HeldSignals {
 public:
  HeldSignals();
  // Lets them have their way again; one that came meanwhile has it now.
  ~HeldSignals();
  HeldSignals(const HeldSignals&) = delete;
  HeldSignals& operator=(const HeldSignals&) = delete;

  // The signal that waits for its turn, 0 for none (or where nothing holds any).
  static int held();

 private:
  struct sigaction before_[3];
};

}  // namespace fairlead::base
