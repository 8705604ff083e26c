// A container whose init process this machine shows: sockets of its namespace where joining is
// permitted, its procfs tables where not. SPEC.md "Supervisor".
#pragma once

#include <boost/asio/io_context.hpp>
#include <memory>
#include <string>
#include <vector>

#include "supervisor/daemon/container_session.h"
#include "target/init_process.h"
#include "target/target.h"

namespace fairlead::daemon {

std::shared_ptr<ContainerSession> make_visible_session(boost::asio::io_context& loop,
                                                       target::InitProcess init,
                                                       const target::Target& container,
                                                       const base::PrivateDirectory& state);

}  // namespace fairlead::daemon
