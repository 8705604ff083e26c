// Pure parser of /proc/net/tcp and /proc/net/tcp6.
//
// The text comes out of a container's namespace and is parsed as hostile: rows may be cut anywhere,
// be a megabyte long, hold NULs or the wrong columns. A row that does not fit is counted, never
// guessed at. SPEC.md "Detection".
#pragma once

#include <cstddef>
#include <string>
#include <string_view>

#include "base/endpoint.h"
#include "base/result.h"
#include "detect/listener.h"

namespace fairlead::detect {

class ProcNetTcpParser {
 public:
  // Adds the LISTEN rows to `snapshot` (not normalized).
  ProcNetTcpParser(base::Family family, Snapshot& snapshot)
      : family_(family), snapshot_(snapshot) {}

  // Takes the next piece of the file; pieces may end anywhere.
  void feed(std::string_view piece);
  // The file has ended: a last row without its newline is judged as it stands.
  void finish();

  // True once a row in another state was seen. The kernel lists LISTEN rows first, so the rest of
  // the file needs no reading.
  bool past_listeners() const { return past_listeners_; }
  std::size_t malformed_rows() const { return malformed_rows_; }

 private:
  void row(std::string_view line);

  base::Family family_;
  Snapshot& snapshot_;
  std::string partial_;
  bool skipping_long_row_ = false;
  bool past_listeners_ = false;
  std::size_t malformed_rows_ = 0;
};

// Both tables printed one after the other, as `cat /proc/net/tcp /proc/net/tcp6` does; the second
// may be missing. An error if this is no such text.
base::Result<Snapshot> parse_socket_tables(std::string_view text);

// Real rows are 150 to 180 characters.
inline constexpr std::size_t kMaxRowLength = 1024;

}  // namespace fairlead::detect
