#include "supervisor/config/host_requirements.h"

#include <gtest/gtest.h>

namespace fairlead::config {
namespace {

TEST(ByteSize, IsReadWithItsUnit) {
  const std::pair<const char*, std::optional<std::uint64_t>> cases[] = {
      {"\"8gb\"", 8ULL << 30},
      {"\"1tb\"", 1ULL << 40},
      {"\"512mb\"", 512ULL << 20},
      {"\"64kb\"", 64ULL << 10},
      {"\"123\"", 123},
      {"4096", 4096},
      {"\"0\"", 0},
      {"\"\"", {}},
      {"\"gb\"", {}},
      {"\"8 gb\"", {}},
      {"\"-8gb\"", {}},
      {"\"8g\"", {}},
      {"\"8pb\"", {}},
      {"\"1.5gb\"", {}},
      {"1.5", {}},
      {"-1", {}},
      {"true", {}},
      {"\"99999999999tb\"", {}},
  };
  for (const auto& [text, size] : cases)
    EXPECT_EQ(parse_byte_size(Json::parse(text)), size) << text;
}

TEST(HostRequirements, AreRead) {
  HostRequirements wanted;
  EXPECT_FALSE(read_host_requirements(
      Json::parse(R"({"cpus":4,"memory":"8gb","storage":"32gb","gpu":true,"new":1})"), wanted));
  EXPECT_EQ(wanted, (HostRequirements{4, 8ULL << 30, 32ULL << 30, true}));
  EXPECT_FALSE(read_host_requirements(Json::parse(R"({"gpu":"optional"})"), wanted));
  EXPECT_FALSE(wanted.gpu);
  EXPECT_FALSE(read_host_requirements(Json::parse(R"({"gpu":{"cores":2}})"), wanted));
  EXPECT_TRUE(wanted.gpu);
}

TEST(HostRequirements, MistakesNameTheProperty) {
  const std::pair<const char*, const char*> cases[] = {
      {"[]", "\"hostRequirements\" must"},
      {R"({"cpus":"many"})", "hostRequirements.cpus must"},
      {R"({"cpus":-1})", "hostRequirements.cpus must"},
      {R"({"memory":"8 gigs"})", "hostRequirements.memory must"},
      {R"({"storage":null})", "hostRequirements.storage must"},
      {R"({"gpu":"yes"})", "hostRequirements.gpu must"},
  };
  for (const auto& [text, error] : cases) {
    HostRequirements ignored;
    const auto mistake = read_host_requirements(Json::parse(text), ignored);
    ASSERT_TRUE(mistake) << text;
    EXPECT_TRUE(to_text(*mistake).starts_with(error)) << to_text(*mistake);
  }
}

TEST(HostRequirements, WarnOfWhatTheMachineLacks) {
  const HostRequirements wanted{4, 8ULL << 30, 32ULL << 30, true};
  EXPECT_TRUE(host_requirement_warnings(wanted, {4, 8ULL << 30, 32ULL << 30, true}).empty());
  EXPECT_TRUE(host_requirement_warnings(wanted, {}).empty()) << "nothing known, nothing said";
  EXPECT_TRUE(host_requirement_warnings({}, {1, 1, 1, false}).empty());
  const auto warnings = host_requirement_warnings(wanted, {2, 4ULL << 30, 1ULL << 30, false});
  ASSERT_EQ(warnings.size(), 4U);
  EXPECT_EQ(warnings[0], "hostRequirements asks for 4 processors; this machine has 2");
  EXPECT_EQ(warnings[3],
            "hostRequirements asks for a GPU; the engine has none to give (no runtime \"nvidia\", "
            "no CDI devices)");
  EXPECT_EQ(warnings[1], "hostRequirements asks for 8.0 GiB of memory; this machine has 4.0 GiB");
}

}  // namespace
}  // namespace fairlead::config
