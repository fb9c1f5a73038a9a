// Words, numbers and signs of PTX text.
#pragma once
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

namespace stand_in {

struct Token {
  // An implicit definition is a comment by which the compiler says that a register holds anything from here
  // on.
  enum Kind : uint8_t {
    end,
    word,
    integer,
    float_bits,
    double_bits,
    text_literal,
    sign,
    implicit_definition
  };
  Kind kind = end;
  uint32_t line = 0;
  std::string_view text;
  uint64_t bits = 0;
};

// The last token is `end`. False with `problem` and its line if the text has something that is no token.
bool tokenize(std::string_view text, std::vector<Token>& tokens, std::string& problem, uint32_t& line);

} // namespace stand_in
