#include "target/dns_message.h"

#include <gtest/gtest.h>

namespace fairlead::target {
namespace {

using base::Family;
using Kind = DnsAnswer::Kind;

constexpr std::uint16_t kId = 0x1234;

// An answer to our own question: `records` as they stand behind it, `count` of them.
std::string answer(Family family, const std::string& records, char count, char code = 0) {
  std::string bytes = *dns_question("db", family, kId);
  bytes[2] = static_cast<char>(0x81);
  bytes[3] = static_cast<char>(0x80 | code);
  bytes[7] = count;
  return bytes + records;
}

std::string record(char type, const std::string& data) {
  // name: pointer to the question; type, class IN, 600 s, length
  std::string bytes("\xc0\x0c\x00", 3);
  bytes += type;
  bytes += std::string("\x00\x01\x00\x00\x02\x58\x00", 7);
  bytes += static_cast<char>(data.size());
  return bytes + data;
}

TEST(DnsMessage, AsksForANameAndAFamily) {
  const auto question = dns_question("db.example", Family::kIpv4, kId);
  ASSERT_TRUE(question);
  EXPECT_EQ(question->substr(0, 2), "\x12\x34");
  EXPECT_NE(question->find(std::string("\x02"
                                       "db"
                                       "\x07"
                                       "example\x00\x00\x01",
                                       14)),
            std::string::npos);
  EXPECT_FALSE(dns_question(std::string(300, 'a'), Family::kIpv4, kId));
}

TEST(DnsMessage, ReadsAddressesOfBothFamilies) {
  const auto v4 = read_dns_answer(
      answer(Family::kIpv4, record(1, "\xac\x12\x01\x03") + record(1, "\xac\x12\x01\x04"), 2),
      Family::kIpv4, kId);
  ASSERT_EQ(v4.kind, Kind::kAddresses);
  ASSERT_EQ(v4.addresses.size(), 2U);
  EXPECT_EQ(v4.addresses[0].to_string(), "172.18.1.3");
  const std::string six("\xfd\0\0\0\0\0\0\0\0\0\0\0\0\0\0\x07", 16);
  const auto v6 = read_dns_answer(answer(Family::kIpv6, record(28, six), 1), Family::kIpv6, kId);
  ASSERT_EQ(v6.kind, Kind::kAddresses);
  EXPECT_EQ(v6.addresses[0].to_string(), "fd00::7");
}

TEST(DnsMessage, TellsNoneFromFailed) {
  EXPECT_EQ(read_dns_answer(answer(Family::kIpv4, "", 0, 3), Family::kIpv4, kId).kind, Kind::kNone);
  EXPECT_EQ(read_dns_answer(answer(Family::kIpv4, "", 0), Family::kIpv4, kId).kind, Kind::kNone);
  EXPECT_EQ(read_dns_answer(answer(Family::kIpv4, "", 0, 2), Family::kIpv4, kId).kind,
            Kind::kFailed);
  EXPECT_EQ(read_dns_answer(answer(Family::kIpv4, "", 0, 5), Family::kIpv4, kId).kind,
            Kind::kFailed);
}

TEST(DnsMessage, StrayAndBrokenBytesAreNoAddresses) {
  const std::string good = answer(Family::kIpv4, record(1, "\xac\x12\x01\x03"), 1);
  EXPECT_EQ(read_dns_answer(good, Family::kIpv4, kId + 1).kind, Kind::kStray);
  EXPECT_EQ(read_dns_answer(*dns_question("db", Family::kIpv4, kId), Family::kIpv4, kId).kind,
            Kind::kStray);  // a question
  EXPECT_EQ(read_dns_answer("", Family::kIpv4, kId).kind, Kind::kStray);
  EXPECT_EQ(read_dns_answer(std::string(70000, 'x'), Family::kIpv4, kId).kind, Kind::kStray);
  for (std::size_t size = 12; size < good.size(); ++size) {
    EXPECT_NE(read_dns_answer(good.substr(0, size), Family::kIpv4, kId).kind, Kind::kAddresses)
        << size;
  }
  std::string loop = answer(Family::kIpv4, record(1, "\xac\x12\x01\x03"), 1);
  loop[12] = static_cast<char>(0xc0);  // the question's name points at itself
  loop[13] = 0x0c;
  EXPECT_NE(read_dns_answer(loop, Family::kIpv4, kId).kind, Kind::kAddresses);
}

}  // namespace
}  // namespace fairlead::target
