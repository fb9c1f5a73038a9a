#include "tokens.h"

#include <bit>
#include <cctype>
#include <cstdlib>
#include <cstring>

namespace stand_in {

namespace {

bool begins_word(char c) { return std::isalpha(static_cast<unsigned char>(c)) || std::strchr("_$%.", c); }
bool continues_word(char c) { return std::isalnum(static_cast<unsigned char>(c)) || std::strchr("_$%.", c); }

// `0f3F800000`, `0d...`, `0x..`, `017`, `42U`, `1.5e-3`.
size_t read_number(std::string_view rest, Token& token) {
  const char marker = rest.size() > 1 && rest[0] == '0' ? rest[1] : ' ';
  size_t length = 0;
  if (std::strchr("fFdD", marker)) {
    token.kind = marker == 'f' || marker == 'F' ? Token::float_bits : Token::double_bits;
    const size_t digits = token.kind == Token::float_bits ? 8 : 16;
    if (rest.size() < digits + 2) return 0;
    const std::string hex(rest.substr(2, digits));
    char* end = nullptr;
    token.bits = std::strtoull(hex.c_str(), &end, 16);
    return *end ? 0 : digits + 2;
  }
  while (length < rest.size() &&
         (std::isalnum(static_cast<unsigned char>(rest[length])) || rest[length] == '.' ||
          (length && std::strchr("+-", rest[length]) && marker != 'x' && marker != 'X' &&
           std::strchr("eE", rest[length - 1]))))
    ++length;
  const std::string digits(rest.substr(0, length));
  char* end = nullptr;
  if (marker != 'x' && marker != 'X' && digits.find_first_of(".eE") != std::string::npos) {
    token.kind = Token::double_bits;
    token.bits = std::bit_cast<uint64_t>(std::strtod(digits.c_str(), &end));
    return *end ? 0 : length;
  }
  token.kind = Token::integer;
  const bool binary = marker == 'b' || marker == 'B';
  token.bits = std::strtoull(digits.c_str() + (binary ? 2 : 0), &end, binary ? 2 : 0);
  if (*end == 'U') ++end;
  return *end ? 0 : length;
}

} // namespace

bool tokenize(std::string_view text, std::vector<Token>& tokens, std::string& problem, uint32_t& line) {
  constexpr std::string_view IMPLICIT = "// implicit-def: ";
  line = 1;
  tokens.reserve(text.size() / 4);
  for (size_t at = 0; at < text.size() && text[at];) {
    const char c = text[at];
    const std::string_view rest = text.substr(at);
    Token token;
    token.line = line;
    if (c == '\n') {
      ++line;
      ++at;
      continue;
    }
    if (std::isspace(static_cast<unsigned char>(c))) {
      ++at;
      continue;
    }
    if (rest.starts_with("//")) {
      const size_t length = std::min(rest.find('\n'), rest.size());
      if (rest.starts_with(IMPLICIT)) {
        size_t end = IMPLICIT.size();
        while (end < length && continues_word(rest[end])) ++end;
        token.kind = Token::implicit_definition;
        token.text = rest.substr(IMPLICIT.size(), end - IMPLICIT.size());
        tokens.push_back(token);
      }
      at += length;
      continue;
    }
    if (rest.starts_with("/*")) {
      const size_t end = rest.find("*/");
      if (end == std::string_view::npos) {
        problem = "a comment has no end";
        return false;
      }
      for (const char skipped : rest.substr(0, end)) line += skipped == '\n';
      at += end + 2;
      continue;
    }
    size_t length = 1;
    if (begins_word(c)) {
      while (length < rest.size() && (continues_word(rest[length]) || rest.substr(length, 2) == "::" ||
                                      rest.substr(length - 1, 2) == "::"))
        ++length;
      token.kind = Token::word;
    } else if (std::isdigit(static_cast<unsigned char>(c))) {
      length = read_number(rest, token);
    } else if (c == '"') {
      length = rest.find('"', 1);
      length = length == std::string_view::npos ? 0 : length + 1;
      token.kind = Token::text_literal;
    } else if (std::strchr("{}()[]<>,;:@!|+-=", c)) {
      token.kind = Token::sign;
    } else {
      length = 0;
    }
    if (length == 0) {
      problem = "no token begins here";
      return false;
    }
    token.text = rest.substr(0, length);
    tokens.push_back(token);
    at += length;
  }
  tokens.push_back({Token::end, line, {}, 0});
  return true;
}

} // namespace stand_in
