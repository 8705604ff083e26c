// Expected failures as values.
//
// `Result<T>` is the one way a function of fairlead says "this may fail": either a T or an Error
// that carries an errno-like code and a context naming operation and object.
//
//   Result<UniqueFd> fd = open_listener(endpoint);
//   if (!fd) return fd.error();          // propagate
//   use(fd->get());
//
// Exceptions come from libraries only and are caught where the library is called.
// Thread rule: values, no shared state.
#pragma once

#include <boost/system/result.hpp>
#include <string>
#include <system_error>
#include <utility>

namespace fairlead::base {

struct Error {
  std::error_code code;
  std::string context;  // "bind 127.0.0.1:3000"; may be a whole sentence when code is empty

  // "bind 127.0.0.1:3000: Address already in use"
  std::string message() const {
    if (!code) return context;
    return context.empty() ? code.message() : context + ": " + code.message();
  }
};

// An Error from the calling thread's errno. Call it before anything else can change errno.
Error errno_error(std::string context);
Error errno_error(int error_number, std::string context);

// An Error that is a sentence of its own, without a system code.
inline Error plain_error(std::string sentence) { return Error{{}, std::move(sentence)}; }

// Found by boost::system::result when value() is called on an error: a bug of the caller.
[[noreturn]] void throw_exception_from_error(const Error& error,
                                             const boost::source_location& location);

template <class T>
class [[nodiscard]] Result : public boost::system::result<T, Error> {
 public:
  using boost::system::result<T, Error>::result;
};

}  // namespace fairlead::base
