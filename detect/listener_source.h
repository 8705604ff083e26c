// Where pictures of a container's LISTEN sockets come from.
//
// scan() returns a complete snapshot or an error; "nobody listens", "the same as before" and "could
// not look" are three different answers. An empty or otherwise stale picture of a container that
// has ended is an error (ESRCH), never a picture. SPEC.md "Detection". Thread rule: the loop's
// thread.
#pragma once

#include "base/result.h"
#include "detect/listener.h"

namespace fairlead::detect {

class ListenerSource {
 public:
  virtual ~ListenerSource() = default;

  // Does not block: a few system calls, no process.
  virtual base::Result<Snapshot> scan() = 0;

  // A descriptor that becomes readable when a listener has closed, -1 if the source has none. A
  // hint to scan, never a picture.
  virtual int event_fd() const { return -1; }
  // Empties event_fd().
  virtual void drain_events() {}

  virtual const char* name() const = 0;
};

}  // namespace fairlead::detect
