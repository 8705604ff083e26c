#include "supervisor/config/port_spec.h"

#include <gtest/gtest.h>

namespace fairlead::config {
namespace {

using Ports = std::vector<DeclaredPort>;

Ports parsed_spec(const std::string& spec) {
  auto ports = parse_port_spec(spec);
  if (!ports) {
    ADD_FAILURE() << ports.error().message();
    return {};
  }
  return *ports;
}

TEST(PortSpec, SinglePorts) {
  const std::pair<const char*, DeclaredPort> cases[] = {
      {"3000", {3000, "", 0}},
      {"1", {1, "", 0}},
      {"65535", {65535, "", 0}},
      {"03000", {3000, "", 0}},
      {"8080:3000", {3000, "", 8080}},
      {"3000:3000", {3000, "", 3000}},
      {"80:8080", {8080, "", 80}},
      {"db:5432", {5432, "db", 0}},
      {"my-db_1.internal:5432", {5432, "my-db_1.internal", 0}},
      {"10.0.0.7:5432", {5432, "10.0.0.7", 0}},
      {"8080:db:5432", {5432, "db", 8080}},
      {"localhost:3000", {3000, "", 0}},
      {"127.0.0.1:3000", {3000, "", 0}},
      {"8080:localhost:3000", {3000, "", 8080}},
      {"8080:127.0.0.1:3000", {3000, "", 8080}},
      {"127.0.0.2:3000", {3000, "127.0.0.2", 0}},
  };
  for (const auto& [spec, port] : cases) {
    EXPECT_EQ(parsed_spec(spec), Ports{port}) << spec;
    EXPECT_EQ(parsed_spec(std::string(spec) + "/tcp"), Ports{port}) << spec;
  }
}

TEST(PortSpec, Ranges) {
  EXPECT_EQ(parsed_spec("3000-3002"), (Ports{{3000, "", 0}, {3001, "", 0}, {3002, "", 0}}));
  EXPECT_EQ(parsed_spec("3000-3000"), (Ports{{3000, "", 0}}));
  EXPECT_EQ(parsed_spec("8000-8001:3000-3001"), (Ports{{3000, "", 8000}, {3001, "", 8001}}));
  EXPECT_EQ(parsed_spec("db:5432-5433/tcp"), (Ports{{5432, "db", 0}, {5433, "db", 0}}));
  EXPECT_EQ(parsed_spec("8000-8001:db:5432-5433"), (Ports{{5432, "db", 8000}, {5433, "db", 8001}}));
  EXPECT_EQ(parsed_spec("65534-65535").size(), 2U);
  EXPECT_EQ(parsed_spec("1-65535").size(), 65535U);
  EXPECT_EQ(parsed_spec("1-65535").back().container_port, 65535);
}

TEST(PortSpec, ErrorsNameTheOffendingWord) {
  const std::pair<const char*, const char*> cases[] = {
      {"", "\"\""},
      {" ", "\" \""},
      {"0", "\"0\""},
      {"65536", "\"65536\""},
      {"99999999999999999999", "\"99999999999999999999\""},
      {"-1", "\"-1\""},
      {"+3000", "\"+3000\""},
      {" 3000", "\" 3000\""},
      {"3000 ", "\"3000 \""},
      {"30x0", "\"30x0\""},
      {"3.5", "\"3.5\""},
      {"0x50", "\"0x50\""},
      {"http", "\"http\""},
      {"3000-", "\"3000-\""},
      {"-3000", "\"-3000\""},
      {"3000--3001", "\"3000--3001\""},
      {"3000-3001-3002", "\"3000-3001-3002\""},
      {"3000-x", "\"3000-x\""},
      {"0-5", "\"0-5\""},
      {"65535-65536", "\"65535-65536\""},
      {"3010-3000", "3010-3000"},
      {"8080:", "\"\""},
      {":3000", "\"\""},
      {":", "\"\""},
      {"::", "\"\""},
      {"0:3000", "\"0\""},
      {"70000:3000", "\"70000\""},
      {"8080:0", "\"0\""},
      {"8080:db:0", "\"0\""},
      {"8080::3000", "\"\""},
      {"a b:3000", "\"a b\""},
      {"a/b:3000", "b:3000"},
      {"$(x):3000", "\"$(x)\""},
      {"db:x:3000", "\"db\""},
      {"8080:9090:3000", "8080:9090:3000"},
      {"1:2:3:4", "1:2:3:4"},
      {"[::1]:3000", "[::1]:3000"},
      {"8000-8005:3000-3004", "8000-8005:3000-3004"},
      {"8000:3000-3001", "8000:3000-3001"},
      {"8000-8001:3000", "8000-8001:3000"},
      {"8005-8000:3000-3005", "8005-8000:3000-3005"},
      {"3000/udp", "3000/udp"},
      {"8080:db:5432/udp", "8080:db:5432/udp"},
      {"3000/", "\"\""},
      {"3000/TCP", "\"TCP\""},
      {"3000/sctp", "\"sctp\""},
      {"3000/tcp/tcp", "\"tcp/tcp\""},
      {"/tcp", "\"\""},
  };
  for (const auto& [spec, word] : cases) {
    const auto ports = parse_port_spec(spec);
    ASSERT_FALSE(ports) << spec;
    EXPECT_NE(ports.error().message().find(word), std::string::npos)
        << spec << " -> " << ports.error().message();
    // The whole of it is named, too.
    EXPECT_NE(ports.error().message().find(spec), std::string::npos) << ports.error().message();
  }
}

TEST(PortSpec, SaysThatUdpIsNotBuiltYet) {
  EXPECT_NE(parse_port_spec("3000/udp").error().message().find("UDP"), std::string::npos);
}

TEST(PortSpec, ErrorsStayShortHoweverLongTheWord) {
  const std::string endless(1U << 20, '9');
  for (const std::string& spec : {endless, endless + ":3000", "3000/" + endless,
                                  "a!" + endless + ":3000", std::string(100'000, ':')}) {
    const auto ports = parse_port_spec(spec);
    ASSERT_FALSE(ports);
    EXPECT_LT(ports.error().message().size(), 300U);
  }
}

TEST(PortSpec, RefusesHostNamesThatNoResolverTakes) {
  EXPECT_TRUE(parse_port_spec(std::string(253, 'a') + ":80"));
  EXPECT_FALSE(parse_port_spec(std::string(254, 'a') + ":80"));
  EXPECT_FALSE(parse_port_spec(std::string("d\0b:80", 6)));
  EXPECT_FALSE(parse_port_spec("d\xc3\xbc:80"));
}

// --- Merging ---

TEST(MergeDeclared, EachMeaningOnceHoweverItIsWritten) {
  Ports ports;
  for (const char* spec : {"3000", "localhost:3000", "3000/tcp", "127.0.0.1:3000", "3000-3001"}) {
    merge_declared(ports, parsed_spec(spec));
  }
  EXPECT_EQ(ports, (Ports{{3000, "", 0}, {3001, "", 0}}));
}

TEST(MergeDeclared, TheSamePortOfOtherServicesIsAnother) {
  Ports ports;
  for (const char* spec : {"5432", "db:5432", "cache:5432", "db:5432"}) {
    merge_declared(ports, parsed_spec(spec));
  }
  EXPECT_EQ(ports, (Ports{{5432, "", 0}, {5432, "db", 0}, {5432, "cache", 0}}));
}

TEST(MergeDeclared, TheFirstThatNamesAHostPortDecidesIt) {
  Ports ports;
  merge_declared(ports, parsed_spec("3000"));
  merge_declared(ports, parsed_spec("8080:3000"));
  merge_declared(ports, parsed_spec("9090:3000"));
  EXPECT_EQ(ports, (Ports{{3000, "", 8080}}));
}

TEST(MergeDeclared, KeepsTheOrderOfFirstMention) {
  Ports ports;
  for (const char* spec : {"5000", "3000", "4000", "3000"})
    merge_declared(ports, parsed_spec(spec));
  EXPECT_EQ(ports, (Ports{{5000, "", 0}, {3000, "", 0}, {4000, "", 0}}));
}

TEST(DeclaredPort, IsWrittenAsItIsParsed) {
  for (const char* spec : {"3000", "8080:3000", "db:5432", "8080:db:5432"}) {
    EXPECT_EQ(to_string(parsed_spec(spec).front()), spec);
  }
}

}  // namespace
}  // namespace fairlead::config
