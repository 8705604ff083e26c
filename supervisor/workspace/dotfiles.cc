#include "supervisor/workspace/dotfiles.h"

namespace fairlead::workspace {
namespace {

// Arguments: URL, target folder, install command (may be empty).
constexpr const char* kDotfilesScript = R"SCRIPT(
url=$1 target=$2 install=$3
marks=$HOME/.devcontainer
mkdir -p "$marks" && (set -C; : >"$marks/.dotfilesMarker") 2>/dev/null || exit 0
case $target in "~") target=$HOME ;; "~/"*) target=$HOME/${target#"~/"} ;; esac
if ! command -v git >/dev/null 2>&1; then
  echo "dotfiles: there is no git in the container"; exit 0
fi
if [ ! -e "$target" ]; then git clone --depth 1 -- "$url" "$target" || exit; fi
cd "$target" || exit
run() {
  if [ ! -x "$1" ]; then chmod +x "$1"; fi
  echo "dotfiles: running $1"
  "$1"
}
if [ -n "$install" ]; then
  if [ -f "./$install" ]; then run "./$install"; exit; fi
  if [ -f "$install" ]; then run "$install"; exit; fi
  echo "dotfiles: there is no $install"; exit 126
fi
for file in install.sh install bootstrap.sh bootstrap script/bootstrap setup.sh setup script/setup
do
  if [ -e "$file" ]; then run "./$file"; exit; fi
done
for file in "$PWD"/.*; do
  case ${file##*/} in .|..|.git) ;; *) if [ -e "$file" ]; then ln -sf "$file" "$HOME"; fi ;; esac
done
)SCRIPT";

}  // namespace

std::string dotfiles_url(const std::string& repository) {
  const bool is_path =
      repository.starts_with("/") || repository.starts_with("./") || repository.starts_with("../");
  if (is_path || repository.find(':') != std::string::npos) return repository;
  return "https://github.com/" + repository + ".git";
}

std::vector<std::string> dotfiles_argv(const Dotfiles& dotfiles) {
  return {"/bin/sh",
          "-c",
          kDotfilesScript,
          "sh",
          dotfiles_url(dotfiles.repository),
          dotfiles.target_path,
          dotfiles.install_command};
}

void install_dotfiles(const Dotfiles& dotfiles, engine::Engine& engine, RemoteUser& user,
                      const engine::Variables& secrets,
                      const std::function<void(const std::string&)>& say) {
  if (dotfiles.repository.empty()) return;
  engine::ExecRequest request = user.command(dotfiles_argv(dotfiles));
  request.secrets = secrets;
  request.working_directory.clear();
  const auto statuses = engine.exec({request});
  if (!statuses.front()) {
    say("fairlead: dotfiles: " + statuses.front().error().message());
  } else if (*statuses.front() != 0) {
    say("fairlead: dotfiles could not be installed (status " + std::to_string(*statuses.front()) +
        ")");
  }
}

}  // namespace fairlead::workspace
