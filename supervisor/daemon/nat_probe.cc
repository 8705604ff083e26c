#include "supervisor/daemon/nat_probe.h"

#include <sys/socket.h>

#include <cerrno>
#include <chrono>
#include <cstdlib>
#include <utility>

#include "base/net.h"
#include "base/random.h"

namespace fairlead::daemon {
namespace {

using boost::system::error_code;
using Descriptor = boost::asio::posix::stream_descriptor;

constexpr auto kProbePatience = std::chrono::milliseconds(1000);
constexpr std::size_t kNonceDigits = 32;

// Somewhere in 127/8 where nobody looks: not the 127.0.x.y that people and programs use.
base::Endpoint random_corner() {
  const auto number =
      static_cast<std::uint32_t>(std::strtoul(base::random_digits(8).c_str(), nullptr, 16));
  const std::uint32_t address = 0x7f400000U | (number & 0x3fffffU);
  const auto port = static_cast<std::uint16_t>(1024 + (number >> 22));
  return {base::IpAddress::v4(address), port};
}

}  // namespace

base::Result<std::unique_ptr<NatProbe>> NatProbe::create(boost::asio::io_context& loop,
                                                         relay::KernelTable& table,
                                                         const base::IpAddress& address,
                                                         base::UniqueFd far) {
  const base::SocketAddress wanted = base::to_socket_address({address, 0});
  if (bind(far.get(), wanted.get(), wanted.length) != 0) {
    return base::errno_error("be at " + address.to_string() + " in the container");
  }
  const auto bound = base::local_endpoint(far);
  if (!bound) return bound.error();
  std::unique_ptr<NatProbe> probe(new NatProbe(loop, table));
  const base::Endpoint corner = random_corner();
  probe->datagrams_ = {corner, relay::KernelTable::Protocol::kUdp};
  probe->connections_ = {corner, relay::KernelTable::Protocol::kTcp};
  for (const auto& key : {probe->datagrams_, probe->connections_}) {
    if (auto set = table.set(key, *bound); !set) return set.error();
  }
  probe->far_.assign(far.release());
  return probe;
}

NatProbe::~NatProbe() {
  if (trial_) trial_->abandon();
  table_.remove(datagrams_);
  table_.remove(connections_);
}

void NatProbe::run(Done done) {
  done_ = std::move(done);
  nonce_ = base::random_digits(kNonceDigits);
  deadline_.expires_after(kProbePatience);
  deadline_.async_wait([alive = std::weak_ptr(alive_), this](error_code code) {
    if (!code && !alive.expired())
      finish(base::plain_error("what is sent to it does not arrive in the container"));
  });
  const base::UniqueFd near(socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0));
  const base::SocketAddress corner = base::to_socket_address(datagrams_.endpoint);
  // What fails here is missed there.
  if (near && connect(near.get(), corner.get(), corner.length) == 0) {
    ::send(near.get(), nonce_.data(), nonce_.size(), MSG_NOSIGNAL);
  }
  wait();
}

void NatProbe::wait() {
  far_.async_wait(Descriptor::wait_read, [alive = std::weak_ptr(alive_), this](error_code code) {
    if (code || alive.expired() || !done_) return;
    return arrived() ? dial() : wait();
  });
}

// Others may send there, too; only we know the word.
bool NatProbe::arrived() {
  char buffer[kNonceDigits + 1];
  for (int i = 0; i < 64; ++i) {
    const ssize_t count = recv(far_.native_handle(), buffer, sizeof buffer, MSG_DONTWAIT);
    if (count < 0) return false;
    if (std::string_view(buffer, static_cast<std::size_t>(count)) == nonce_) return true;
  }
  return false;
}

// Nobody listens there: to be refused is the right answer.
void NatProbe::dial() {
  deadline_.cancel();
  trial_ = std::make_shared<TrialDial>(loop_, [this](base::Result<void> outcome) {
    trial_.reset();
    if (!outcome && outcome.error().code.value() == ECONNREFUSED) outcome = {};
    finish(std::move(outcome));
  });
  trial_->start(connections_.endpoint);
}

void NatProbe::finish(base::Result<void> outcome) {
  deadline_.cancel();
  error_code ignored;
  far_.cancel(ignored);
  if (const auto done = std::exchange(done_, nullptr)) done(std::move(outcome));
}

}  // namespace fairlead::daemon
