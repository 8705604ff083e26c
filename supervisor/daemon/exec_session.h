// A container of which this machine shows nothing (its engine runs elsewhere, in a virtual machine,
// or its processes are hidden): by the agent over one exec, which tells of its listeners and is the
// way in; where there can be none, by commands now and then, and one for each connection. SPEC.md
// "Supervisor".
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
