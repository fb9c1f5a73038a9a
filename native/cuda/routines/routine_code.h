// A routine as launches of embedded functions, each with a table of its own.
#pragma once
#include "cuda/code/module_text.h"
#include "cuda/code/routine.h"
#include "device/lines.h"

namespace adjoint::cuda {

// The words that a function reads. Those that are the same every time are kept; each run fills in the others.
class RoutineTable {
 public:
  void word(int64_t value) { words_.push_back(static_cast<uint64_t>(value)); }
  // Adds the address of an element.
  void array(uint16_t array, int64_t offset, DType dtype) {
    fill(Source::array, array, offset * bytes_of(dtype));
  }
  void scratch(int64_t byte) { fill(Source::scratch, 0, byte); }
  void failure() { fill(Source::failure, 0, 0); }
  // Adds lines, as LinesTable reads them; see cuda/kernels/lines.h.
  void lines(const Lines& lines);

  size_t size() const { return words_.size(); }
  void write(const Instance& instance, uint64_t* to) const;

 private:
  enum class Source : uint8_t { array, scratch, failure };
  struct Address {
    Source source;
    uint16_t array;
    size_t word;
  };
  void fill(Source source, uint16_t array, int64_t byte) {
    addresses_.push_back({source, array, words_.size()});
    word(byte);
  }
  std::vector<uint64_t> words_;
  std::vector<Address> addresses_; // to be added to the words
};

class RoutineCode final : public KernelCode {
 public:
  RoutineCode(const char* text, const Chip& chip) : text_(text), chip_(chip) {}

  // Launches the function whose name begins with `prefix`, with a thread for each item, or with as many
  // threads as keep the chip busy, which then take several items each.
  RoutineTable& launch(const std::string& prefix, int64_t items, uint32_t threads = 256);
  // The same for blocks.
  RoutineTable& launch_blocks(const std::string& prefix, int64_t blocks, uint32_t threads);
  int64_t scratch = 0;
  // To be called when all launches have been added.
  void finish();

  size_t table_words(std::span<const Instance>) const override { return words_; }
  void fill_table(std::span<const Instance> instances, Scratch, uint64_t* words) const override;
  std::vector<FunctionLaunch> launches(std::span<const Instance>) const override { return launches_; }
  int64_t partials_bytes(std::span<const Instance>) const override { return 0; }
  int64_t ticket_count(std::span<const Instance>) const override { return 0; }
  int64_t scratch_bytes() const override { return scratch; }

 private:
  const char* text_;
  Chip chip_;
  size_t words_ = 0;
  std::vector<std::string> prefixes_;
  std::vector<FunctionLaunch> launches_;
  std::vector<std::unique_ptr<RoutineTable>> tables_;
};

} // namespace adjoint::cuda
