#include "base/result.h"

#include <cerrno>
#include <stdexcept>

namespace fairlead::base {

Error errno_error(std::string context) { return errno_error(errno, std::move(context)); }

Error errno_error(int error_number, std::string context) {
  return Error{std::error_code(error_number, std::system_category()), std::move(context)};
}

void throw_exception_from_error(const Error& error, const boost::source_location& /*location*/) {
  throw std::logic_error("value() on an error: " + error.message());
}

}  // namespace fairlead::base
