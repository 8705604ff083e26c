// A regular expression of a configuration, searched in command lines. Pure; the library stays
// behind this header.
//
// Expression and command line may both be hostile: a search that costs too much finds nothing.
//
// Thread rule: values; copies share the compiled expression, which is only read.
#pragma once

#include <cstddef>
#include <memory>
#include <string>
#include <string_view>

#include "base/result.h"

namespace fairlead::config {

inline constexpr std::size_t kMaxExpressionLength = 1024;
inline constexpr std::size_t kMaxSearchedLength = 32768;  // of a command line; the rest is not seen

// Characters that searches may still walk over. One budget can serve many searches.
struct SearchBudget {
  std::size_t steps = 4'000'000;
};

class Expression {
 public:
  // Perl's syntax, which is JavaScript's for what is written in practice. Errors say what is wrong.
  static base::Result<Expression> compile(const std::string& text);

  bool found_in(std::string_view command_line, SearchBudget& budget) const;

 private:
  struct Compiled;
  std::shared_ptr<const Compiled> compiled_;
};

}  // namespace fairlead::config
