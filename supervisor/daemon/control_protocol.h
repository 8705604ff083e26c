// What is said over a supervisor's control socket: one JSON object a line, each with the protocol's
// version. SPEC.md "Control socket".
//
//   {"v":1,"op":"hello"}                 -> who answers: version, container
//   {"v":1,"op":"list","sync":true}      -> the listing; sync: after a fresh scan has been acted on
//   {"v":1,"op":"configure","rules":{…}} -> the listing, once the rules are in force
//   {"v":1,"op":"add","rules":{…}}       -> the same; its declared ports are added
//   {"v":1,"op":"remove","port":3000}    -> the same; the port is forwarded no more
//   {"v":1,"op":"why","port":3000}       -> everything that is known of it
//   {"v":1,"op":"events","since":0}      -> {"events":[…],"next":N}
//   {"v":1,"op":"watch"}                 -> the listing now and after every change or notice
//   {"v":1,"op":"stop"}                  -> {"ok":true}, then the supervisor ends
//
// A failure answers {"v":1,"ok":false,"error":"…"}. Pure.
#pragma once

#include <cstddef>
#include <string>
#include <string_view>

#include "base/result.h"
#include "supervisor/config/jsonc.h"

namespace fairlead::daemon {

inline constexpr int kControlVersion = 1;
// A configuration with 10,000 declared ports fits.
inline constexpr std::size_t kMaxControlLine = 8U << 20;
inline constexpr std::size_t kMaxControlClients = 64;

std::string to_line(const config::Json& document);
// What is answered to a request that is not carried out.
config::Json failure(const std::string& reason);
// An object whose "op" is a string, in this version of the protocol (or a "hello"); the error is
// what to answer.
base::Result<config::Json> parse_request(std::string_view line);
// An answer that says "ok": false is an error.
base::Result<config::Json> parse_answer(std::string_view line);

}  // namespace fairlead::daemon
