// The lines that people read, word for word, and the JSON that programs read.
#include "supervisor/daemon/listing.h"

#include <gtest/gtest.h>

namespace fairlead::daemon {
namespace {

using config::Json;

ContainerView container() { return {"0123456789abcdef", "box", "docker", "/home/me/p", false}; }

// Found listening on 127.0.0.1 and forwarded under its own number on both loopbacks.
ForwardView forward(std::uint16_t port) {
  ForwardView view;
  view.port.container_port = port;
  view.port.listening = true;
  view.port.address = base::IpAddress::loopback4();
  view.host_port = port;
  view.has_v6 = true;
  view.port.relay = RelayKind::kNamespace;
  view.port.relay_reason = "bound to loopback; namespace joined";
  return view;
}

ForwardView refused(std::uint16_t port, const std::string& reason) {
  ForwardView view;
  view.port.container_port = port;
  view.port.listening = true;
  view.port.refuse(Refusal::kIgnored, reason);
  return view;
}

std::string line(const ForwardView& view, const ContainerView& of = container()) {
  return announcement(to_json(of, view)).value_or("(silence)");
}

// --- Lines ---

TEST(Announcement, NamesPlaceAndLabel) {
  ForwardView view = forward(3000);
  EXPECT_EQ(line(view), "Forwarding container 3000 -> http://localhost:3000");
  view.port.attributes.label = "web";
  EXPECT_EQ(line(view), "Forwarding container 3000 -> http://localhost:3000 (web)");
}

TEST(Announcement, SaysWhyTheHostPortIsAnother) {
  ForwardView view = forward(3000);
  view.port.attributes.label = "web";
  view.host_port = 3001;
  view.remap = registry::Remap::kInUse;
  EXPECT_EQ(line(view),
            "Forwarding container 3000 -> http://localhost:3001 (web; remapped: host 3000 is in "
            "use)");
  view = forward(80);
  view.host_port = 1024;
  view.remap = registry::Remap::kPrivileged;
  EXPECT_EQ(line(view),
            "Forwarding container 80 -> http://localhost:1024 (remapped: privileged port)");
}

TEST(Announcement, NamesTheHostPortThatWasAskedFor) {
  ForwardView view = forward(3000);
  view.port.declared = true;
  view.port.wished_host = 8080;
  view.host_port = 8080;
  EXPECT_EQ(line(view), "Forwarding container 3000 -> http://localhost:8080");
  view.host_port = 8081;
  view.remap = registry::Remap::kInUse;
  EXPECT_EQ(line(view),
            "Forwarding container 3000 -> http://localhost:8081 (remapped: host 8080 is in use)");
}

TEST(Announcement, GivesNoUrlForOtherProtocols) {
  EXPECT_EQ(line(forward(5432)), "Forwarding container 5432 -> 127.0.0.1:5432");
  ForwardView view = forward(6379);
  view.port.attributes.protocol = "https";
  EXPECT_EQ(line(view), "Forwarding container 6379 -> https://localhost:6379");
}

TEST(Announcement, SaysWhyItIsNotLocalhost) {
  ForwardView view = forward(3000);
  view.has_v6 = false;
  view.v6_missing = "[::1]:3000 belongs to somebody else";
  EXPECT_EQ(line(view),
            "Forwarding container 3000 -> http://127.0.0.1:3000 ([::1]:3000 belongs to somebody "
            "else)");
  view.port.attributes.label = "web";
  view.remap = registry::Remap::kInUse;
  view.host_port = 3001;
  view.v6_missing = "[::1]:3001 belongs to somebody else";
  EXPECT_EQ(line(view),
            "Forwarding container 3000 -> http://127.0.0.1:3001 (web; remapped: host 3000 is in "
            "use; [::1]:3001 belongs to somebody else)");
  view = forward(5432);
  view.has_v6 = false;
  view.v6_missing = "this host has no ::1";
  EXPECT_EQ(line(view), "Forwarding container 5432 -> 127.0.0.1:5432") << "it never said localhost";
}

TEST(Announcement, SaysThatNobodyListensYet) {
  ForwardView view = forward(8080);
  view.port.declared = true;
  view.port.listening = false;
  EXPECT_EQ(line(view), "Forwarding container 8080 -> http://localhost:8080 (nobody listens yet)");
  view.port.attributes.label = "api";
  EXPECT_EQ(line(view),
            "Forwarding container 8080 -> http://localhost:8080 (api; nobody listens yet)");
}

TEST(Announcement, SaysThatTheContainerIsPaused) {
  ContainerView paused = container();
  paused.paused = true;
  EXPECT_EQ(line(forward(3000), paused),
            "Forwarding container 3000 -> http://localhost:3000 (the container is paused)");
}

TEST(Announcement, SaysWhyAPortIsNotForwarded) {
  EXPECT_EQ(line(refused(9229, "onAutoForward is \"ignore\" (portsAttributes \"9229\")")),
            "Not forwarding container 9229: onAutoForward is \"ignore\" (portsAttributes "
            "\"9229\")");
  ForwardView view = refused(5432, "ports of other hosts (\"db\") are not supported yet");
  view.port.service = "db";
  EXPECT_EQ(line(view),
            "Not forwarding container db:5432: ports of other hosts (\"db\") are not supported "
            "yet");
}

TEST(Announcement, IsSilentIfAskedTo) {
  ForwardView view = forward(3000);
  view.port.attributes.on_auto_forward = config::OnAutoForward::kSilent;
  EXPECT_EQ(line(view), "(silence)");
  view = refused(3000, "why");
  view.port.attributes.on_auto_forward = config::OnAutoForward::kSilent;
  EXPECT_EQ(line(view), "(silence)");
  view.port.declared = true;
  EXPECT_EQ(line(view), "Not forwarding container 3000: why") << "somebody counts on it";
}

TEST(Announcement, IsMadeOfWhateverAnotherVersionSends) {
  for (const char* text : {"{}", R"({"containerPort":3000})",
                           R"({"containerPort":3000,"url":7,"label":[],"state":{}})",
                           R"({"containerPort":3000,"hostPort":null,"url":null})"}) {
    EXPECT_NO_THROW((void)announcement(Json::parse(text))) << text;
  }
}

TEST(Announcement, LeavesTheCapToTheNoticeAboutIt) {
  ForwardView view = refused(3000, "more than 64");
  view.port.refusal = Refusal::kOverCap;
  EXPECT_EQ(line(view), "(silence)");
}

TEST(Announcement, ShowsNoControlCharacters) {
  ForwardView view = forward(3000);
  view.port.attributes.label = "a\x1b[31mb\rc";
  EXPECT_EQ(line(view).find_first_of("\x1b\r"), std::string::npos) << line(view);
}

// --- JSON ---

TEST(Listing, HasTheFieldsOfTheContractInTheirOrder) {
  std::vector<std::string> names;
  const Json object = to_json(container(), forward(3000));
  for (const auto& [name, value] : object.items()) names.push_back(name);
  EXPECT_EQ(names, (std::vector<std::string>{"containerId",   "containerName", "engine",
                                             "workspace",     "containerPort", "containerAddress",
                                             "protocol",      "service",       "hostIp",
                                             "hostPort",      "url",           "label",
                                             "onAutoForward", "process",       "declared",
                                             "state",         "reason",        "refusal",
                                             "remark",        "v6Remark",      "relay",
                                             "relayReason",   "connections",   "bytes",
                                             "lastError",     "since"}));
}

TEST(Listing, TellsEverythingOfAForwardedPort) {
  ForwardView view = forward(3000);
  view.host_port = 3001;
  view.remap = registry::Remap::kInUse;
  view.port.attributes.label = "web";
  view.port.process = {42, "node server.js"};
  view.stats = {1, 2, 3, 4, 5, "connect 127.0.0.1:3000: Connection refused"};
  view.since = base::WallTime(std::chrono::seconds(1767225600));
  EXPECT_EQ(to_json(container(), view).dump(),
            R"({"containerId":"0123456789abcdef","containerName":"box","engine":"docker",)"
            R"("workspace":"/home/me/p","containerPort":3000,"containerAddress":"127.0.0.1",)"
            R"("protocol":"tcp","service":null,"hostIp":"127.0.0.1","hostPort":3001,)"
            R"("url":"http://localhost:3001","label":"web","onAutoForward":"notify",)"
            R"("process":"node server.js","declared":false,"state":"forwarding",)"
            R"("reason":"found listening; remapped: host 3000 is in use",)"
            R"("refusal":null,"remark":"remapped: host 3000 is in use",)"
            R"("v6Remark":null,"relay":"namespace",)"
            R"("relayReason":"bound to loopback; namespace joined",)"
            R"("connections":{"open":1,"total":2,"failed":3},)"
            R"("bytes":{"toContainer":4,"fromContainer":5},)"
            R"("lastError":"connect 127.0.0.1:3000: Connection refused",)"
            R"("since":"2026-01-01T00:00:00Z"})");
}

TEST(Listing, HasNoPlaceForAPortThatIsNotForwarded) {
  const Json object = to_json(container(), refused(3000, "why"));
  for (const char* field : {"hostIp", "hostPort", "url", "relay", "relayReason", "since", "remark",
                            "v6Remark", "process", "label", "lastError", "service"}) {
    EXPECT_TRUE(object.at(field).is_null()) << field;
  }
  EXPECT_EQ(object["state"], "not-forwarding");
  EXPECT_EQ(object["reason"], "why");
}

TEST(Listing, TellsTheStatesApart) {
  ContainerView paused = container();
  paused.paused = true;
  ForwardView waiting = forward(3000);
  waiting.port.declared = true;
  waiting.port.listening = false;
  ForwardView declared = forward(3000);
  declared.port.declared = true;
  const std::tuple<ContainerView, ForwardView, const char*, const char*> cases[] = {
      {container(), forward(3000), "forwarding", "found listening"},
      {container(), declared, "forwarding", "declared"},
      {container(), waiting, "waiting", "declared; nobody listens yet"},
      {paused, forward(3000), "paused",
       "the container is paused; its ports answer when it goes on"},
      {paused, waiting, "paused", "the container is paused; its ports answer when it goes on"},
      {container(), refused(3000, "why"), "not-forwarding", "why"},
      {paused, refused(3000, "why"), "not-forwarding", "why"},
  };
  for (const auto& [of, view, state, reason] : cases) {
    const Json object = to_json(of, view);
    EXPECT_EQ(object["state"], state);
    EXPECT_EQ(object["reason"], reason);
  }
}

TEST(Listing, GivesRefusalsACode) {
  const std::pair<Refusal, const char*> cases[] = {
      {Refusal::kPublished, "published"},
      {Refusal::kIgnored, "ignored"},
      {Refusal::kSharedNetwork, "shared-network"},
      {Refusal::kOverCap, "over-cap"},
      {Refusal::kNoRelay, "no-relay"},
      {Refusal::kNoHostPort, "no-host-port"},
  };
  for (const auto& [refusal, code] : cases) {
    ForwardView view = refused(3000, "why");
    view.port.refusal = refusal;
    EXPECT_EQ(to_json(container(), view)["refusal"], code);
  }
}

TEST(Listing, MissesDeclaredPortsThatNobodyHas) {
  ForwardView view = refused(3000, "why");
  EXPECT_FALSE(is_missing(to_json(container(), view))) << "not declared";
  view.port.declared = true;
  EXPECT_TRUE(is_missing(to_json(container(), view)));
  view.port.refusal = Refusal::kPublished;
  EXPECT_FALSE(is_missing(to_json(container(), view))) << "the engine has it";
  view = forward(3000);
  view.port.declared = true;
  EXPECT_FALSE(is_missing(to_json(container(), view)));
}

TEST(Listing, NamesNoAddressIfNobodyListens) {
  ForwardView view = forward(3000);
  view.port.listening = false;
  EXPECT_TRUE(to_json(container(), view)["containerAddress"].is_null());
  view = forward(3000);
  view.port.address = base::IpAddress::any6();
  EXPECT_EQ(to_json(container(), view)["containerAddress"], "::");
}

}  // namespace
}  // namespace fairlead::daemon
