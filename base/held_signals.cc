#include "base/held_signals.h"

namespace fairlead::base {
namespace {

constexpr int kHeld[] = {SIGINT, SIGTERM, SIGHUP};
volatile std::sig_atomic_t came = 0;

void remember(int signal_number) { came = signal_number; }

}  // namespace

HeldSignals::HeldSignals() : before_{} {
  came = 0;
  // A handler, not "ignore": a child starts with the default again.
  struct sigaction action {};
  action.sa_handler = remember;
  sigemptyset(&action.sa_mask);
  for (std::size_t i = 0; i < 3; ++i) {
    sigaction(kHeld[i], nullptr, &before_[i]);
    if (before_[i].sa_handler != SIG_IGN) sigaction(kHeld[i], &action, nullptr);
  }
}

int HeldSignals::held() { return came; }

HeldSignals::~HeldSignals() {
  for (std::size_t i = 0; i < 3; ++i) sigaction(kHeld[i], &before_[i], nullptr);
  const int late = came;
  came = 0;
  if (late != 0) std::raise(late);
}

}  // namespace fairlead::base
