// Instructions one by one: what is computed from given bits.
#include <bit>
#include <cctype>
#include <cmath>
#include <cstring>

#include "harness.h"

namespace {

constexpr uint64_t F(float x) { return std::bit_cast<uint32_t>(x); }
constexpr uint64_t D(double x) { return std::bit_cast<uint64_t>(x); }
constexpr uint64_t S(int64_t x) { return static_cast<uint64_t>(x); }
constexpr uint64_t NAN32 = 0x7FFFFFFF;
constexpr double INF = INFINITY;

// `code` names its operands d, a, b, c; d and p too may be predicates, of which 1 is true.
struct Row {
  const char* code;
  const char* types; // of d, a, b, c: p h w l for predicates and 16, 32, 64 bits
  uint64_t expected, a = 0, b = 0, c = 0;
};
const Row ROWS[] = {
    {"add.s32 d, a, b;", "www", S(-1), 5, S(-6)},
    {"add.sat.s32 d, a, b;", "www", 0x7FFFFFFF, 0x7FFFFFFF, 5},
    {"sub.u64 d, a, b;", "lll", S(-3), 4, 7},
    {"add.u16 d, a, 65535;", "hh", 3, 4},
    {"mul.lo.s32 d, a, b;", "www", S(-12), 3, S(-4)},
    {"mul.hi.s32 d, a, b;", "www", S(-1), 3, S(-4)},
    {"mul.hi.u32 d, a, b;", "www", 2, 3, S(-4)},
    {"mul.wide.s32 d, a, b;", "lww", S(-12), 3, S(-4)},
    {"mul.wide.u16 d, a, b;", "whh", 0xFFFE0001, 0xFFFF, 0xFFFF},
    {"mul.hi.u64 d, a, b;", "lll", 1, uint64_t{1} << 63, 2},
    {"mul.lo.u16 d, a, b;", "hhh", 1, 0xFFFF, 0xFFFF},
    {"mad.lo.s32 d, a, b, c;", "wwww", S(-11), 3, S(-4), 1},
    {"mad.wide.u32 d, a, b, c;", "lwwl", 0x300000002, 0xFFFFFFFF, 3, 5},
    {"mad.hi.u32 d, a, b, c;", "wwww", 7, 0x80000000, 4, 5},
    {"{ .reg .b32 t; add.cc.u32 t, a, b; addc.u32 d, c, 0; }", "wwww", 8, 0xFFFFFFFF, 1, 7},
    {"{ .reg .b32 t; sub.cc.u32 t, a, b; subc.u32 d, c, 0; }", "wwww", 6, 0, 1, 7},
    {"{ .reg .b32 t; mad.lo.cc.u32 t, a, b, 1; madc.hi.u32 d, a, b, c; }", "wwww", 7, 0xFFFFFFFF, 0xFFFFFFFF,
     9},
    {"{ .reg .b32 t; mad.lo.cc.u32 t, a, b, 0x10000; addc.u32 d, c, 0; }", "wwww", 11, 0x10000, 0xFFFF, 10},
    {"div.s32 d, a, b;", "www", S(-3), 7, S(-2)},
    {"div.s32 d, a, b;", "www", 0x80000000, 0x80000000, S(-1)},
    {"div.u32 d, a, b;", "www", 0xFFFFFFFF, 7, 0},
    {"rem.s32 d, a, b;", "www", S(-1), S(-7), 2},
    {"rem.u64 d, a, b;", "lll", 3, 13, 5},
    {"neg.s32 d, a;", "ww", S(-5), 5},
    {"abs.s64 d, a;", "ll", 5, S(-5)},
    {"min.s32 d, a, b;", "www", S(-5), 5, S(-5)},
    {"max.u32 d, a, b;", "www", S(-5), 5, S(-5)},
    {"sad.s32 d, a, b, c;", "wwww", 13, 5, S(-5), 3},
    {"and.b32 d, a, b;", "www", 8, 12, 10},
    {"xor.b64 d, a, b;", "lll", 6, 12, 10},
    {"not.b16 d, a;", "hh", 0xFFF0, 15},
    {"cnot.b32 d, a;", "ww", 1, 0},
    {"and.pred d, a, b;", "ppp", 0, 1, 0},
    {"not.pred d, a;", "pp", 1, 0},
    {"shl.b32 d, a, b;", "www", 0, 1, 32},
    {"shl.b64 d, a, b;", "llw", uint64_t{1} << 40, 1, 40},
    {"shr.s32 d, a, b;", "www", S(-1), S(-8), 99},
    {"shr.u32 d, a, b;", "www", 0x3FFFFFFE, S(-8), 2},
    {"shr.s16 d, a, b;", "hhw", 0xFFFE, 0xFFF8, 2},
    {"shf.l.wrap.b32 d, a, b, c;", "wwww", 0x34567812, 0x12345678, 0x12345678, 8},
    {"shf.l.wrap.b32 d, a, b, c;", "wwww", 0x2468ACF1, 0x80000000, 0x12345678, 33},
    {"shf.r.clamp.b32 d, a, b, c;", "wwww", 0x12345678, 1, 0x12345678, 40},
    {"shf.r.wrap.b32 d, a, b, c;", "wwww", 0x80000000, 1, 1, 1},
    {"bfe.u32 d, a, 4, 8;", "ww", 0x67, 0x12345678},
    {"bfe.s32 d, a, 4, 8;", "ww", S(-9), 0x12345F78},
    {"bfe.s32 d, a, 28, 8;", "ww", S(-8), 0x82345F78},
    {"bfi.b32 d, a, b, 8, 4;", "www", 0x12345F78, 0xF, 0x12345678},
    {"bfind.u32 d, a;", "ww", 12, 0x1234},
    {"bfind.s32 d, a;", "ww", 0xFFFFFFFF, S(-1)},
    {"bfind.shiftamt.u32 d, a;", "ww", 19, 0x1234},
    {"popc.b64 d, a;", "wl", 64, S(-1)},
    {"clz.b32 d, a;", "ww", 32, 0},
    {"brev.b32 d, a;", "ww", 0x1E6A2C48, 0x12345678},
    {"prmt.b32 d, a, b, 0x7210;", "www", 0xAA332211, 0x44332211, 0xAABBCCDD},
    {"prmt.b32 d, a, b, 0x000F;", "www", 0x111111FF, 0x44332211, 0xAABBCCDD},
    {"lop3.b32 d, a, b, c, 0x96;", "wwww", 1 ^ 2 ^ 4, 1, 2, 4},
    {"lop3.b32 d, a, b, c, 0xE8;", "wwww", 0xE8, 0xCC, 0xAA, 0xF0 & 0xE0},
    {"dp4a.s32.s32 d, a, b, c;", "wwww", 10 - 6 + 1, 0x000002FF, 0x00000506, 1},
    {"selp.b32 d, a, b, c;", "wwwp", 5, 5, 6, 1},
    {"slct.b32.s32 d, a, b, c;", "wwww", 6, 5, 6, S(-1)},
    {"slct.f32.f32 d, a, b, c;", "wwww", 5, 5, 6, F(-0.0f)},
    {"set.lt.u32.s32 d, a, b;", "www", 0xFFFFFFFF, S(-5), 6},
    {"set.gt.f32.u32 d, a, b;", "www", F(1), S(-5), 6},
    {"setp.lt.s32 d, a, b;", "pww", 1, S(-5), 6},
    {"setp.lo.u32 d, a, b;", "pww", 0, S(-5), 6},
    {"setp.ne.f32 d, a, b;", "pww", 0, NAN32, F(1)},
    {"setp.neu.f32 d, a, b;", "pww", 1, NAN32, F(1)},
    {"setp.ltu.f64 d, a, b;", "pll", 1, D(NAN), D(1)},
    {"setp.geu.f64 d, a, b;", "pll", 0, D(0), D(1)},
    {"setp.equ.f32 d, a, b;", "pww", 1, NAN32, F(1)},
    {"setp.num.f32 d, a, b;", "pww", 0, NAN32, F(1)},
    {"setp.nan.f32 d, a, b;", "pww", 1, NAN32, F(1)},
    {"setp.eq.and.s32 d, a, b, c;", "pwwp", 0, 1, 1, 0},
    {"setp.eq.or.s32 d, a, b, !c;", "pwwp", 1, 1, 2, 0},
    {"setp.eq.xor.s32 d, a, b, c;", "pwwp", 0, 1, 1, 1},
    {"{ .reg .pred q; setp.eq.s32 q|d, a, b; }", "pww", 1, 1, 2},
    {"setp.eq.ftz.f32 d, a, b;", "pww", 1, 1, 2},
    {"setp.eq.s32 d, a, b; @d setp.ne.s32 d, a, b;", "pww", 0, 3, 3},

    {"add.f32 d, a, b;", "www", F(3.5f), F(1), F(2.5f)},
    {"add.rz.f32 d, a, b;", "www", F(1), F(1), F(1e-9f)},
    {"add.rp.f32 d, a, b;", "www", F(1) + 1, F(1), F(1e-9f)},
    {"add.rm.f64 d, a, b;", "lll", D(1) - 1, D(1), D(-1e-30)},
    {"add.f32 d, a, b;", "www", 3, 1, 2},
    {"add.ftz.f32 d, a, b;", "www", 0, 1, 2},
    {"add.f32 d, a, b;", "www", NAN32, F(INFINITY), F(-INFINITY)},
    {"add.sat.f32 d, a, b;", "www", F(1), F(1), F(2)},
    {"sub.f64 d, a, b;", "lll", D(-1.5), D(1), D(2.5)},
    {"mul.rn.f32 d, a, b;", "www", F(-3), F(1.5f), F(-2)},
    {"fma.rn.f32 d, a, b, c;", "wwww", F(-0x1p-46f), F(1 + 0x1p-23f), F(1 - 0x1p-23f), F(-1)},
    {"fma.rz.f32 d, a, b, c;", "wwww", F(1), F(1), F(1), F(1e-10f)},
    {"fma.rn.f64 d, a, b, c;", "llll", D(-0x1p-104), D(1 + 0x1p-52), D(1 - 0x1p-52), D(-1)},
    {"mad.rn.f32 d, a, b, c;", "wwww", F(7), F(2), F(3), F(1)},
    {"div.rn.f32 d, a, b;", "www", F(1.0f / 3), F(1), F(3)},
    {"div.rp.f64 d, a, b;", "lll", D(1.0 / 3) + 1, D(1), D(3)},
    {"div.full.f32 d, a, b;", "www", F(2), F(6), F(3)},
    {"neg.f32 d, a;", "ww", F(-0.0f), F(0)},
    {"abs.f64 d, a;", "ll", D(2), D(-2)},
    {"min.f32 d, a, b;", "www", F(1), NAN32, F(1)},
    {"min.NaN.f32 d, a, b;", "www", NAN32, NAN32, F(1)},
    {"max.f32 d, a, b;", "www", F(0), F(-0.0f), F(0)},
    {"min.f64 d, a, b;", "lll", D(-0.0), D(0), D(-0.0)},
    {"sqrt.rn.f32 d, a;", "ww", F(1.41421356f), F(2)},
    {"sqrt.rn.f64 d, a;", "ll", D(3), D(9)},
    {"rcp.rn.f32 d, a;", "ww", F(0.25f), F(4)},
    {"rcp.approx.ftz.f64 d, a;", "ll", D(0.25), D(4)},
    {"rsqrt.approx.f32 d, a;", "ww", F(0.5f), F(4)},
    {"ex2.approx.ftz.f32 d, a;", "ww", F(8), F(3)},
    {"ex2.approx.ftz.f32 d, a;", "ww", 0, F(-130)},
    {"lg2.approx.f32 d, a;", "ww", F(-INFINITY), F(0)},
    {"sin.approx.f32 d, a;", "ww", F(0), F(0)},
    {"cos.approx.f32 d, a;", "ww", F(1), F(0)},
    {"tanh.approx.f32 d, a;", "ww", F(1), F(50)},
    {"copysign.f32 d, a, b;", "www", F(-3), F(-1), F(3)},
    {"testp.subnormal.f32 d, a;", "pw", 1, 5},
    {"testp.notanumber.f64 d, a;", "pl", 1, D(NAN)},
    {"add.f32 d, a, 1.5;", "ww", F(2.5f), F(1)},
    {"add.f64 d, a, 0d3FF0000000000000;", "ll", D(2), D(1)},

    {"cvt.u32.u64 d, a;", "wl", 0x9ABCDEF0, 0x123456789ABCDEF0},
    {"cvt.s64.s32 d, a;", "lw", S(-5), S(-5)},
    {"cvt.u64.u32 d, a;", "lw", 0xFFFFFFFB, S(-5)},
    {"cvt.s32.s8 d, a;", "ww", S(-1), 0x1FF},
    {"cvt.u32.u8 d, a;", "wh", 0xFF, 0x1FF},
    {"cvt.u8.u32 d, a;", "ww", 0x78, 0x12345678},
    {"cvt.sat.u8.s32 d, a;", "ww", 0, S(-3)},
    {"cvt.sat.s8.s32 d, a;", "ww", 127, 300},
    {"cvt.rn.f32.s32 d, a;", "ww", F(-7), S(-7)},
    {"cvt.rn.f32.u64 d, a;", "wl", F(0x1p63f), uint64_t{1} << 63},
    {"cvt.rz.f32.u32 d, a;", "ww", F(0x1.fffffep31f), 0xFFFFFFFF},
    {"cvt.rn.f64.s64 d, a;", "ll", D(-7), S(-7)},
    {"cvt.rzi.s32.f32 d, a;", "ww", S(-2), F(-2.9f)},
    {"cvt.rni.s32.f32 d, a;", "ww", 2, F(2.5f)},
    {"cvt.rmi.s32.f64 d, a;", "wl", S(-3), D(-2.1)},
    {"cvt.rpi.s32.f64 d, a;", "wl", 3, D(2.1)},
    {"cvt.rzi.s32.f32 d, a;", "ww", 0x7FFFFFFF, F(1e20f)},
    {"cvt.rzi.u32.f32 d, a;", "ww", 0, F(-1)},
    {"cvt.rzi.s32.f32 d, a;", "ww", 0, NAN32},
    {"cvt.rzi.s64.f64 d, a;", "ll", uint64_t{1} << 63, D(NAN)},
    {"cvt.rzi.u8.f32 d, a;", "ww", 255, F(1000)},
    {"cvt.rzi.u64.f64 d, a;", "ll", S(-1), D(1e30)},
    {"cvt.rn.f32.f64 d, a;", "wl", F(0.1f), D(0.1)},
    {"cvt.rz.f32.f64 d, a;", "wl", F(0.1f) - 1, D(0.1)},
    {"cvt.f64.f32 d, a;", "lw", D(0.5), F(0.5f)},
    {"cvt.rni.f32.f32 d, a;", "ww", F(-2), F(-2.5f)},
    {"cvt.rmi.f64.f64 d, a;", "ll", D(-3), D(-2.5)},
    {"cvt.rzi.f32.f32 d, a;", "ww", F(-0.0f), F(-0.5f)},
    {"cvt.sat.f32.f32 d, a;", "ww", F(1), F(3)},
    {"cvt.ftz.f64.f32 d, a;", "lw", 0, 1},

    {"mov.b64 d, {a, b};", "lww", 0x200000001, 1, 2},
    {"{ .reg .b32 t; mov.b64 {t, d}, a; }", "wl", 2, 0x200000001},
    {"{ mov.b64 {_, d}, a; }", "wl", 2, 0x200000001},
    {"mov.b32 d, {a, b};", "whh", 0x20001, 1, 2},
    {"{ .reg .b16 t, u, v, w; mov.b64 {t, u, v, w}, a; mov.b64 d, {w, v, u, t}; }", "ll", 0x4000300020001,
     0x1000200030004},
    {"mov.u32 d, %ntid.x;", "w", 32},
    {"mov.u32 d, %lanemask_lt;", "w", 0},
    {"mov.u64 d, 0x123456789;", "l", 0x123456789},
    {"mov.b32 d, 0f3F800000;", "w", F(1)},
    {"mov.u32 d, -5;", "w", S(-5)},
    {"mov.u32 d, 017;", "w", 15},
    {"mov.pred d, 1;", "p", 1},
    {"mov.u32 d, WARP_SZ;", "w", 32},
    {"activemask.b32 d;", "w", 0xFFFFFFFF},
    {"vote.sync.ballot.b32 d, a, 0xFFFFFFFF;", "wp", 0xFFFFFFFF, 1},
    {"vote.sync.all.pred d, !a, -1;", "pp", 1, 0},
    {"match.any.sync.b32 d, a, 0xFFFFFFFF;", "ww", 0xFFFFFFFF, 1},
    {"redux.sync.add.s32 d, a, 0xFFFFFFFF;", "ww", S(-96), S(-3)},
    {"{ .reg .pred q; shfl.sync.idx.b32 d|q, a, 5, 31, -1; }", "ww", 9, 9},
    {"bar.red.popc.u32 d, 0, a;", "wp", 32, 1},
    {"barrier.red.or.pred d, 0, a;", "pp", 0, 0},
    {"{ .shared .align 4 .b8 s[4]; .reg .b64 g; cvta.shared.u64 g, s; isspacep.shared d, g; }", "p", 1},
    {"{ .local .align 4 .b32 s; st.local.b32 [s], a; ld.local.b32 d, [s]; }", "ww", 7, 7},
    {"{ .local .align 4 .b32 s; .reg .b64 g; cvta.local.u64 g, s; st.b32 [g], a; ld.b32 d, [g]; }", "ww", 7,
     7},
    {"{ .local .align 8 .b64 s; st.local.v2.b32 [s], {a, b}; ld.local.b64 d, [s]; }", "lww", 0x200000001, 1,
     2},
    {"{ .local .align 4 .b32 s; st.local.b32 [s], -2; ld.local.s8 d, [s]; }", "w", S(-2)},
    {"{ .local .align 4 .b32 s; st.local.b32 [s], -2; ld.local.u8 d, [s]; }", "l", 0xFE},
    {"bra.uni $skip; mov.u32 d, 1; $skip: mov.u32 d, 2;", "w", 2},
    {"mov.u32 d, 1; { bra $end; mov.u32 d, 3; $end: add.u32 d, d, 1; } { bra $end; mov.u32 d, 5; $end: "
     "add.u32 d, d, 1; }",
     "w", 3},
    {"$t: .branchtargets $x, $y; brx.idx a, $t; $x: mov.u32 d, 1; bra $z; $y: mov.u32 d, 2; $z:", "ww", 2, 1},
};

std::string named(const std::string& code) {
  std::string made;
  for (size_t k = 0; k < code.size(); ++k) {
    const auto is_part = [](char c) {
      return std::isalnum(static_cast<unsigned char>(c)) || std::strchr("_.$%", c);
    };
    const bool alone = (k == 0 || !is_part(code[k - 1])) && (k + 1 == code.size() || !is_part(code[k + 1]));
    made += alone && std::strchr("abcd", code[k]) ? std::string("%") + code[k] : std::string(1, code[k]);
  }
  return made;
}

TEST(each_instruction) {
  Session session;
  std::string failures;
  const Array<uint64_t> in(3, session.stream), out(1, session.stream);
  for (const Row& row : ROWS) {
    const std::string types = row.types;
    const auto bits = [](char type) { return type == 'h' ? "16" : type == 'l' ? "64" : "32"; };
    std::string code =
        ".visible .entry k(.param .u64 in, .param .u64 out) {\n .reg .b64 %i, %o; .reg .b64 %w<4>;\n"
        " .reg .b64 %t; ld.param.u64 %i, [in]; ld.param.u64 %o, [out];\n";
    for (size_t k = 0; k < types.size(); ++k) {
      const std::string name = std::string("%") + "dabc"[k], wide = "%w" + std::to_string(k);
      code += types[k] == 'p' ? " .reg .pred " + name + ";\n"
                              : std::string(" .reg .b") + bits(types[k]) + " " + name + ";\n";
      if (k == 0) continue;
      code += " ld.global.u64 " + wide + ", [%i+" + std::to_string(8 * (k - 1)) + "];\n";
      code += types[k] == 'p' ? " setp.ne.u64 " + name + ", " + wide + ", 0;\n"
                              : std::string(" cvt.u") + bits(types[k]) + ".u64 " + name + ", " + wide + ";\n";
    }
    code += named(row.code) + "\n";
    code += types[0] == 'p' ? " selp.u64 %t, 1, 0, %d;\n"
                            : std::string(" cvt.u64.u") + bits(types[0]) + " %t, %d;\n";
    code += " .reg .pred %first; .reg .b32 %tid; mov.u32 %tid, %tid.x; setp.eq.u32 %first, %tid, 0;\n"
            " @%first st.global.u64 [%o], %t;\n ret;\n}\n";
    try {
      const CUmodule module = session.load(ptx(code));
      const uint64_t values[] = {row.a, row.b, row.c};
      OK(cuMemcpyHtoDAsync_v2(in.address, values, sizeof values, session.stream));
      OK(launch(session.stream, session.function(module, "k"), {.threads = 32}, in.address, out.address));
      const uint64_t mask = types[0] == 'l' ? ~uint64_t{0} : types[0] == 'w' ? 0xFFFFFFFF : 0xFFFF;
      const uint64_t got = out.read()[0];
      char hex[64];
      std::snprintf(hex, sizeof hex, "%llx, not %llx", static_cast<unsigned long long>(got),
                    static_cast<unsigned long long>(row.expected & mask));
      if (got != (row.expected & mask)) failures += std::string("\n  ") + row.code + " gives " + hex;
      OK(cuModuleUnload(module));
    } catch (const std::exception& error) {
      failures += std::string("\n  ") + row.code + ": " + error.what();
      if (cuCtxSynchronize() != CUDA_SUCCESS) break;
    }
  }
  if (!failures.empty()) throw std::runtime_error(failures);
}

} // namespace
