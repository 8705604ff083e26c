// An engine that does nothing and answers every question with an error: tests override what they
// ask.
#pragma once

#include "supervisor/engine/engine.h"

namespace fairlead {

class FakeEngine : public engine::Engine {
 public:
  base::Result<void> ping() override { return unused(); }
  std::optional<bool> offers_gpu() override { return std::nullopt; }
  base::Result<target::Target> inspect(const std::string&) override { return unused(); }
  base::Result<std::vector<target::Target>> find_by_labels(
      const std::vector<std::string>&) override {
    return unused();
  }
  base::Result<engine::ImageDescription> inspect_image(const std::string&, bool) override {
    return unused();
  }
  base::Result<void> build(const std::vector<std::string>&, const base::UniqueFd*) override {
    return unused();
  }
  base::Result<void> make_empty_image(const std::string&) override { return unused(); }
  base::Result<std::string> run(const std::vector<std::string>&) override { return unused(); }
  base::Result<void> start(const std::string&) override { return unused(); }
  base::Result<void> stop(const std::string&, std::chrono::seconds) override { return unused(); }
  base::Result<void> remove(const std::string&) override { return unused(); }
  std::vector<base::Result<int>> exec(const std::vector<engine::ExecRequest>& requests) override {
    return std::vector<base::Result<int>>(requests.size(), unused());
  }
  base::Result<std::string> exec_output(const engine::ExecRequest&) override { return unused(); }
  base::Result<base::CommandOutput> exec_collect(const engine::ExecRequest&, std::chrono::seconds,
                                                 std::size_t) override {
    return unused();
  }
  std::vector<std::string> exec_argv(const engine::ExecRequest& request,
                                     engine::ExecInput) const override {
    return request.argv;
  }
  const engine::EngineAddress& address() const override { return address_; }

 protected:
  static base::Error unused() { return base::plain_error("not asked here"); }

 private:
  engine::EngineAddress address_;
};

}  // namespace fairlead
