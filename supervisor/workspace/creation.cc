#include "supervisor/workspace/creation.h"

#include <sys/mman.h>
#include <sys/statvfs.h>
#include <unistd.h>

#include "base/text_file.h"
#include "base/unique_fd.h"
#include "supervisor/config/metadata.h"
#include "supervisor/config/mount_text.h"
#include "supervisor/engine/project.h"
#include "supervisor/workspace/build_arguments.h"
#include "supervisor/workspace/inherited_metadata.h"
#include "supervisor/workspace/user_ids.h"

namespace fairlead::workspace {
namespace {

using Say = std::function<void(const std::string&)>;

std::string label_of(const std::map<std::string, std::string>& labels, const char* name) {
  const auto found = labels.find(name);
  return found == labels.end() ? std::string() : found->second;
}

// A file without a name, read from its beginning.
base::Result<base::UniqueFd> text_in_memory(const std::string& text) {
  base::UniqueFd file(memfd_create("fairlead-dockerfile", MFD_CLOEXEC));
  if (!file) return base::errno_error("memory for a Dockerfile");
  if (auto written = base::write_all(file, text, "a Dockerfile"); !written) {
    return written.error();
  }
  if (lseek(file.get(), 0, SEEK_SET) != 0) return base::errno_error("a Dockerfile in memory");
  return file;
}

// The name of the image to run: the prepared one, or one made from it for the host's user. A
// failure is said and leaves the image as it is: the container works, its files may not.
std::string with_host_ids(engine::Engine& engine, const PreparedImage& image,
                          const Configuration& configuration, const std::string& mode,
                          const Say& say) {
  const UserIds host{getuid(), getgid()};
  const auto user = user_to_update(configuration.config(), image, mode, host);
  if (!user) return image.name;
  const std::string name = updated_image_name(configuration.identity().folder, image.name);
  const auto dockerfile = text_in_memory(uid_dockerfile(*user, image.description.user, host));
  say("Giving user " + *user + " the host's ids " + std::to_string(host.uid) + ":" +
      std::to_string(host.gid));
  const auto built = dockerfile ? engine.build(uid_build_arguments(name, image.name), &*dockerfile)
                                : base::Result<void>(dockerfile.error());
  if (built) return name;
  say("fairlead: updateRemoteUserUID: " + built.error().message() + "; user " + *user +
      " keeps the image's ids");
  return image.name;
}

}  // namespace

base::Result<std::string> create_container(engine::Engine& engine, ContainerMaker& maker,
                                           Configuration& configuration,
                                           const CreationOptions& options, const Say& say) {
  auto image = maker.prepare_image();
  if (!image) return image.error();
  const std::string inherited = label_of(image->description.labels, kMetadataLabel);
  if (auto merged = configuration.merge(config::parse_metadata(inherited)); !merged) {
    return merged.error();
  }
  image->name = with_host_ids(engine, *image, configuration, options.uid_mode, say);
  CreationPlan plan{configuration.config(), configuration.identity().labels(),
                    std::move(*image),      configuration.mount(),
                    options.mounts,         options.publish_app_ports};
  if (!options.agent_directory.empty()) {
    plan.mounts.push_back("type=bind," + config::csv_field("source=" + options.agent_directory) +
                          ",target=" + target::kAgentMount + ",readonly");
  }
  plan.labels[kMetadataLabel] = config::metadata_label(configuration.words(), inherited);
  return maker.create(plan);
}

base::Result<void> merge_metadata_of(engine::Engine& engine, const target::Target& container,
                                     Configuration& configuration) {
  auto entries = config::parse_metadata(label_of(container.labels, kMetadataLabel));
  // Without a file nothing takes the place of the entry that a file once left there.
  if (entries.empty() || !configuration.has_file()) return configuration.merge(entries);
  std::vector<config::Json> of_image;
  if (const auto image = engine.inspect_image(container.image_id, false)) {
    of_image = config::parse_metadata(label_of(image->labels, kMetadataLabel));
  }
  const std::string project = engine::project_of(container);
  const std::string service = engine::service_of(container);
  const bool built_here =
      container.image.starts_with(image_name(configuration.identity().folder)) ||
      (!project.empty() && (container.image.starts_with(project + "_" + service) ||
                            container.image.starts_with(project + "-" + service)));
  // The reference CLI leaves the configuration's entry in an image that it builds; we do not. A
  // configuration that has nothing to leave there has not.
  const bool may_hold_own = built_here && !config::metadata_entry(configuration.words()).empty();
  return configuration.merge(inherited_entries(std::move(entries), of_image, may_hold_own));
}

std::vector<std::string> missing_on_this_machine(engine::Engine& engine,
                                                 const Configuration& configuration) {
  const config::HostRequirements& wanted = configuration.config().host_requirements;
  config::MachineFacts facts;
  const auto positive = [](long value) {
    return value > 0 ? static_cast<std::uint64_t>(value) : std::uint64_t{0};
  };
  facts.cpus = positive(sysconf(_SC_NPROCESSORS_ONLN));
  facts.memory = positive(sysconf(_SC_PHYS_PAGES)) * positive(sysconf(_SC_PAGESIZE));
  struct statvfs disk {};
  if (statvfs(configuration.identity().folder.c_str(), &disk) == 0) {
    facts.free_storage = std::uint64_t{disk.f_bavail} * disk.f_frsize;
  }
  if (wanted.gpu) facts.gpu = engine.offers_gpu();
  return config::host_requirement_warnings(wanted, facts);
}

}  // namespace fairlead::workspace
