// Products on tensor cores: where PTX says that the elements of fragments lie, and what TF32 leaves of them.
#include <bit>
#include <cmath>

#include "harness.h"

namespace {

std::string for_80(const std::string& body) {
  return ".version 7.0\n.target sm_80\n.address_size 64\n" + body;
}

// Fragments are loaded by what the PTX ISA says of mma.m16n8k8: with groupID = %laneid >> 2 and
// threadID_in_group = %laneid % 4,
//   a_i   row = groupID for i in 0, 2, groupID + 8 for 1, 3; column = threadID_in_group, + 4 for i >= 2
//   b_i   row = threadID_in_group, + 4 for i = 1; column = groupID
//   c_i   row = groupID for i < 2, else groupID + 8; column = threadID_in_group * 2 + (i & 1)
std::string product_kernel(const char* before) {
  const auto place = [](const char* reg, const char* row, int row_offset, const char* column,
                        int column_offset, int base) {
    return std::string(" mad.lo.u32 %t, ") + row + ", 8, " + column + ";\n add.u32 %t, %t, " +
           std::to_string(row_offset * 8 + column_offset + base) +
           ";\n mul.wide.u32 %w, %t, 4;\n add.u64 %w, %w, %p;\n ld.global.b32 " + reg + ", [%w];\n";
  };
  std::string code =
      ".visible .entry k(.param .u64 in, .param .u64 out) {\n"
      " .reg .b64 %p, %q, %w; .reg .b32 %t, %g, %m, %m2, %l, %a<4>, %b<2>, %c<4>; .reg .pred %first;\n"
      " ld.param.u64 %p, [in]; ld.param.u64 %q, [out];\n"
      " mov.u32 %l, %tid.x; and.b32 %m, %l, 3; shl.b32 %m2, %m, 1; shr.u32 %g, %l, 2; and.b32 %g, %g, 7;\n";
  for (int i = 0; i < 4; ++i)
    code += place(("%a" + std::to_string(i)).c_str(), "%g", i % 2 * 8, "%m", i / 2 * 4, 0);
  for (int i = 0; i < 2; ++i) code += place(("%b" + std::to_string(i)).c_str(), "%m", i * 4, "%g", 0, 128);
  for (int i = 0; i < 4; ++i)
    code += place(("%c" + std::to_string(i)).c_str(), "%g", i / 2 * 8, "%m2", i % 2, 192);
  code += before;
  code += " mma.sync.aligned.m16n8k8.row.col.f32.tf32.tf32.f32 {%c0, %c1, %c2, %c3}, {%a0, %a1, %a2, %a3}, "
          "{%b0, %b1}, {%c0, %c1, %c2, %c3};\n";
  for (int i = 0; i < 4; ++i)
    code += " mad.lo.u32 %t, %g, 8, %m2;\n add.u32 %t, %t, " + std::to_string(i / 2 * 64 + i % 2) +
            ";\n mul.wide.u32 %w, %t, 4;\n add.u64 %w, %w, %q;\n st.global.b32 [%w], %c" + std::to_string(i) +
            ";\n";
  return for_80(code + " ret;\n}\n");
}

// 16 x 8 of A, 8 x 8 of B, 16 x 8 of C.
std::vector<float> product(Session& session, const std::vector<float>& in, const char* before = "") {
  const Array<float> from(in, session.stream), to(128, session.stream);
  const CUmodule module = session.load(product_kernel(before));
  OK(launch(session.stream, session.function(module, "k"), {.threads = 32}, from.address, to.address));
  return to.read();
}

TEST_IN("capability=80", products_on_tensor_cores) {
  Session session;
  std::vector<float> in(320);
  for (size_t i = 0; i < in.size(); ++i) in[i] = static_cast<float>(i * 37 % 101) - 50;
  const std::vector<float> out = product(session, in);
  for (size_t row = 0; row < 16; ++row)
    for (size_t column = 0; column < 8; ++column) {
      float sum = in[192 + row * 8 + column];
      for (size_t k = 0; k < 8; ++k) sum += in[row * 8 + k] * in[128 + k * 8 + column];
      CHECK(out[row * 8 + column] == sum);
    }
}

TEST_IN("capability=80", tensor_cores_ignore_low_bits) {
  Session session;
  std::vector<float> in(320);
  // 1 + 2^-10 is a TF32, what is beyond is cut off; of what is added nothing is.
  in[0] = std::bit_cast<float>(std::bit_cast<uint32_t>(1 + 0x1p-10f) | 0x1FFF);
  in[128] = -1;
  in[192] = 1 + 0x1p-23f;
  CHECK(product(session, in)[0] == 0x1p-23f - 0x1p-10f);
}

TEST_IN("capability=80", tensor_cores_need_a_whole_warp) {
  Session session;
  const std::vector<float> in(320);
  const Array<float> from(in, session.stream), to(128, session.stream);
  const CUmodule module = session.load(product_kernel(" setp.eq.u32 %first, %l, 5;\n @%first ret;\n"));
  const std::string report = captured([&] {
    OK(launch(session.stream, session.function(module, "k"), {.threads = 32}, from.address, to.address));
    GIVES(CUDA_ERROR_LAUNCH_FAILED, cuCtxSynchronize());
  });
  CHECK(report.find("mma without all threads of the warp") != report.npos);
}

TEST_IN("capability=80", rounding_to_tf32) {
  Session session;
  const std::vector<float> in = {1,
                                 1 + 0x1p-11f,                  // a tie goes away from zero
                                 -1 - 0x1p-11f,                 //
                                 1 + 0x1p-11f - 0x1p-23f,       // just below one
                                 2 - 0x1p-23f,                  // into the next binade
                                 std::bit_cast<float>(0x1FFFu), // a subnormal number
                                 INFINITY,
                                 NAN};
  const std::vector<float> expected = {
      1, 1 + 0x1p-10f, -1 - 0x1p-10f, 1, 2, std::bit_cast<float>(0x2000u), INFINITY, NAN};
  const Array<float> from(in, session.stream), to(in.size(), session.stream);
  const CUmodule module = session.load(for_80(
      ".visible .entry k(.param .u64 in, .param .u64 out) {\n .reg .b64 %p, %q, %w; .reg .b32 %r; .reg .f32 "
      "%f;\n ld.param.u64 %p, [in]; ld.param.u64 %q, [out]; mov.u32 %r, %tid.x; mul.wide.u32 %w, %r, 4;\n"
      " add.u64 %p, %p, %w; add.u64 %q, %q, %w; ld.global.f32 %f, [%p]; cvt.rna.tf32.f32 %r, %f;\n"
      " st.global.b32 [%q], %r; ret;\n}\n"));
  OK(launch(session.stream, session.function(module, "k"), {.threads = static_cast<unsigned>(in.size())},
            from.address, to.address));
  const std::vector<float> out = to.read();
  for (size_t i = 0; i < in.size(); ++i)
    CHECK(out[i] == expected[i] || (out[i] != out[i] && expected[i] != expected[i]));
}

TEST_IN("capability=80", tf32_is_refused_for_older_devices) {
  Session session;
  const std::string older =
      session.refusal(ptx(".visible .entry k() {\n .reg .b32 %r; .reg .f32 %f; mov.f32 %f, 0f00000000;\n"
                          " cvt.rna.tf32.f32 %r, %f; ret;\n}\n"));
  CHECK(older.find("needs .target sm_80 or higher") != older.npos);
}
TEST(tf32_is_refused_by_older_devices) {
  Session session;
  const std::string newer = session.refusal(product_kernel(""));
  CHECK(newer.find("is beyond the device's capability") != newer.npos);
}

} // namespace
