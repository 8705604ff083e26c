// Prints what has changed from listing to listing, on stderr. SPEC.md "Lines".
#pragma once

#include <map>
#include <string>

#include "supervisor/config/jsonc.h"

namespace fairlead::cli {

class ChangePrinter {
 public:
  void operator()(const config::Json& listing);

 private:
  std::map<std::string, std::string> known_;
};

}  // namespace fairlead::cli
