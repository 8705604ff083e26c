#include "supervisor/workspace/user_ids.h"

#include <algorithm>

#include "supervisor/workspace/build_arguments.h"

namespace fairlead::workspace {
namespace {

// Gets user, uid and gid as arguments. Needs nothing but a shell, cat, rm and chown.
constexpr const char* kIdsScript = R"SCRIPT(set -eu
user=$1 uid=$2 gid=$3
old_uid= old_gid= home= same_uid= same_gid=
while IFS=: read -r name secret id group info folder shell || [ -n "$name" ]; do
  if [ "$name" = "$user" ]; then old_uid=$id old_gid=$group home=$folder
  elif [ "$id" = "$uid" ]; then same_uid=$name
  fi
done </etc/passwd
if [ -e /etc/group ]; then
  while IFS=: read -r name secret id members || [ -n "$name" ]; do
    if [ "$id" = "$gid" ]; then same_gid=$name; fi
  done </etc/group
fi
if [ -z "$old_uid" ]; then echo "There is no user $user in this image."; exit 0; fi
if [ "$old_uid" = "$uid" ] && [ "$old_gid" = "$gid" ]; then
  echo "User $user has the ids $uid:$gid already."; exit 0
fi
if [ "$old_uid" != "$uid" ] && [ -n "$same_uid" ]; then
  echo "User id $uid belongs to $same_uid: user $user keeps $old_uid:$old_gid."; exit 0
fi
if [ "$old_gid" != "$gid" ] && [ -n "$same_gid" ]; then
  echo "Group id $gid belongs to $same_gid: user $user keeps group $old_gid."
  gid=$old_gid
fi
echo "User $user: $old_uid:$old_gid becomes $uid:$gid."
new=/etc/.fairlead.$$
while IFS= read -r line || [ -n "$line" ]; do
  case $line in
    "$user":*:"$old_uid":"$old_gid":*)
      rest=${line#"$user":}; secret=${rest%%:*}; rest=${rest#*:}; rest=${rest#*:}; rest=${rest#*:}
      line=$user:$secret:$uid:$gid:$rest ;;
  esac
  printf '%s\n' "$line"
done </etc/passwd >"$new"
cat "$new" >/etc/passwd
if [ "$old_gid" != "$gid" ] && [ -e /etc/group ]; then
  while IFS= read -r line || [ -n "$line" ]; do
    case $line in
      *:*:"$old_gid":*)
        name=${line%%:*}; rest=${line#*:}; secret=${rest%%:*}; rest=${rest#*:}
        if [ "${rest%%:*}" = "$old_gid" ]; then line=$name:$secret:$gid:${rest#*:}; fi ;;
    esac
    printf '%s\n' "$line"
  done </etc/group >"$new"
  cat "$new" >/etc/group
fi
rm -f "$new"
case $home in
  /?*) if [ -d "$home" ]; then chown -R "$uid:$gid" "$home"; fi ;;
esac
)SCRIPT";

bool is_number(const std::string& text) {
  return !text.empty() && text.find_first_not_of("0123456789") == std::string::npos;
}

// What user names are made of on every system that images hold, and nothing that a Dockerfile, a
// shell or a passwd file could take for something else.
bool is_plain_name(const std::string& name) {
  constexpr std::size_t kLongest = 64;
  constexpr const char* kAllowed =
      "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_.-";
  return !name.empty() && name.size() <= kLongest && name.front() != '-' &&
         name.find_first_not_of(kAllowed) == std::string::npos;
}

// user[:group], as an image's USER may be.
bool is_plain_user(const std::string& user) {
  const std::size_t colon = user.find(':');
  return is_plain_name(user.substr(0, colon)) &&
         (colon == std::string::npos || is_plain_name(user.substr(colon + 1)));
}

}  // namespace

std::optional<std::string> user_to_update(const config::DevcontainerConfig& config,
                                          const PreparedImage& image, const std::string& mode,
                                          const UserIds& host) {
  // Root's ids are taken in every image.
  if (host.uid == 0 || mode == "never") return std::nullopt;
  if (!config.update_remote_user_uid.value_or(mode == "on")) return std::nullopt;
  std::string user = config.remote_user;
  if (user.empty()) user = image.run_user.empty() ? config.container_user : image.run_user;
  if (user.empty()) user = image.description.user;
  if (user.empty() || user == "root" || is_number(user) || !is_plain_name(user)) {
    return std::nullopt;
  }
  if (!image.description.user.empty() && !is_plain_user(image.description.user)) {
    return std::nullopt;
  }
  return user;
}

std::string updated_image_name(const std::string& folder, const std::string& image) {
  const std::string own = image_name(folder);
  return (image.starts_with(own) ? image : own) + "-uid";
}

std::string uid_dockerfile(const std::string& user, const std::string& image_user,
                           const UserIds& ids) {
  // The words of a RUN in this form are no shell's and are not looked through for variables.
  const config::Json run{
      "/bin/sh", "-c", kIdsScript, "sh", user, std::to_string(ids.uid), std::to_string(ids.gid)};
  return "ARG BASE_IMAGE=scratch\nFROM $BASE_IMAGE\nUSER root\nRUN " + run.dump() + "\nUSER " +
         (image_user.empty() ? "root" : image_user) + "\n";
}

std::vector<std::string> uid_build_arguments(const std::string& name, const std::string& base) {
  return {"--tag", name, "--build-arg", "BASE_IMAGE=" + base, "-"};
}

}  // namespace fairlead::workspace
