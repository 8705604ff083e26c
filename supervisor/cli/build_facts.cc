#include "supervisor/cli/build_facts.h"

#include <spdlog/version.h>
#include <CLI/Version.hpp>
#include <boost/version.hpp>
#include <nlohmann/json.hpp>

#include "supervisor/version.h"

namespace fairlead::cli {
namespace {

std::string number(int major, int minor, int patch) {
  return std::to_string(major) + "." + std::to_string(minor) + "." + std::to_string(patch);
}

std::string compiler() {
#ifdef __clang__
  return std::string("clang ") + __clang_version__;
#else
  return std::string("GCC ") + __VERSION__;
#endif
}

}  // namespace

std::string build_facts() {
  const std::string commit = FAIRLEAD_COMMIT;
  const std::string sanitizers = FAIRLEAD_SANITIZERS;
  return std::string("fairlead ") + kVersion +
         "\ncommit: " + (commit.empty() ? "unknown" : commit) + "\nbuild: " + FAIRLEAD_BUILD_TYPE +
         ", " + compiler() + (sanitizers.empty() ? "" : ", sanitizers " + sanitizers) +
         "\nlibraries: Boost " +
         number(BOOST_VERSION / 100000, BOOST_VERSION / 100 % 1000, BOOST_VERSION % 100) +
         ", CLI11 " CLI11_VERSION ", nlohmann/json " +
         number(NLOHMANN_JSON_VERSION_MAJOR, NLOHMANN_JSON_VERSION_MINOR,
                NLOHMANN_JSON_VERSION_PATCH) +
         ", spdlog " + number(SPDLOG_VER_MAJOR, SPDLOG_VER_MINOR, SPDLOG_VER_PATCH) +
         "\nengines: docker, native\nrelays: namespace, direct, exec";
}

}  // namespace fairlead::cli
