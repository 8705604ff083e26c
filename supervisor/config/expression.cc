#include "supervisor/config/expression.h"

#include <algorithm>
#include <boost/regex/config.hpp>
#include <iterator>
#include <stdexcept>

// How many states one search may visit. The library takes this limit for iterators that cannot
// jump; for others it computes one that a long expression drives to hours. It casts the old way, and
// the compiler takes the cast for ours.
#pragma GCC diagnostic ignored "-Wold-style-cast"
#undef BOOST_REGEX_MAX_STATE_COUNT
#define BOOST_REGEX_MAX_STATE_COUNT 100000
#include <boost/regex.hpp>

namespace fairlead::config {
namespace {

// A character's place that counts its moves: within one state the library may walk over the whole
// text.
class Cursor {
 public:
  using iterator_category = std::bidirectional_iterator_tag;
  using value_type = char;
  using difference_type = std::ptrdiff_t;
  using pointer = const char*;
  using reference = const char&;

  Cursor() = default;
  Cursor(const char* at, SearchBudget& budget) : at_(at), budget_(&budget) {}

  reference operator*() const { return *at_; }
  pointer operator->() const { return at_; }
  Cursor& operator++() {
    spend();
    ++at_;
    return *this;
  }
  Cursor& operator--() {
    spend();
    --at_;
    return *this;
  }
  Cursor operator++(int) {
    Cursor before = *this;
    ++*this;
    return before;
  }
  Cursor operator--(int) {
    Cursor before = *this;
    --*this;
    return before;
  }
  bool operator==(const Cursor& other) const { return at_ == other.at_; }

 private:
  void spend() const {
    if (budget_->steps == 0) throw std::length_error("search budget");
    --budget_->steps;
  }

  const char* at_ = nullptr;
  SearchBudget* budget_ = nullptr;
};

}  // namespace

struct Expression::Compiled {
  boost::regex regex;
};

base::Result<Expression> Expression::compile(const std::string& text) {
  if (text.size() > kMaxExpressionLength) {
    return base::plain_error("longer than " + std::to_string(kMaxExpressionLength) + " characters");
  }
  try {
    auto compiled = std::make_shared<Compiled>();
    compiled->regex.assign(text, boost::regex::perl);
    Expression expression;
    expression.compiled_ = std::move(compiled);
    return expression;
  } catch (const std::exception& failure) {
    return base::plain_error(failure.what());
  }
}

bool Expression::found_in(std::string_view command_line, SearchBudget& budget) const {
  const std::string_view text = command_line.substr(0, kMaxSearchedLength);
  const Cursor begin(text.data(), budget);
  const Cursor end(text.data() + text.size(), budget);
  try {
    // As JavaScript reads it: a dot is no newline, ^ and $ are the text's own ends.
    return compiled_ != nullptr &&
           boost::regex_search(begin, end, compiled_->regex,
                               boost::match_not_dot_newline | boost::match_single_line);
  } catch (const std::exception&) {
    return false;  // too costly
  }
}

}  // namespace fairlead::config
