// The port registry's file, and the rules on whatever it says.
#include <algorithm>

#include "registry/lease_table.h"
#include "tests/fuzz/require.h"

using namespace fairlead;
using registry::Lease;
using registry::LeaseRequest;
using registry::LeaseTable;
using registry::Reservation;

namespace {

constexpr std::int64_t kNow = 1'800'000'000;
const base::ProcessIdentity kOwner{1, 2, "boot"};

void require_sound(const LeaseTable& table) {
  for (const Lease& lease : table.leases()) {
    fuzz::require(lease.host_port != 0 && lease.container_port != 0, "ports are ports");
  }
  for (const Reservation& entry : table.reservations()) {
    fuzz::require(entry.host_port != 0 && entry.container_port != 0, "ports are ports");
  }
  const std::string text = table.to_text();
  const LeaseTable::Parsed again = LeaseTable::parse(text);
  fuzz::require(again.verdict == LeaseTable::Verdict::kUsable, "what is written can be read");
  fuzz::require(again.table.to_text() == text, "what is read is written as it was");
}

// By way of a document and without one.
void require_one_meaning(std::string_view text) {
  const registry::RegistryText plain = registry::parse_registry(text);
  const registry::RegistryText document = registry::parse_registry_document(text);
  fuzz::require(plain.verdict == document.verdict, "one verdict");
  fuzz::require(
      registry::write_registry(plain.leases, plain.reservations, plain.others) ==
          registry::write_registry(document.leases, document.reservations, document.others),
      "one meaning");
}

LeaseRequest request_for(const LeaseTable& table, std::uint16_t port, bool privileged) {
  LeaseRequest request;
  request.workspace = table.reservations().empty() ? "w" : table.reservations()[0].workspace;
  request.container_id = "c";
  request.container_port = port;
  request.may_be_privileged = privileged;
  return request;
}

bool is_leased(const LeaseTable& table, std::uint16_t port) {
  return std::any_of(table.leases().begin(), table.leases().end(),
                     [&](const Lease& lease) { return lease.host_port == port; });
}

void allocate(LeaseTable& table, const LeaseRequest& request) {
  std::uint16_t taken = 0;
  auto candidates = table.candidates(request, kNow);
  for (int i = 0; i < 16; ++i) {
    const auto port = candidates.next();
    if (!port) break;
    fuzz::require(*port >= registry::kFirstUnprivilegedPort || request.may_be_privileged,
                  "privileged numbers are for who may have them");
    fuzz::require(!is_leased(table, *port), "a leased number is no candidate");
    taken = *port;
  }
  fuzz::require(taken != 0, "a number is to be had");
  Lease lease;
  lease.host_port = taken;
  lease.container_port = request.container_port;
  lease.container_id = request.container_id;
  lease.workspace = request.workspace;
  lease.owner = kOwner;
  table.add(lease);
  fuzz::require(is_leased(table, taken), "what was added is there");
}

}  // namespace

FAIRLEAD_FUZZER(registry) {
  require_one_meaning(fuzz::text_of(data, size));
  LeaseTable::Parsed parsed = LeaseTable::parse(fuzz::text_of(data, size));
  if (parsed.verdict != LeaseTable::Verdict::kUsable) return 0;
  LeaseTable& table = parsed.table;
  require_sound(table);
  allocate(table, request_for(table, 80, false));
  allocate(table, request_for(table, 443, true));
  allocate(table, request_for(table, 65535, false));
  require_sound(table);

  const std::vector<Lease> ours(table.leases().begin(), table.leases().end());
  table.prune([](const base::ProcessIdentity& owner) { return owner == kOwner; }, kNow);
  fuzz::require(std::all_of(table.leases().begin(), table.leases().end(),
                            [](const Lease& lease) { return lease.owner == kOwner; }),
                "the dead hold nothing");
  table.set_leases_of(kOwner, ours);
  for (const Lease& lease : ours) table.release(lease.host_port, kOwner, kNow);
  require_sound(table);
  return 0;
}
