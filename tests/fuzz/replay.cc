// Runs every file of every corpus through its fuzzer, each as one test: Corpus/<fuzzer>.<file>.
//
// A fuzzer whose corpus is empty or missing fails. No libFuzzer, any compiler.
#include <gtest/gtest.h>

#include <algorithm>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <string>
#include <utility>
#include <vector>

// Made by CMake: the entries, and kFuzzers {name, entry}.
#include <fuzzers.inc>

namespace {

namespace fs = std::filesystem;

class Replay : public ::testing::Test {
 public:
  Replay(Entry entry, fs::path file) : entry_(entry), file_(std::move(file)) {}
  void TestBody() override {
    std::ifstream stream(file_, std::ios::binary);
    ASSERT_TRUE(stream) << file_;
    const std::vector<char> bytes{std::istreambuf_iterator<char>(stream), {}};
    EXPECT_NO_THROW(entry_(reinterpret_cast<const std::uint8_t*>(bytes.data()), bytes.size()));
  }

 private:
  Entry entry_;
  fs::path file_;
};

class MissingCorpus : public ::testing::Test {
 public:
  explicit MissingCorpus(fs::path folder) : folder_(std::move(folder)) {}
  void TestBody() override { FAIL() << "no corpus in " << folder_; }

 private:
  fs::path folder_;
};

std::vector<fs::path> files_in(const fs::path& folder) {
  std::vector<fs::path> files;
  std::error_code ignored;
  for (const auto& entry : fs::directory_iterator(folder, ignored)) {
    if (entry.is_regular_file(ignored)) files.push_back(entry.path());
  }
  std::sort(files.begin(), files.end());
  return files;
}

void register_replay(const char* name, Entry entry) {
  const std::string suite = std::string("Corpus/") + name;
  const fs::path folder = fs::path(FAIRLEAD_FUZZ_CORPUS) / name;
  const std::vector<fs::path> files = files_in(folder);
  if (files.empty()) {
    ::testing::RegisterTest(suite.c_str(), "IsThere", nullptr, nullptr, __FILE__, __LINE__,
                            [=]() -> ::testing::Test* { return new MissingCorpus(folder); });
  }
  for (const fs::path& file : files) {
    ::testing::RegisterTest(suite.c_str(), file.filename().c_str(), nullptr, nullptr, __FILE__,
                            __LINE__,
                            [=]() -> ::testing::Test* { return new Replay(entry, file); });
  }
}

}  // namespace

int main(int argc, char** argv) {
  ::testing::InitGoogleTest(&argc, argv);
  for (const auto& [name, entry] : kFuzzers) register_replay(name, entry);
  return RUN_ALL_TESTS();
}
