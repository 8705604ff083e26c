// A table for people on a terminal, tab-separated text for programs; fields may come from anywhere.
// Pure but for print().
#pragma once

#include <cstdio>
#include <string>
#include <vector>

#include "base/printable.h"

namespace fairlead::cli {

class Table {
 public:
  explicit Table(std::vector<std::string> heading) { rows_.push_back(std::move(heading)); }
  void add(const std::vector<std::string>& row) {
    std::vector<std::string>& fields = rows_.emplace_back();
    for (const std::string& field : row) fields.push_back(base::printable(field));
  }

  // Aligned columns, or rows of fields between tabs, without heading.
  std::string text(bool aligned) const;
  void print(std::FILE* file, bool aligned) const {
    const std::string all = text(aligned);
    std::fwrite(all.data(), 1, all.size(), file);
  }

 private:
  std::vector<std::vector<std::string>> rows_;
};

}  // namespace fairlead::cli
