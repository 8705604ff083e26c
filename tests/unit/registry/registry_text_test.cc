// The registry's text: what is written, and that the short way of reading it means what JSON means.
#include "registry/registry_text.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <string>

namespace fairlead::registry {
namespace {

RegistryText sample_text() {
  RegistryText text;
  Lease lease;
  lease.host_port = 3000;
  lease.container_port = 3001;
  lease.container_id = "c0ffee";
  lease.workspace = "/home/somebody/project";
  lease.label = "web";
  lease.owner = {17, 4711, "boot-id"};
  text.leases.push_back(lease);
  lease.host_port = 5432;
  lease.service = "db";
  lease.label.clear();
  text.leases.push_back(lease);
  Reservation reservation;
  reservation.host_port = 8080;
  reservation.container_port = 80;
  reservation.workspace = "/w";
  reservation.released_at = 1'800'000'000;
  text.reservations.push_back(reservation);
  return text;
}

std::string written(const RegistryText& text) {
  return write_registry(text.leases, text.reservations, text.others);
}

void expect_one_meaning(const std::string& text) {
  const RegistryText either = parse_registry(text);
  const RegistryText document = parse_registry_document(text);
  EXPECT_EQ(either.verdict, document.verdict) << text;
  EXPECT_EQ(written(either), written(document)) << text;
}

TEST(RegistryText, IsOneRecordALine) {
  EXPECT_EQ(written(sample_text()),
            "{\"version\":1,\n"
            "\"entries\":[\n"
            "{\"host_port\":3000,\"container_port\":3001,\"container_id\":\"c0ffee\","
            "\"workspace\":\"/home/somebody/project\",\"label\":\"web\",\"pid\":17,"
            "\"start_ticks\":4711,\"boot_id\":\"boot-id\"},\n"
            "{\"host_port\":5432,\"container_port\":3001,\"service\":\"db\","
            "\"container_id\":\"c0ffee\",\"workspace\":\"/home/somebody/project\",\"label\":\"\","
            "\"pid\":17,\"start_ticks\":4711,\"boot_id\":\"boot-id\"}],\n"
            "\"reserved\":[\n"
            "{\"host_port\":8080,\"container_port\":80,\"workspace\":\"/w\","
            "\"released_at\":1800000000}]}\n");
  EXPECT_EQ(written({}), "{\"version\":1,\n\"entries\":[],\n\"reserved\":[]}\n");
}

TEST(RegistryText, IsReadAsItWasWritten) {
  RegistryText text = sample_text();
  for (const char* awkward : {"", "a \"b\" \\ c", "\xC3\xA4\n\t", "\x7F", "]}"}) {
    text.leases.front().label = awkward;
    text.reservations.front().service = awkward;
    text.others["of another version"] = awkward;
    EXPECT_EQ(written(parse_registry(written(text))), written(text)) << awkward;
    expect_one_meaning(written(text));
  }
}

TEST(RegistryText, MeansTheSameReadEitherWayWithAnyOneByteChanged) {
  const std::string whole = written(sample_text());
  for (std::size_t at = 0; at < whole.size(); ++at) {
    expect_one_meaning(whole.substr(0, at));
    expect_one_meaning(whole.substr(0, at) + whole.substr(at + 1));
    for (const char other :
         {'0', '9', '-', '.', '"', '\\', ',', ' ', '\n', ']', '}', '\x01', '\xFF'}) {
      std::string changed = whole;
      changed[at] = other;
      expect_one_meaning(changed);
    }
  }
}

TEST(RegistryText, TakesNoNumberThatIsNone) {
  for (const char* number : {"0", "00", "01", "65536", "-1", "1e3", "1.0", "\"1\"", "+1", "", " 80",
                             "99999999999999999999"}) {
    std::string text = written(sample_text());
    text.replace(text.find("3000"), 4, number);
    expect_one_meaning(text);
    const bool usable = parse_registry(text).verdict == RegistryText::Verdict::kUsable;
    EXPECT_EQ(usable, std::string(number) == " 80") << number;
  }
}

}  // namespace
}  // namespace fairlead::registry
