// The command line as values. One struct per command; CLI11 fills them in. SPEC.md "Commands".
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "supervisor/engine/open_engine.h"

namespace fairlead::cli {

struct StateOptions {
  std::string user_data_folder;
  std::string log_level = "info";
  std::string log_format = "text";
};

struct SelectOptions {
  std::string workspace_folder;
  std::string container_id;
  std::vector<std::string> id_labels;

  bool any() const {
    return !workspace_folder.empty() || !container_id.empty() || !id_labels.empty();
  }
};

struct ForwardingOptions {
  std::vector<std::string> ports;
  std::optional<std::size_t> max_auto_forwards;
  std::string relay = "auto";
  bool sidecar = false;
};

// Which configuration, for whom in the container.
struct ConfigurationOptions {
  std::string config;
  std::string override_config;
  bool mount_git_root = true;
  std::string default_probe = "loginInteractiveShell";
  std::vector<std::string> remote_env;  // "NAME=value"
};

struct UpOptions {
  engine::EngineChoice engine;
  StateOptions state;
  ForwardingOptions forwarding;
  ConfigurationOptions configuration;
  std::string compose_path;
  std::string workspace_folder;
  std::vector<std::string> id_labels;
  std::vector<std::string> mounts;
  std::string uid_mode = "on";
  std::string secrets_file;
  std::string dotfiles_repository;
  std::string dotfiles_install_command;
  std::string dotfiles_target_path = "~/dotfiles";
  bool auto_forward = false;
  bool ports_events = false;
  bool strict_forwarding = false;
  bool remove_existing = false;
  bool expect_existing = false;
  bool skip_post_create = false;
  bool skip_non_blocking = false;
  bool skip_post_attach = false;
  bool include_configuration = false;
  bool include_merged_configuration = false;
};

struct ExecOptions {
  engine::EngineChoice engine;
  StateOptions state;
  SelectOptions select;
  ConfigurationOptions configuration;
  std::vector<std::string> command;
  bool pipe_ignored = false;  // whether our caller had SIGPIPE ignored
};

struct DownOptions {
  engine::EngineChoice engine;
  StateOptions state;
  SelectOptions select;
  bool all = false;
  bool remove = false;
  bool remove_volumes = false;
  int timeout_seconds = 10;
};

struct ForwardOptions {
  engine::EngineChoice engine;
  StateOptions state;
  ForwardingOptions forwarding;
  std::string container;
  bool foreground = false;
  bool stop = false;
};

struct RunOptions {
  StateOptions state;
  ForwardingOptions forwarding;
  std::string name;
  std::vector<std::string> command;
  bool quiet = false;
  bool pipe_ignored = false;  // whether our caller had SIGPIPE ignored
};

struct PortsOptions {
  StateOptions state;
  SelectOptions select;
  bool json = false;
  int wait_port = 0;               // `ports wait`
  std::vector<std::string> specs;  // `ports add`
  unsigned port = 0;               // `ports rm`
  double timeout_seconds = 30;
};

struct WhyOptions {
  StateOptions state;
  SelectOptions select;
  int port = 0;
  bool json = false;
};

struct EventsOptions {
  StateOptions state;
  SelectOptions select;
  bool follow = false;
};

struct LogsOptions {
  StateOptions state;
  SelectOptions select;
  bool follow = false;
};

struct DoctorOptions {
  StateOptions state;
  std::string cli_path = "docker";  // the engine's
  bool json = false;
  bool repair = false;
};

// Each command; returns the exit status.
int run_up(const UpOptions& options);
int run_exec(const ExecOptions& options);
int run_down(const DownOptions& options);
int run_forward(const ForwardOptions& options);
int run_run(const RunOptions& options);
int run_ports(const PortsOptions& options);
int run_ports_add(const PortsOptions& options);
int run_ports_remove(const PortsOptions& options);
int run_why(const WhyOptions& options);
int run_events(const EventsOptions& options);
int run_logs(const LogsOptions& options);
int run_doctor(const DoctorOptions& options);

// Parses the command line and runs the command that it names. `pipe_ignored`: whether SIGPIPE was
// ignored when the program started.
int run_command_line(int argc, char** argv, bool pipe_ignored);

}  // namespace fairlead::cli
