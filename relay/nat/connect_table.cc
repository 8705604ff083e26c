#include "relay/nat/connect_table.h"

#include <bpf/bpf.h>
#include <bpf/btf.h>
#include <bpf/libbpf.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <sys/socket.h>

#include <cerrno>
#include <cstring>
#include <utility>

#include "relay/nat/end_connections.h"
#include "target/socket_maker.h"

namespace fairlead::relay {
namespace {

using base::errno_error;
using base::UniqueFd;

constexpr const char* kLicense = "MIT";
constexpr const char* kName = "fairlead";

ConnectKey to_key(const KernelTable::Key& key) {
  return {htonl(key.endpoint.address.as_v4()), htons(key.endpoint.port),
          key.protocol == KernelTable::Protocol::kTcp ? std::uint16_t{IPPROTO_TCP}
                                                      : std::uint16_t{IPPROTO_UDP}};
}

// What stands in the way, and for the common cases whom to ask.
base::Error refused(const char* what) {
  const int error = errno;
  std::string words = what;
  if (error == EPERM || error == EACCES) words += " (takes CAP_BPF and CAP_NET_ADMIN)";
  if (error == E2BIG) words += " (64 programs are there already)";
  return errno_error(error, words);
}

base::Result<std::uint64_t> own_network() {
  const UniqueFd socket_of_ours(socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0));
  const std::uint64_t cookie = target::namespace_cookie(socket_of_ours.get());
  if (cookie == 0) return errno_error(ENOPROTOOPT, "tell this host's network apart (Linux 5.14)");
  return cookie;
}

base::Result<UniqueFd> make_targets() {
  bpf_map_create_opts options{};
  options.sz = sizeof options;
  options.map_flags = BPF_F_NO_PREALLOC;
  UniqueFd map(bpf_map_create(BPF_MAP_TYPE_HASH, kName, sizeof(ConnectKey), sizeof(ConnectTarget),
                              ConnectTable::kMostEntries, &options));
  if (!map) return refused("make a BPF map");
  return map;
}

// The kernel wants the types of what a socket is to remember: a number as the key, and something of
// the value's size.
base::Result<UniqueFd> make_memory() {
  const std::unique_ptr<btf, decltype(&btf__free)> types(btf__new_empty(), &btf__free);
  if (!types) return refused("describe a BPF map");
  const int number = btf__add_int(types.get(), "number", sizeof(std::uint32_t), 0);
  const int memory =
      btf__add_array(types.get(), number, number, sizeof(ConnectMemory) / sizeof(std::uint32_t));
  if (btf__load_into_kernel(types.get()) != 0) return refused("describe a BPF map");
  bpf_map_create_opts options{};
  options.sz = sizeof options;
  options.map_flags = BPF_F_NO_PREALLOC;
  options.btf_fd = static_cast<std::uint32_t>(btf__fd(types.get()));
  options.btf_key_type_id = static_cast<std::uint32_t>(number);
  options.btf_value_type_id = static_cast<std::uint32_t>(memory);
  UniqueFd map(bpf_map_create(BPF_MAP_TYPE_SK_STORAGE, kName, sizeof(std::uint32_t),
                              sizeof(ConnectMemory), 0, &options));
  if (!map) return refused("make a BPF map of sockets");
  return map;
}

// Loaded and attached, for as long as the descriptor is open.
base::Result<UniqueFd> attach(const BpfProgram& program, bpf_attach_type place,
                              const UniqueFd& cgroup) {
  bpf_prog_load_opts options{};
  options.sz = sizeof options;
  options.expected_attach_type = place;
  const UniqueFd loaded(bpf_prog_load(BPF_PROG_TYPE_CGROUP_SOCK_ADDR, kName, kLicense,
                                      program.data(), program.size(), &options));
  if (!loaded) return refused("load a BPF program");
  UniqueFd link(bpf_link_create(loaded.get(), cgroup.get(), place, nullptr));
  if (!link) return refused("attach a BPF program to the root control group");
  return link;
}

}  // namespace

base::Result<std::unique_ptr<ConnectTable>> ConnectTable::create(const std::string& root_cgroup) {
  if (root_cgroup.empty()) return base::plain_error("no cgroup v2 is mounted");
  if (auto possible = can_end_connections(); !possible) return possible.error();
  libbpf_set_print(nullptr);
  const auto network = own_network();
  if (!network) return network.error();
  const UniqueFd cgroup(open(root_cgroup.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC));
  if (!cgroup) return errno_error("open " + root_cgroup);
  auto targets = make_targets();
  if (!targets) return targets.error();
  auto memory = make_memory();
  if (!memory) return memory.error();
  // The name first: a connection that is sent elsewhere has one from the start.
  auto peer_name = attach(peer_name_program(memory->get()), BPF_CGROUP_INET4_GETPEERNAME, cgroup);
  if (!peer_name) return peer_name.error();
  auto connect = attach(connect_program(targets->get(), memory->get(), *network),
                        BPF_CGROUP_INET4_CONNECT, cgroup);
  if (!connect) return connect.error();
  return std::unique_ptr<ConnectTable>(new ConnectTable(
      {std::move(*targets), std::move(*memory), std::move(*connect), std::move(*peer_name)}));
}

base::Result<void> ConnectTable::set(const Key& key, const base::Endpoint& target) {
  const ConnectKey asked = to_key(key);
  const ConnectTarget value{htonl(target.address.as_v4()), htons(target.port), 0, 0};
  if (bpf_map_update_elem(fds_.targets.get(), &asked, &value, BPF_ANY) == 0) {
    addresses_.insert(target.address);
    return {};
  }
  return errno_error(errno == E2BIG ? ENOSPC : errno, "tell the kernel of a forward");
}

void ConnectTable::remove(const Key& key) {
  const ConnectKey asked = to_key(key);
  bpf_map_delete_elem(fds_.targets.get(), &asked);
}

void ConnectTable::end() {
  for (ConnectKey key; bpf_map_get_next_key(fds_.targets.get(), nullptr, &key) == 0;) {
    if (bpf_map_delete_elem(fds_.targets.get(), &key) != 0) break;
  }
  for (const base::IpAddress& address : addresses_) {
    static_cast<void>(end_connections_of(fds_.memory.get(), address));
  }
}

std::uint64_t ConnectTable::connections(const Key& key) const {
  const ConnectKey asked = to_key(key);
  ConnectTarget value;
  if (bpf_map_lookup_elem(fds_.targets.get(), &asked, &value) != 0) return 0;
  return value.connections;
}

base::Result<void> ConnectTable::check() {
  for (const UniqueFd* link : {&fds_.connect, &fds_.peer_name}) {
    bpf_link_info info{};
    std::uint32_t length = sizeof info;
    if (bpf_obj_get_info_by_fd(link->get(), &info, &length) != 0) {
      return errno_error("ask for a BPF link");
    }
    // What was detached has no control group any more.
    if (info.cgroup.cgroup_id == 0) return base::plain_error("its BPF program was detached");
  }
  return {};
}

}  // namespace fairlead::relay
