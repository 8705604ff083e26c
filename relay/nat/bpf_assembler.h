// Writes BPF instructions one by one. Jumps lead forward to the program's one way out. Pure.
// Source: the kernel's Documentation/bpf/instruction-set. Thread rule: a value.
#pragma once

#include <linux/bpf.h>

#include <cstddef>
#include <cstdint>
#include <vector>

namespace fairlead::relay {

using BpfProgram = std::vector<bpf_insn>;

enum class BpfSize : std::uint8_t { k8 = BPF_B, k16 = BPF_H, k32 = BPF_W, k64 = BPF_DW };

class BpfAssembler {
 public:
  // to = *(from + offset), and back.
  void load(BpfSize size, int to, int from, std::ptrdiff_t offset) {
    emit(BPF_LDX | BPF_MEM | bits(size), to, from, static_cast<std::int16_t>(offset), 0);
  }
  void store(BpfSize size, int to, std::ptrdiff_t offset, int from) {
    emit(BPF_STX | BPF_MEM | bits(size), to, from, static_cast<std::int16_t>(offset), 0);
  }
  void move(int to, int from) { emit(BPF_ALU64 | BPF_MOV | BPF_X, to, from, 0, 0); }
  void set(int to, std::int32_t value) { emit(BPF_ALU64 | BPF_MOV | BPF_K, to, 0, 0, value); }
  void add(int to, std::int32_t value) { emit(BPF_ALU64 | BPF_ADD | BPF_K, to, 0, 0, value); }
  void set_wide(int to, std::uint64_t value) { wide(to, 0, value); }
  void set_map(int to, int map_fd) {
    wide(to, BPF_PSEUDO_MAP_FD, static_cast<std::uint32_t>(map_fd));
  }
  // *(to + offset) += from, 64 bits, for every CPU at once.
  void atomic_add(int to, std::size_t offset, int from) {
    emit(BPF_STX | BPF_ATOMIC | BPF_DW, to, from, static_cast<std::int16_t>(offset), BPF_ADD);
  }
  void call(int helper) { emit(BPF_JMP | BPF_CALL, 0, 0, 0, helper); }

  void leave_if(int left, std::int32_t value) { jump(BPF_JEQ | BPF_K, left, 0, value); }
  void leave_unless(int left, std::int32_t value) { jump(BPF_JNE | BPF_K, left, 0, value); }
  void leave_unless_same(int left, int right) { jump(BPF_JNE | BPF_X, left, right, 0); }
  // What follows, up to land(), is for equal values alone.
  std::size_t skip_unless(int left, std::int32_t value) {
    emit(BPF_JMP | BPF_JNE | BPF_K, left, 0, 0, value);
    return program_.size() - 1;
  }
  void land(std::size_t skip) { lead(skip, program_.size()); }

  // The way out: the program returns `result`.
  BpfProgram finish(std::int32_t result) {
    for (const std::size_t jump : jumps_) lead(jump, program_.size());
    set(0, result);
    emit(BPF_JMP | BPF_EXIT, 0, 0, 0, 0);
    return program_;
  }

 private:
  static int bits(BpfSize size) { return static_cast<int>(size); }
  void emit(int code, int to, int from, std::int16_t offset, std::int32_t value) {
    bpf_insn instruction{};
    instruction.code = static_cast<std::uint8_t>(code);
    instruction.dst_reg = to & 0xf;
    instruction.src_reg = from & 0xf;
    instruction.off = offset;
    instruction.imm = value;
    program_.push_back(instruction);
  }
  void wide(int to, int kind, std::uint64_t value) {
    emit(BPF_LD | BPF_DW | BPF_IMM, to, kind, 0, static_cast<std::int32_t>(value & 0xffffffffU));
    emit(0, 0, 0, 0, static_cast<std::int32_t>(value >> 32));
  }
  void lead(std::size_t jump, std::size_t to) {
    program_[jump].off = static_cast<std::int16_t>(to - jump - 1);
  }
  void jump(int code, int left, int right, std::int32_t value) {
    jumps_.push_back(program_.size());
    emit(BPF_JMP | code, left, right, 0, value);
  }

  BpfProgram program_;
  std::vector<std::size_t> jumps_;
};

}  // namespace fairlead::relay
