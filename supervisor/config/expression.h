// A regular expression of a configuration, searched in command lines. Pure; the library stays
// behind this header.
//
// Hostile expressions are bounded: one that costs too much matches nothing.
//
// Thread rule: values; copies share the compiled expression, which is only read.
#pragma once

#include <memory>
#include <string>
#include <string_view>

#include "base/result.h"

namespace fairlead::config {

class Expression {
 public:
  // Perl's syntax, which is JavaScript's for what is written in practice. Errors say what is wrong.
  static base::Result<Expression> compile(const std::string& text);

  bool found_in(std::string_view command_line) const;

 private:
  struct Compiled;
  std::shared_ptr<const Compiled> compiled_;
};

}  // namespace fairlead::config
