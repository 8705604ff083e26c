// Answers that the kernel does not give, cut and bent. Good answers: integration/diag_answers_test.
#include <gtest/gtest.h>
#include <linux/inet_diag.h>
#include <linux/netlink.h>
#include <linux/sock_diag.h>

#include <cerrno>
#include <climits>
#include <cstring>
#include <vector>

#include "detect/diag_answer.h"

namespace fairlead::detect {
namespace {

constexpr unsigned kSequence = 7;

std::string header_of(std::uint16_t type, std::size_t length) {
  nlmsghdr header{};
  header.nlmsg_len = static_cast<std::uint32_t>(length);
  header.nlmsg_type = type;
  header.nlmsg_seq = kSequence;
  std::string text(sizeof header, '\0');
  std::memcpy(text.data(), &header, sizeof header);
  return text;
}

template <class Number>
std::string bytes_of(Number value) {
  std::string text(sizeof value, '\0');
  std::memcpy(text.data(), &value, sizeof value);
  return text;
}

// In memory of exactly this size, for the sanitizers' sake.
base::Result<bool> read(const std::string& text, Snapshot& snapshot) {
  const std::vector<char> exact(text.begin(), text.end());
  return read_diag_datagram({exact.data(), exact.size()}, kSequence, snapshot);
}

TEST(DiagAnswer, EndsAtALastMessageWhosePaddingIsMissing) {
  Snapshot snapshot;
  const auto complete = read(header_of(TCPDIAG_GETSOCK, NLMSG_HDRLEN + 1) + "x", snapshot);
  ASSERT_TRUE(complete);
  EXPECT_FALSE(*complete);
  EXPECT_TRUE(snapshot.listeners.empty());
}

TEST(DiagAnswer, TakesNoErrorNumberFromBehindARefusalWithoutOne) {
  Snapshot snapshot;
  const auto complete = read(header_of(NLMSG_ERROR, NLMSG_HDRLEN), snapshot);
  ASSERT_FALSE(complete);
  EXPECT_EQ(complete.error().code.value(), EPROTO);
}

TEST(DiagAnswer, ReportsRefusalsWhoseNumberMakesNoSense) {
  for (const int number : {0, 1, INT_MIN}) {
    Snapshot snapshot;
    const auto complete =
        read(header_of(NLMSG_ERROR, NLMSG_HDRLEN + sizeof number) + bytes_of(number), snapshot);
    ASSERT_FALSE(complete);
    EXPECT_EQ(complete.error().code.value(), EPROTO) << number;
  }
}

TEST(DiagAnswer, ReportsADumpThatEndsWithANumberThatMakesNoSense) {
  Snapshot snapshot;
  const auto complete =
      read(header_of(NLMSG_DONE, NLMSG_HDRLEN + sizeof(int)) + bytes_of(INT_MIN), snapshot);
  ASSERT_FALSE(complete);
  EXPECT_EQ(complete.error().code.value(), EPROTO);
}

TEST(DiagAnswer, ReadsMessagesWhereverTheyLie) {
  Snapshot snapshot;
  const std::string text = "x" + header_of(NLMSG_DONE, NLMSG_HDRLEN);
  const auto complete = read_diag_datagram(std::string_view(text).substr(1), kSequence, snapshot);
  ASSERT_TRUE(complete);
  EXPECT_TRUE(*complete);
}

TEST(DiagAnswer, GivesUpOnLengthsThatLie) {
  for (const std::size_t length : {std::size_t{0}, std::size_t{15}, std::size_t{0xffffffff}}) {
    Snapshot snapshot;
    const auto complete = read(header_of(NLMSG_DONE, length), snapshot);
    ASSERT_TRUE(complete);
    EXPECT_FALSE(*complete) << length;
  }
}

}  // namespace
}  // namespace fairlead::detect
