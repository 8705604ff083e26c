// Both ends of a stream for a dialer that passes the far one on to somebody else.
#pragma once

#include "relay/dialer.h"

namespace fairlead::relay {

// The near end does not block. Empty if descriptors are short.
DialSocket pair_of_sockets();

}  // namespace fairlead::relay
