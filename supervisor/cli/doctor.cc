#include <linux/capability.h>
#include <unistd.h>

#include <cstdio>

#include "supervisor/cli/console.h"
#include "supervisor/cli/options.h"
#include "supervisor/doctor/engines.h"
#include "supervisor/doctor/guards.h"
#include "supervisor/doctor/kernel.h"
#include "supervisor/doctor/permissions.h"
#include "supervisor/doctor/state.h"

namespace fairlead::cli {
namespace {

void append(doctor::Findings& all, const doctor::Findings& more) {
  all.insert(all.end(), more.begin(), more.end());
}

}  // namespace

int run_doctor(const DoctorOptions& options) {
  std::vector<std::string> repaired;
  doctor::StateFacts state = doctor::read_state_facts(options.state.user_data_folder);
  doctor::GuardFacts guards = doctor::read_guards();
  if (options.repair) {
    repaired = doctor::repair_state(state);
    const auto more = doctor::repair_guards(guards);
    repaired.insert(repaired.end(), more.begin(), more.end());
    guards = doctor::read_guards();
    state = doctor::read_state_facts(options.state.user_data_folder);
  }
  const auto native = engine::survey_native();
  const auto engines = engine::survey_engines(options.cli_path);
  const auto permissions = doctor::read_permission_facts();
  doctor::Findings findings = doctor::judge_engines(engines, native);
  append(findings, doctor::judge_permissions(permissions));
  const auto kernel = doctor::read_kernel_facts();
  append(findings, doctor::judge_kernel(kernel));
  append(findings,
         doctor::judge_relays(engines, native,
                              {permissions.has(CAP_SYS_ADMIN), permissions.in_user_namespace,
                               kernel.nat_trouble, kernel.nat_backend}));
  append(findings, doctor::judge_state(state));
  append(findings, doctor::judge_guards(guards));
  const bool attention = doctor::wants_attention(findings);
  if (options.json) {
    config::Json result{{"healthy", !attention}, {"findings", doctor::to_json(findings)}};
    if (options.repair) result["repaired"] = repaired;
    print_result(result);
  } else {
    for (const std::string& what : repaired) say("Repaired: " + what);
    if (options.repair && repaired.empty()) say("Repaired: nothing was left");
    const std::string text =
        isatty(STDOUT_FILENO) != 0 ? doctor::to_report(findings) : doctor::to_rows(findings);
    std::fputs(text.c_str(), stdout);
  }
  return attention ? kFailure : kSuccess;
}

}  // namespace fairlead::cli
