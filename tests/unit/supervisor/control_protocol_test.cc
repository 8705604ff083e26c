#include "supervisor/daemon/control_protocol.h"

#include <gtest/gtest.h>

#include "base/json_bounds.h"

namespace fairlead::daemon {
namespace {

TEST(ControlProtocol, UnderstandsRequestsOfItsVersionAndEveryHello) {
  for (const char* line : {R"({"v":1,"op":"list"})", R"({"op":"hello"})", R"({"op":"hello","v":9})",
                           R"({"v":1,"op":"no such thing","more":[1,2]})"}) {
    EXPECT_TRUE(parse_request(line)) << line;
  }
}

TEST(ControlProtocol, RefusesWhatIsNoRequestAndOtherVersions) {
  for (const char* line : {"", "{}", "[]", "7", "{\"op\":7}", "\xff", R"({"v":1,"op":"list"} x)"}) {
    const auto request = parse_request(line);
    ASSERT_FALSE(request) << line;
    EXPECT_EQ(request.error().message(), "not a request");
  }
  for (const char* line : {R"({"op":"list"})", R"({"v":2,"op":"list"})", R"({"v":"1","op":"x"})"}) {
    const auto request = parse_request(line);
    ASSERT_FALSE(request) << line;
    EXPECT_NE(request.error().message().find("protocol version 1"), std::string::npos);
  }
}

TEST(ControlProtocol, AnAnswerThatSaysNoIsAnError) {
  EXPECT_TRUE(parse_answer(R"({"v":1,"ok":true})"));
  const auto no = parse_answer(R"({"v":1,"ok":false,"error":"is ending"})");
  ASSERT_FALSE(no);
  EXPECT_EQ(no.error().message(), "supervisor: is ending");
  EXPECT_FALSE(parse_answer("[]"));
  EXPECT_FALSE(parse_answer("garbage"));
}

TEST(ControlProtocol, AnswersWhoseFieldsAreOfAnotherKindAreGarbage) {
  for (const char* line : {R"({"ok":"no"})", R"({"ok":false,"error":7})", R"({"v":"1"})",
                           R"({"v":1.5})", R"({"version":1})", R"({"running":null})"}) {
    const auto answer = parse_answer(line);
    ASSERT_FALSE(answer) << line;
    EXPECT_EQ(answer.error().message(), "the supervisor answered garbage");
  }
}

// Copying such a document would use up the stack.
TEST(ControlProtocol, RefusesWhatNestsDeep) {
  const std::string deep = std::string(1000000, '[') + std::string(1000000, ']');
  EXPECT_FALSE(parse_request(R"({"v":1,"op":"configure","rules":)" + deep + "}"));
  EXPECT_FALSE(parse_answer(R"({"ok":true,"forwards":)" + deep + "}"));
}

// Each key is compared with all that came before it.
TEST(ControlProtocol, RefusesObjectsOfManyKeys) {
  const auto wide = [](std::size_t count) {
    std::string text;
    for (std::size_t i = 0; i < count; ++i) text += ",\"k" + std::to_string(i) + "\":0";
    return text;
  };
  EXPECT_TRUE(parse_request(R"({"v":1,"op":"list")" + wide(base::kMostJsonKeys - 2) + "}"));
  EXPECT_FALSE(parse_request(R"({"v":1,"op":"list")" + wide(base::kMostJsonKeys - 1) + "}"));
  EXPECT_FALSE(parse_answer(R"({"ok":true)" + wide(1'000'000) + "}"));
}

}  // namespace
}  // namespace fairlead::daemon
