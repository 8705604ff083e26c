// What a host name means inside a container: asked of the container's own name server, by a
// datagram socket of its network namespace. SPEC.md "Other hosts".
//
// Thread rule: the loop's thread, callbacks included. Nothing blocks.
#pragma once

#include <boost/asio/io_context.hpp>
#include <functional>
#include <string>
#include <vector>

#include "base/endpoint.h"
#include "base/result.h"
#include "base/unique_fd.h"
#include "target/hosts_file.h"
#include "target/namespace_sockets.h"

namespace fairlead::target {

// Opens one datagram socket of the namespace.
using OpenSocket =
    std::function<void(SocketKind, std::function<void(base::Result<base::UniqueFd>)>)>;
using LookupDone = std::function<void(base::Result<std::vector<base::IpAddress>>)>;

// IPv6 addresses first. ENOENT: there is no such name; ETIMEDOUT: no server answers. Takes some
// seconds at most. `open` may be called until then; `done` is called once, unless `open` drops what
// it was given.
void look_up_name(boost::asio::io_context& loop, const std::string& name, ResolverSettings settings,
                  OpenSocket open, LookupDone done);

}  // namespace fairlead::target
