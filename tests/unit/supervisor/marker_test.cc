#include "supervisor/daemon/marker.h"

#include <gtest/gtest.h>

#include <nlohmann/json.hpp>

namespace fairlead::daemon {
namespace {

using nlohmann::json;

Marker sample_marker() {
  Marker marker;
  marker.process = {4242, 987654321, "6f1c"};
  marker.container_id = "0123456789abcdef";
  marker.container_name = "box \"quoted\" \xc3\xa9";
  marker.workspace = "/home/me/project";
  marker.service = "db";
  marker.started_at = "2026-01-01T00:00:00Z";
  marker.log_path = "/state/logs/0123456789ab.log";
  marker.control_socket = "/state/supervisors/0123456789ab.sock";
  marker.version = "0.1.0";
  marker.engine_endpoint = "native:4242:7:box";
  marker.namespace_cookie = 18446744073709551615U;
  return marker;
}

TEST(Marker, IsReadBackAsItWasWritten) {
  const auto read = parse_marker(to_text(sample_marker()));
  ASSERT_TRUE(read) << read.error().message();
  EXPECT_EQ(read->process, sample_marker().process);
  EXPECT_EQ(read->container_id, sample_marker().container_id);
  EXPECT_EQ(read->container_name, sample_marker().container_name);
  EXPECT_EQ(read->workspace, sample_marker().workspace);
  EXPECT_EQ(read->service, sample_marker().service);
  EXPECT_EQ(read->started_at, sample_marker().started_at);
  EXPECT_EQ(read->log_path, sample_marker().log_path);
  EXPECT_EQ(read->control_socket, sample_marker().control_socket);
  EXPECT_EQ(read->version, sample_marker().version);
  EXPECT_EQ(read->engine_endpoint, sample_marker().engine_endpoint);
  EXPECT_EQ(read->namespace_cookie, sample_marker().namespace_cookie);
}

TEST(Marker, HasTheFieldsOfTheContract) {
  const json document = json::parse(to_text(sample_marker()));
  for (const char* field : {"pid", "start_ticks", "boot_id", "container_id", "workspace",
                            "started_at", "log_path", "control_socket"}) {
    EXPECT_TRUE(document.contains(field)) << field;
  }
}

TEST(Marker, NeedsItsIdentityAndNothingElse) {
  const json whole = json::parse(to_text(sample_marker()));
  for (const auto& [field, value] : whole.items()) {
    json less = whole;
    less.erase(field);
    const bool needed =
        field == "pid" || field == "start_ticks" || field == "boot_id" || field == "container_id";
    EXPECT_EQ(static_cast<bool>(parse_marker(less.dump())), !needed) << field;
  }
}

TEST(Marker, RefusesNumbersThatItsFieldsDoNotHold) {
  for (const char* field : {"pid", "start_ticks", "namespace_cookie"}) {
    for (const json& value : {json(1e300), json(1.5), json(true)}) {
      json wrong = json::parse(to_text(sample_marker()));
      wrong[field] = value;
      EXPECT_FALSE(parse_marker(wrong.dump())) << field << " " << value;
    }
  }
}

TEST(Marker, AcceptsFieldsOfANewerVersion) {
  json more = json::parse(to_text(sample_marker()));
  more["relay"] = {{"kind", "nat"}};
  EXPECT_TRUE(parse_marker(more.dump()));
}

TEST(Marker, IsCorruptWhereverItIsCutOff) {
  const std::string text = to_text(sample_marker());
  for (std::size_t size = 0; size + 2 <= text.size(); ++size) {
    const auto read = parse_marker(text.substr(0, size));
    ASSERT_FALSE(read) << size;
    EXPECT_NE(read.error().message().find("corrupt"), std::string::npos);
  }
}

TEST(Marker, IsCorruptIfItMakesNoSense) {
  for (const char* text : {"", "null", "[]", "7", "{}", "\"x\"", "\x7f\x45\x4c\x46"}) {
    EXPECT_FALSE(parse_marker(text)) << text;
  }
  const json whole = json::parse(to_text(sample_marker()));
  for (const auto& [field, value] : whole.items()) {
    json wrong = whole;
    wrong[field] = value.is_string() ? json(7) : json("7");
    EXPECT_FALSE(parse_marker(wrong.dump())) << field;
  }
}

TEST(Marker, IsValidWhateverBytesANameHas) {
  Marker odd = sample_marker();
  odd.container_name = "\xff\xfe\x1b[0m";
  odd.workspace = std::string("a\0b\xc3", 4);
  EXPECT_TRUE(parse_marker(to_text(odd)));
}

TEST(Marker, FilesAreNamedByTheFirstTwelveCharactersOfTheId) {
  const std::string id = "0123456789abcdef0123456789abcdef";
  EXPECT_EQ(marker_name(id), "0123456789ab.json");
  EXPECT_EQ(socket_name(id), "0123456789ab.sock");
  EXPECT_EQ(lock_name(id), "0123456789ab.lock");
  EXPECT_EQ(marker_name("short"), "short.json");
}

}  // namespace
}  // namespace fairlead::daemon
