// libnftables, if it is there: a context speaks to the kernel through a socket of its own, and what
// that has made with `flags owner` goes when it is closed, by the process' end too.
//
// The library is looked for when the first context is made, and not linked: few supervisors want
// it. SPEC.md "Kernel NAT". Thread rule: one thread's. Calls block as long as the kernel takes.
#pragma once

#include <memory>
#include <string>

#include "base/result.h"

namespace fairlead::relay {

class NftContext {
 public:
  // Says which package is missing, if one is.
  static base::Result<NftContext> create();

  // All or nothing. Returns what nft would print, protocols and the like as numbers; an error has
  // the first line of what it would complain of.
  base::Result<std::string> run(const std::string& commands);
  base::Result<std::string> run_for_json(const std::string& commands);
  // What this context has made with `flags owner` stays until the process ends.
  void keep_for_ever() { static_cast<void>(context_.release()); }

 private:
  explicit NftContext(void* context);

  std::unique_ptr<void, void (*)(void*)> context_;
};

}  // namespace fairlead::relay
