#include "supervisor/config/config_reader.h"

#include <algorithm>

namespace fairlead::config {

ConfigReader::ConfigReader(const Json& object, PropertyPath where)
    : object_(object), where_(std::move(where)) {
  if (!object.is_object()) fail(wrong(where_, "an object", object));
}

const Json* ConfigReader::find(const char* name) {
  if (mistake_) return nullptr;
  const auto found = object_.find(name);
  return found == object_.end() ? nullptr : &*found;
}

const Json* ConfigReader::find(const char* name, Check matches, const char* wanted) {
  const Json* value = find(name);
  if (value == nullptr || (value->*matches)()) return value;
  fail(wrong(place(name), wanted, *value));
  return nullptr;
}

void ConfigReader::fail(Mistake mistake) {
  if (!mistake_) mistake_ = std::move(mistake);
}

void ConfigReader::fail(std::optional<Mistake> mistake) {
  if (!mistake_) mistake_ = std::move(mistake);
}

void ConfigReader::read(const char* name, std::string& value) {
  if (const Json* item = find(name, &Json::is_string, "a string")) {
    value = item->get<std::string>();
  }
}

void ConfigReader::read(const char* name, std::optional<std::string>& value) {
  if (const Json* item = find(name, &Json::is_string, "a string")) {
    value = item->get<std::string>();
  }
}

void ConfigReader::read(const char* name, bool& value) {
  if (const Json* item = find(name, &Json::is_boolean, "true or false")) value = item->get<bool>();
}

void ConfigReader::read(const char* name, std::optional<bool>& value) {
  if (const Json* item = find(name, &Json::is_boolean, "true or false")) value = item->get<bool>();
}

void ConfigReader::read(const char* name, std::vector<std::string>& values) {
  if (const Json* list = find(name, &Json::is_array, "an array of strings")) {
    read_list(name, *list, values);
  }
}

void ConfigReader::read_one_or_more(const char* name, std::vector<std::string>& values) {
  const Json* value = find(name);
  if (value == nullptr) return;
  if (value->is_string()) {
    values.push_back(value->get<std::string>());
  } else if (value->is_array()) {
    read_list(name, *value, values);
  } else {
    fail(wrong(place(name), "a string or an array of strings", *value));
  }
}

void ConfigReader::read_list(const char* name, const Json& list, std::vector<std::string>& values) {
  for (std::size_t i = 0; i < list.size(); ++i) {
    if (!list[i].is_string()) return fail(wrong(place(name) / i, "a string", list[i]));
    values.push_back(list[i].get<std::string>());
  }
}

void ConfigReader::read(const char* name,
                        std::vector<std::pair<std::string, std::optional<std::string>>>& values) {
  const Json* object = find(name, &Json::is_object, "an object of strings");
  if (object == nullptr) return;
  for (const auto& [key, item] : object->items()) {
    if (item.is_null()) {
      values.emplace_back(key, std::nullopt);
    } else if (item.is_string()) {
      values.emplace_back(key, item.get<std::string>());
    } else {
      return fail(wrong(place(name) / key, "a string", item));
    }
  }
}

void ConfigReader::read(const char* name,
                        std::vector<std::pair<std::string, std::string>>& values) {
  std::vector<std::pair<std::string, std::optional<std::string>>> all;
  read(name, all);
  for (auto& [key, value] : all) {
    if (value) values.emplace_back(std::move(key), std::move(*value));
  }
}

void ConfigReader::read_one_of(const char* name, std::initializer_list<const char*> known,
                               std::string& value) {
  const Json* item = find(name);
  if (item == nullptr) return;
  std::string list;
  for (const char* one : known) {
    if (*item == one) {
      value = one;
      return;
    }
    list += (list.empty() ? "" : ", ") + std::string(one);
  }
  fail(wrong(place(name), "one of " + list, *item));
}

}  // namespace fairlead::config
