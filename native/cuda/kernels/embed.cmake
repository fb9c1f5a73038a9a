# Writes C++ that holds PTX files:  cmake -DPTX="a.ptx;b.ptx" -DOUTPUT=embedded.cpp -P embed.cmake
#
# nvcc 13 says .version 9.0, which only drivers from 580 on accept; nothing in these files needs more than 7.0,
# which drivers from 450 on know. ptxas refuses in the tests what is newer after all.
set(code "// Generated.\n#include \"cuda/code/embedded.h\"\n\nnamespace adjoint::cuda {\n\nnamespace {\n")
set(table "")
set(count 0)
foreach(path IN LISTS PTX)
  get_filename_component(name "${path}" NAME_WE)
  file(READ "${path}" text)
  string(REGEX REPLACE "\\.version [0-9.]+" ".version 7.0" text "${text}")
  string(REGEX REPLACE "\n[ \t]*//[^\n]*" "" text "\n${text}") # comments
  string(REGEX REPLACE "[ \t]*\n[ \t\n]*" "\n" text "${text}")
  string(LENGTH "${text}" length)
  string(APPEND code "const char* const ${name}_chunks[] = {\n")
  set(at 0)
  while(at LESS length)
    string(SUBSTRING "${text}" ${at} 8000 chunk)
    string(APPEND code "R\"ptx(${chunk})ptx\",\n")
    math(EXPR at "${at} + 8000")
  endwhile()
  string(APPEND code "nullptr};\n")
  string(APPEND table "    {\"${name}\", ${name}_chunks},\n")
  math(EXPR count "${count} + 1")
endforeach()
string(APPEND code
  "\n} // namespace\n\nconst EmbeddedText embedded_texts[] = {\n${table}    {nullptr, nullptr}};\n"
  "const size_t embedded_count = ${count};\n\n} // namespace adjoint::cuda\n")
file(WRITE "${OUTPUT}" "${code}")
