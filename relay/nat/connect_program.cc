#include "relay/nat/connect_program.h"

#include <netinet/in.h>

#include <cstddef>

namespace fairlead::relay {
namespace {

constexpr std::int32_t kGoOn = 1;  // 0 would refuse the call
constexpr std::int32_t kLoopbackNet = 127;

// Results and arguments; those that outlive a call; the frame.
constexpr int kResult = 0;
constexpr int kFirst = 1;
constexpr int kSecond = 2;
constexpr int kThird = 3;
constexpr int kFourth = 4;
constexpr int kContext = 6;
constexpr int kTarget = 7;
constexpr int kSocket = 8;
constexpr int kFrame = 10;

constexpr std::ptrdiff_t kKeyAt = -static_cast<std::ptrdiff_t>(sizeof(ConnectKey));

// The peer in the program's context: both fields are read and written as 32 bits.
void set_peer(BpfAssembler& code, int from, std::ptrdiff_t address, std::ptrdiff_t port) {
  code.load(BpfSize::k32, kSecond, from, address);
  code.load(BpfSize::k16, kThird, from, port);
  code.store(BpfSize::k32, kContext, offsetof(bpf_sock_addr, user_ip4), kSecond);
  code.store(BpfSize::k32, kContext, offsetof(bpf_sock_addr, user_port), kThird);
}

}  // namespace

BpfProgram connect_program(int targets, int memory, std::uint64_t network) {
  BpfAssembler code;
  code.move(kContext, kFirst);

  // Most connections end here.
  code.load(BpfSize::k8, kSecond, kContext, offsetof(bpf_sock_addr, user_ip4));
  code.leave_unless(kSecond, kLoopbackNet);

  code.load(BpfSize::k32, kSecond, kContext, offsetof(bpf_sock_addr, user_ip4));
  code.store(BpfSize::k32, kFrame, kKeyAt, kSecond);
  code.load(BpfSize::k32, kSecond, kContext, offsetof(bpf_sock_addr, user_port));
  code.store(BpfSize::k16, kFrame, kKeyAt + 4, kSecond);
  code.load(BpfSize::k32, kSecond, kContext, offsetof(bpf_sock_addr, protocol));
  code.store(BpfSize::k16, kFrame, kKeyAt + 6, kSecond);
  code.set_map(kFirst, targets);
  code.move(kSecond, kFrame);
  code.add(kSecond, static_cast<std::int32_t>(kKeyAt));
  code.call(BPF_FUNC_map_lookup_elem);
  code.leave_if(kResult, 0);
  code.move(kTarget, kResult);

  // Below the same cgroup are containers, whose 127.0.0.1 is their own.
  code.move(kFirst, kContext);
  code.call(BPF_FUNC_get_netns_cookie);
  code.set_wide(kFirst, network);
  code.leave_unless_same(kResult, kFirst);

  // Bound to an address or an interface of its own choice, it would not get there.
  code.load(BpfSize::k64, kSocket, kContext, offsetof(bpf_sock_addr, sk));
  code.load(BpfSize::k32, kFirst, kSocket, offsetof(bpf_sock, src_ip4));
  code.leave_unless(kFirst, 0);
  code.load(BpfSize::k32, kFirst, kSocket, offsetof(bpf_sock, bound_dev_if));
  code.leave_unless(kFirst, 0);

  // Only streams have a name to keep; without the memory for it the listener takes the connection.
  code.load(BpfSize::k32, kFirst, kContext, offsetof(bpf_sock_addr, protocol));
  const std::size_t nameless = code.skip_unless(kFirst, IPPROTO_TCP);
  code.set_map(kFirst, memory);
  code.move(kSecond, kSocket);
  code.set(kThird, 0);
  code.set(kFourth, BPF_SK_STORAGE_GET_F_CREATE);
  code.call(BPF_FUNC_sk_storage_get);
  code.leave_if(kResult, 0);
  code.load(BpfSize::k64, kFirst, kFrame, kKeyAt);
  code.store(BpfSize::k64, kResult, offsetof(ConnectMemory, asked), kFirst);
  code.load(BpfSize::k64, kFirst, kTarget, offsetof(ConnectTarget, address));
  code.store(BpfSize::k64, kResult, offsetof(ConnectMemory, address), kFirst);
  code.land(nameless);

  code.set(kFirst, 1);
  code.atomic_add(kTarget, offsetof(ConnectTarget, connections), kFirst);
  set_peer(code, kTarget, offsetof(ConnectTarget, address), offsetof(ConnectTarget, port));
  return code.finish(kGoOn);
}

BpfProgram peer_name_program(int memory) {
  BpfAssembler code;
  code.move(kContext, kFirst);
  code.load(BpfSize::k64, kSecond, kContext, offsetof(bpf_sock_addr, sk));
  code.set_map(kFirst, memory);
  code.set(kThird, 0);
  code.set(kFourth, 0);
  code.call(BPF_FUNC_sk_storage_get);
  code.leave_if(kResult, 0);
  // A socket may have been connected anew, to somebody else.
  code.load(BpfSize::k32, kFirst, kContext, offsetof(bpf_sock_addr, user_ip4));
  code.load(BpfSize::k32, kSecond, kResult, offsetof(ConnectMemory, address));
  code.leave_unless_same(kFirst, kSecond);
  code.load(BpfSize::k32, kFirst, kContext, offsetof(bpf_sock_addr, user_port));
  code.load(BpfSize::k16, kSecond, kResult, offsetof(ConnectMemory, port));
  code.leave_unless_same(kFirst, kSecond);
  set_peer(code, kResult, offsetof(ConnectMemory, asked) + offsetof(ConnectKey, address),
           offsetof(ConnectMemory, asked) + offsetof(ConnectKey, port));
  return code.finish(kGoOn);
}

}  // namespace fairlead::relay
