#include "supervisor/workspace/inherited_metadata.h"

#include <algorithm>

namespace fairlead::workspace {

std::vector<config::Json> inherited_entries(std::vector<config::Json> of_container,
                                            const std::vector<config::Json>& of_image,
                                            bool image_may_hold_own) {
  if (of_container.empty()) return of_container;
  // A Feature's entry has its id.
  const bool last_may_be_own = !of_container.back().contains("id");
  const bool nothing_added = of_container == of_image;
  if (last_may_be_own && (!nothing_added || image_may_hold_own)) of_container.pop_back();
  return of_container;
}

}  // namespace fairlead::workspace
