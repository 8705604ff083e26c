// What a container says of names: its hosts file, its resolv.conf, its name server's answers.
#include "target/dns_message.h"
#include "target/hosts_file.h"
#include "tests/fuzz/require.h"

using namespace fairlead;
using namespace fairlead::target;

FAIRLEAD_FUZZER(name_lookup) {
  const std::string_view text = fuzz::text_of(data, size);
  for (const char* name : {"db", "localhost", "a.b.example"}) {
    fuzz::require(addresses_in_hosts(text, name).size() <= kMostAddresses, "addresses are bounded");
  }
  const ResolverSettings settings = parse_resolver_settings(text);
  fuzz::require(settings.servers.size() <= kMostNameServers, "servers are bounded");
  fuzz::require(settings.search.size() <= kMostSearchDomains, "domains are bounded");
  fuzz::require(settings.ndots <= 15, "dots are bounded");
  for (const std::string& name : names_to_ask("db", settings)) {
    fuzz::require(is_host_name(name), "only host names are asked for");
  }
  const std::uint16_t id =
      size >= 2 ? static_cast<std::uint16_t>(data[0] << 8 | data[1]) : std::uint16_t{0};
  for (const auto family : {base::Family::kIpv4, base::Family::kIpv6}) {
    const DnsAnswer answer = read_dns_answer(text, family, id);
    fuzz::require(answer.addresses.size() <= kMostAddresses, "addresses are bounded");
    fuzz::require((answer.kind == DnsAnswer::Kind::kAddresses) == !answer.addresses.empty(),
                  "addresses are there if it says so");
  }
  return 0;
}
