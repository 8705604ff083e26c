// Reads the properties of one JSON object by name and type. Pure.
//
// The first mistake is kept and everything after it is skipped. Thread rule: values.
#pragma once

#include <initializer_list>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "supervisor/config/property.h"

namespace fairlead::config {

class ConfigReader {
 public:
  explicit ConfigReader(const Json& object, PropertyPath where = {});

  const std::optional<Mistake>& mistake() const { return mistake_; }
  bool has(const char* name) const { return object_.find(name) != object_.end(); }
  PropertyPath place(const char* name) const { return where_ / std::string(name); }

  void read(const char* name, std::string& value);
  void read(const char* name, std::optional<std::string>& value);
  void read(const char* name, bool& value);
  void read(const char* name, std::optional<bool>& value);
  void read(const char* name, std::vector<std::string>& values);
  // A string is a list of one.
  void read_one_or_more(const char* name, std::vector<std::string>& values);
  // An object of strings; null is an entry without a value.
  void read(const char* name,
            std::vector<std::pair<std::string, std::optional<std::string>>>& values);
  // The same; null is no entry.
  void read(const char* name, std::vector<std::pair<std::string, std::string>>& values);
  void read_one_of(const char* name, std::initializer_list<const char*> known, std::string& value);

  using Check = bool (Json::*)() const noexcept;
  const Json* find(const char* name, Check matches, const char* wanted);
  const Json* find(const char* name);  // nothing, too, once there is a mistake
  void fail(Mistake mistake);
  void fail(std::optional<Mistake> mistake);

 private:
  void read_list(const char* name, const Json& list, std::vector<std::string>& values);

  const Json& object_;
  PropertyPath where_;
  std::optional<Mistake> mistake_;
};

}  // namespace fairlead::config
