// A container of which this machine shows nothing (its engine runs elsewhere, in a virtual machine,
// or its processes are hidden): its listeners are asked for by exec now and then, and exec is the
// way in. SPEC.md "Supervisor".
#pragma once

#include <boost/asio/io_context.hpp>
#include <memory>
#include <string>
#include <vector>

#include "supervisor/daemon/container_session.h"

namespace fairlead::daemon {

std::shared_ptr<ContainerSession> make_exec_session(boost::asio::io_context& loop,
                                                    const target::Target& container);

}  // namespace fairlead::daemon
