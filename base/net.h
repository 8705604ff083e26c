// Sockets that no child inherits: created close-on-exec and non-blocking from the first moment.
//
// (Asio of Boost 1.81 opens and accepts without CLOEXEC; adopt these with assign().)
// SPEC.md "Host side". Thread rule: free functions. None blocks.
#pragma once

#include <sys/socket.h>
#include <sys/types.h>

#include <cstdint>
#include <string>
#include <utility>
#include <vector>

#include "base/endpoint.h"
#include "base/private_directory.h"
#include "base/result.h"
#include "base/unique_fd.h"

namespace fairlead::base {

// What close() does to the connections that a listener has accepted.
enum class AcceptedClose : std::uint8_t { kFinishes, kResets };

// A TCP listener with SO_REUSEADDR, TCP_NODELAY (inherited by what it accepts, as `close` is: from
// the very first client on) and, for IPv6, IPV6_V6ONLY. bind() alone proves nothing with
// SO_REUSEADDR: success here means listen() succeeded. EADDRINUSE, EACCES (below 1024),
// EADDRNOTAVAIL (no such address) are the ordinary failures.
Result<UniqueFd> listen_tcp(const Endpoint& endpoint, int backlog,
                            AcceptedClose close = AcceptedClose::kFinishes);
// What a descriptor is ready for now, of `events` and POLLERR, POLLHUP (poll(2)); 0: nothing. An
// Asio wait may end for no reason: an event that is queued for a closed descriptor reaches the next
// one that gets its place. Reading then fails with EAGAIN; who does not read has to ask here first.
short ready_now(int fd, short events);

// The endpoint a socket is bound to.
Result<Endpoint> local_endpoint(const UniqueFd& fd);

// Unix stream sockets inside a private directory. Paths longer than sun_path go by way of
// /proc/self/fd. bind removes whatever has that name first: hold a lock that says
// it is nobody's.
Result<UniqueFd> listen_unix(const PrivateDirectory& directory, const std::string& name);
Result<UniqueFd> connect_unix(const PrivateDirectory& directory, const std::string& name);
// An engine's socket, somewhere else on the disk.
Result<UniqueFd> connect_unix(const std::string& path);
Result<UniqueFd> accept_connection(int listener);
// Effective user of whoever is at the other end of a Unix socket.
Result<uid_t> peer_user(int fd);

Result<std::pair<UniqueFd, UniqueFd>> make_pipe();
// SOCK_SEQPACKET: messages keep their bounds, descriptors travel with the message they belong to.
Result<std::pair<UniqueFd, UniqueFd>> make_packet_pair();

// One message with descriptors attached. EAGAIN when the peer's queue is full.
Result<void> send_descriptors(int socket, const void* data, std::size_t size,
                              const int* descriptors, std::size_t count);
struct ReceivedMessage {
  std::size_t size = 0;  // bytes of data; 0 = the peer has closed
  std::vector<UniqueFd> descriptors;
  bool truncated = false;  // some descriptors did not fit into our table
};
// The kernel's own bound on descriptors per message.
inline constexpr std::size_t kMaxDescriptorsPerMessage = 253;
Result<ReceivedMessage> receive_descriptors(int socket, void* data, std::size_t size);

// Sends RST now; the descriptor stays open, good for nothing but being held.
void reset_now(int fd);
// Makes close(), the one at the process' end included, send RST instead of FIN. What a listener
// accepts inherits it.
void reset_on_close(int fd);
// Undoes that: what has been written is delivered, and then FIN.
void finish_on_close(int fd);

// Raises RLIMIT_NOFILE to the hard limit. Returns the soft limit now in force.
std::uint64_t raise_descriptor_limit();

}  // namespace fairlead::base
