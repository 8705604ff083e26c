// What the shells read. Each script hands the words over to the program and shows what comes back;
// it knows nothing of commands itself. The program is the one on PATH, never one of this folder.
#include <map>

#include "supervisor/cli/completion.h"

namespace fairlead::cli {
namespace {

constexpr const char* kBash = R"SCRIPT(# bash completion for fairlead
_fairlead() {
  local line path current=${COMP_WORDS[COMP_CWORD]}
  [[ $current == = ]] && current=
  COMPREPLY=()
  while IFS= read -r line; do
    case $line in
      :files | :directories)
        compopt -o filenames 2>/dev/null
        [[ $line == :files ]] && line=-f || line=-d
        while IFS= read -r path; do
          COMPREPLY+=("$path")
        done < <(compgen "$line" -- "$current")
        ;;
      *) COMPREPLY+=("${line%%$'\t'*}") ;;
    esac
  done < <(command fairlead __complete words "$COMP_CWORD" "${COMP_WORDS[@]}" 2>/dev/null)
}
complete -F _fairlead fairlead
)SCRIPT";

constexpr const char* kZsh = R"SCRIPT(#compdef fairlead
_fairlead() {
  local line
  local -a described
  while IFS= read -r line; do
    case $line in
      :files) _files ;;
      :directories) _files -/ ;;
      *$'\t'*) described+=("${${line%%$'\t'*}//:/\\:}:${line#*$'\t'}") ;;
      *) described+=("${line//:/\\:}") ;;
    esac
  done < <(command fairlead __complete words $((CURRENT - 1)) "${(@)words}" 2>/dev/null)
  (( $#described )) && _describe -t values fairlead described
}
if [[ $funcstack[1] == _fairlead ]]; then
  _fairlead "$@"
else
  compdef _fairlead fairlead
fi
)SCRIPT";

constexpr const char* kFish = R"SCRIPT(# fish completion for fairlead
function __fairlead_complete
    set -l words (commandline -opc)
    set -l current (commandline -ct)
    for line in (command fairlead __complete words (count $words) $words "$current" 2>/dev/null)
        switch $line
            case ':files'
                __fish_complete_path $current
            case ':directories'
                __fish_complete_directories $current
            case '*'
                printf '%s\n' $line
        end
    end
end
complete -c fairlead -f -a '(__fairlead_complete)'
)SCRIPT";

}  // namespace

const char* completion_script(const std::string& shell) {
  static const std::map<std::string, const char*> kScripts{
      {"bash", kBash}, {"zsh", kZsh}, {"fish", kFish}};
  const auto found = kScripts.find(shell);
  return found == kScripts.end() ? nullptr : found->second;
}

}  // namespace fairlead::cli
