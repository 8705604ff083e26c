// One direction of a relayed connection: bytes from a source socket to a sink socket.
//
// Theory of operation. Both sockets are non-blocking and watched edge-triggered, so the pump
// remembers what an edge said until a system call contradicts it:
//
//   readable_   an edge came and no read since has run dry. A read that returns less than it was
//               offered has run dry, and has reached the end as well if an edge spoke of that.
//               (After a failure or an urgent byte a short read proves nothing; a spliced one never
//               does.)
//   residue_    what a short write left over; while there is any, nothing is read (the source's own
//               window then stops the sender) and the next writable edge goes on.
//   in_pipe_    the same for spliced bytes, which wait in pipe_.
//   ended_      the source said FIN. Once nothing is left over, the sink is told (shutdown) and the
//               pump is finished; the other direction lives on.
//
// Bytes are copied through a buffer that all connections of the thread share. After several large
// reads in a row the flow counts as bulk, and its bytes are spliced through a large pipe from the
// thread's pool instead: half the CPU. The pipe goes back to the pool whenever it is empty and the
// turn is over, so an idle connection holds none. Without a large pipe the flow is copied.
//
// SPEC.md "Data plane". Thread rule: one loop's thread. Never blocks.
#pragma once

#include <sys/types.h>

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <memory>

#include "relay/pipe_pool.h"

namespace fairlead::relay {

enum class PumpState : std::uint8_t {
  kWaiting,   // for an edge
  kMore,      // the turn's budget is used up; run again after the others
  kFinished,  // end of stream has been passed on
  kBroken,    // a reset or another failure: the connection is to be torn down
};

// What the connections of one thread share.
struct PumpTools {
  char* buffer;
  std::size_t buffer_size;
  PipePool& pipes;
};

class Pump {
 public:
  // What an edge spoke of besides data.
  enum class Edge : std::uint8_t {
    kData,
    kEnd,      // the end of the stream stands behind what is there: a short read reaches it
    kUnclear,  // a failure, or an urgent byte: short reads prove nothing
  };
  void source_ready(Edge edge) {
    readable_ = true;
    edge_ = std::max(edge_, edge);
  }
  // `last_direction`: the other one has finished, both sockets are about to be closed, so telling
  // the sink separately would be a wasted call. Only from then on do their closes mean FIN: a
  // process that is killed before must not make a part look like the whole.
  PumpState run(int source, int sink, const PumpTools& tools, bool last_direction);

  bool finished() const { return finished_; }
  std::uint64_t bytes() const { return bytes_; }  // written to the sink so far
  // Whether it moves large amounts at the moment.
  bool bulk() const { return large_reads_ >= kBulkAfter; }
  bool holds_pipe() const { return static_cast<bool>(pipe_); }

 private:
  enum class Step : std::uint8_t { kGoOn, kWait, kFail };
  static constexpr std::uint8_t kBulkAfter = 4;

  PumpState move(int source, int sink, const PumpTools& tools, bool last_direction);
  Step flush(int sink);
  Step flush_pipe(int sink);
  Step nothing_read(ssize_t count);
  Step copy(int source, int sink, const PumpTools& tools);
  Step splice_through(int source, int sink);
  Step forward(const char* data, std::size_t size, int sink);
  void note_size(std::size_t size);

  std::unique_ptr<char[]> residue_;
  std::uint32_t residue_begin_ = 0;
  std::uint32_t residue_end_ = 0;
  std::size_t in_pipe_ = 0;
  Pipe pipe_;
  std::uint64_t bytes_ = 0;
  std::uint8_t large_reads_ = 0;  // in a row; counts up to kBulkAfter, and down again
  bool readable_ = false;
  Edge edge_ = Edge::kData;  // the most that has been heard of
  bool ended_ = false;
  bool finished_ = false;
};

}  // namespace fairlead::relay
