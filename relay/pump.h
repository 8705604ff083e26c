// One direction of a relayed connection: bytes from a source socket to a sink socket, by copying
// through a buffer that all connections of the thread share.
//
// Theory of operation. Both sockets are non-blocking and watched edge-triggered, so the pump
// remembers what an edge said until a system call contradicts it:
//
//   readable_   an edge came and no read since has run dry. A read that returns less than it was
//               offered has run dry, unless the edge also said that the source ended: then the end
//               must still be read.
//   residue_    what a short write left over; while there is any, nothing is read (the source's own
//               window then stops the sender) and the next writable edge goes on.
//   ended_      the source said FIN. Once residue_ is gone, the sink is told (shutdown) and the
//   pump
//               is finished; the other direction lives on.
//
// SPEC.md "Data plane". Thread rule: one loop's thread. Never blocks.
#pragma once

#include <cstdint>
#include <memory>

namespace fairlead::relay {

enum class PumpState : std::uint8_t {
  kWaiting,   // for an edge
  kMore,      // the turn's budget is used up; run again after the others
  kFinished,  // end of stream has been passed on
  kBroken,    // a reset or another failure: the connection is to be torn down
};

class Pump {
 public:
  // `read_on`: the edge spoke of more than data (an end, urgent data), so short reads prove
  // nothing.
  void source_ready(bool read_on) {
    readable_ = true;
    read_on_ |= read_on;
  }
  // `last_direction`: the other one has finished, both sockets are about to be closed, so telling
  // the sink separately would be a wasted call.
  PumpState run(int source, int sink, char* buffer, std::size_t buffer_size, bool last_direction);

  bool finished() const { return finished_; }
  std::uint64_t bytes() const { return bytes_; }  // written to the sink so far

 private:
  enum class Step : std::uint8_t { kGoOn, kWait, kFail };
  Step flush_residue(int sink);
  Step forward(const char* data, std::size_t size, int sink);

  std::unique_ptr<char[]> residue_;
  std::uint32_t residue_begin_ = 0;
  std::uint32_t residue_end_ = 0;
  std::uint64_t bytes_ = 0;
  bool readable_ = false;
  bool read_on_ = false;
  bool ended_ = false;
  bool finished_ = false;
};

}  // namespace fairlead::relay
