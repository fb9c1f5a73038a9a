// What a kernel must not do: each violation is found, named, and breaks the context. And what looks like one
// but is none.
#include "harness.h"

namespace {

struct Violation {
  const char* what;
  CUresult code;
  const char* message; // a part of it
  const char* body;    // after the preamble below
  unsigned threads = 64, blocks = 1, shared = 0;
  size_t bytes = 256; // of the buffer, whose first 64 words are zero and the rest was never written
};

// %p: 64 words that are zero. %t: the thread. %q: the place of the thread's word.
const std::string PREAMBLE = R"(.extern .shared .align 16 .b8 dynamic[];
.visible .entry kernel(.param .u64 pointer) {
  .reg .b64 %p, %q, %d<4>; .reg .b32 %t, %r<8>; .reg .f32 %f<8>; .reg .pred %c<4>;
  ld.param.u64 %p, [pointer];
  mov.u32 %t, %tid.x;
  mul.wide.u32 %q, %t, 4;
  add.s64 %q, %q, %p;
)";

const Violation VIOLATIONS[] = {
    {"a read past the end", CUDA_ERROR_ILLEGAL_ADDRESS, "thread (63,0,0) of block (0,0,0): address",
     "ld.global.u32 %r0, [%q+4];"},
    {"a read before the start", CUDA_ERROR_ILLEGAL_ADDRESS, "no live allocation",
     "ld.global.u32 %r0, [%q+-4];"},
    {"a vector that reaches past the end", CUDA_ERROR_ILLEGAL_ADDRESS, "past whose end it reaches",
     "ld.global.v4.u32 {%r0, %r1, %r2, %r3}, [%p+256];", 1, 1, 0, 268},
    {"a null pointer", CUDA_ERROR_ILLEGAL_ADDRESS, "0x0 ", "mov.u64 %d0, 0; st.global.u32 [%d0], %t;"},
    {"an odd address", CUDA_ERROR_MISALIGNED_ADDRESS, "not aligned to the 4 bytes",
     "ld.global.u32 %r0, [%p+2];"},
    {"a vector at an odd address", CUDA_ERROR_MISALIGNED_ADDRESS, "not aligned to the 16 bytes",
     "ld.global.v4.f32 {%f0, %f1, %f2, %f3}, [%p+8];"},
    {"an atomic operation beyond", CUDA_ERROR_ILLEGAL_ADDRESS, "atom.global",
     "atom.global.add.u32 %r0, [%q+4], 1;"},
    {"shared memory beyond", CUDA_ERROR_ILLEGAL_ADDRESS, "shared address 64",
     "mov.u32 %r0, dynamic; shl.b32 %r1, %t, 2; add.u32 %r0, %r0, %r1; st.shared.u32 [%r0], %t;", 17, 1, 64},
    {"shared memory at an odd address", CUDA_ERROR_MISALIGNED_ADDRESS, "shared address 4",
     ".shared .align 16 .b8 s[64]; st.shared.v2.u32 [s+4], {%t, %t};", 1},
    {"local memory beyond", CUDA_ERROR_ILLEGAL_ADDRESS, "local address",
     ".local .align 4 .b8 s[16]; mov.u64 %d0, s; st.local.u32 [%d0+16], %t;"},
    {"a register that nothing was written to", CUDA_ERROR_LAUNCH_FAILED,
     "register that nothing was written to", "add.u32 %r0, %r1, 1;"},
    {"a register that some threads have not written", CUDA_ERROR_LAUNCH_FAILED, "thread (5,0,0)",
     "setp.lt.u32 %c0, %t, 5; @%c0 mov.u32 %r1, 1; add.u32 %r0, %r1, 1;"},
    {"a guard that nothing was written to", CUDA_ERROR_LAUNCH_FAILED, "register that nothing was written to",
     "@%c1 mov.u32 %r1, 1;"},
    {"shared memory that nothing was written to", CUDA_ERROR_LAUNCH_FAILED,
     "shared memory that was not written", ".shared .align 4 .b8 s[64]; ld.shared.u32 %r0, [s];"},
    {"shared memory that another block wrote", CUDA_ERROR_LAUNCH_FAILED, "of block (1,0,0)",
     ".shared .align 4 .b8 s[64]; mov.u32 %r0, %ctaid.x; setp.eq.u32 %c0, %r0, 0; @%c0 st.shared.u32 [s], 5;"
     "bar.sync 0; ld.shared.u32 %r0, [s];",
     1, 2},
    {"device memory that nothing was written to", CUDA_ERROR_LAUNCH_FAILED,
     "device memory that nothing was written to", "ld.global.u32 %r0, [%p+0x1200];", 64, 1, 0, 0x2000},
    {"two values at one place", CUDA_ERROR_LAUNCH_FAILED, "races with a write by thread 0",
     ".shared .align 4 .b8 s[64]; st.shared.u32 [s], %t;"},
    {"a read beside a write", CUDA_ERROR_LAUNCH_FAILED, "races with a write by thread",
     ".shared .align 4 .b8 s[256]; shl.b32 %r0, %t, 2; mov.u32 %r1, s; add.u32 %r2, %r0, %r1;"
     "st.shared.u32 [%r2], %t; xor.b32 %r0, %r0, 4; add.u32 %r2, %r0, %r1; ld.shared.u32 %r3, [%r2];"},
    {"a write beside a read", CUDA_ERROR_LAUNCH_FAILED, "races with a read by thread",
     ".shared .align 4 .b8 s[256]; shl.b32 %r0, %t, 2; mov.u32 %r1, s; add.u32 %r2, %r0, %r1;"
     "st.shared.u32 [%r2], %t; bar.sync 0; xor.b32 %r0, %r0, 4; add.u32 %r4, %r0, %r1;"
     "ld.shared.u32 %r3, [%r4]; st.shared.u32 [%r2], %r3;"},
    {"bytes of one word by threads of two warps", CUDA_ERROR_LAUNCH_FAILED, "races with a write by thread",
     ".shared .align 4 .b8 s[256]; and.b32 %r0, %t, 31; mov.u32 %r1, s; add.u32 %r2, %r0, %r1;"
     "st.shared.u8 [%r2], %t;"},
    {"a barrier of one warp does not order two", CUDA_ERROR_LAUNCH_FAILED, "races with a write by thread",
     ".shared .align 4 .b8 s[256]; shl.b32 %r0, %t, 2; mov.u32 %r1, s; add.u32 %r2, %r0, %r1;"
     "st.shared.u32 [%r2], %t; bar.warp.sync -1; xor.b32 %r0, %r0, 128; add.u32 %r2, %r0, %r1;"
     "ld.shared.u32 %r3, [%r2];"},
    {"a plain read beside an atomic operation", CUDA_ERROR_LAUNCH_FAILED, "races with a write by thread",
     ".shared .align 4 .b8 s[4]; setp.eq.u32 %c0, %t, 0; @%c0 st.shared.u32 [s], 0; bar.sync 0;"
     "red.shared.add.u32 [s], 1; ld.shared.u32 %r0, [s];"},
    {"a barrier that half of a warp reaches", CUDA_ERROR_LAUNCH_FAILED, "divergent barrier",
     "and.b32 %r0, %t, 1; setp.eq.u32 %c0, %r0, 0; @%c0 bra $even; bar.sync 0; bra $end; $even: bar.sync 0; "
     "$end:"},
    {"a barrier that the others never reach", CUDA_ERROR_LAUNCH_FAILED,
     "threads wait for others that will never come",
     "setp.lt.u32 %c0, %t, 32; @%c0 bra $first; bar.sync 1; bra $end; $first: bar.sync 0; $end:"},
    {"a barrier of more threads than there are", CUDA_ERROR_LAUNCH_FAILED, "will never come",
     "bar.sync 0, 96;"},
    {"a shuffle that a part of the mask passes by", CUDA_ERROR_LAUNCH_FAILED, "will never come",
     "setp.lt.u32 %c0, %t, 16; @%c0 bra $end; shfl.sync.bfly.b32 %r0, %t, 1, 31, -1; bar.sync 0; ret;"
     "$end: bar.sync 0;"},
    {"a shuffle from a thread that does not take part", CUDA_ERROR_LAUNCH_FAILED, "does not take part",
     "setp.gt.u32 %c0, %t, 15; @%c0 bra $end; shfl.sync.bfly.b32 %r0, %t, 16, 31, 0xFFFF; $end:"},
    {"a mask without the thread itself", CUDA_ERROR_LAUNCH_FAILED, "leaves out the thread itself",
     "shfl.sync.bfly.b32 %r0, %t, 1, 31, 0xFFFF;"},
    {"a trap", CUDA_ERROR_ILLEGAL_INSTRUCTION, "trap", "trap;"},
    {"an index beyond the targets", CUDA_ERROR_ILLEGAL_INSTRUCTION, "beyond the 2 targets",
     "$t: .branchtargets $x, $y; brx.idx %t, $t; $x: $y:"},
};

CUresult run(const std::string& body, unsigned threads = 64, unsigned blocks = 1, unsigned shared = 0,
             size_t bytes = 256) {
  Session session;
  const CUmodule module = session.load(ptx(PREAMBLE + body + "\n ret;\n}\n"));
  CUdeviceptr words = 0;
  OK(cuMemAlloc_v2(&words, bytes));
  OK(cuMemsetD32Async(words, 0, 64, session.stream));
  OK(launch(session.stream, session.function(module, "kernel"),
            {.blocks = blocks, .threads = threads, .shared = shared}, words));
  const CUresult result = cuStreamSynchronize(session.stream);
  // It stays broken.
  CUdeviceptr other = 0;
  GIVES(result, cuMemAlloc_v2(&other, 4));
  GIVES(result, cuCtxSynchronize());
  return result;
}

TEST(violations) {
  std::string failures;
  for (const Violation& violation : VIOLATIONS) {
    CUresult result = CUDA_SUCCESS;
    const std::string said = captured([&] {
      result = run(violation.body, violation.threads, violation.blocks, violation.shared, violation.bytes);
    });
    if (result != violation.code || said.find(violation.message) == std::string::npos ||
        said.find("kernel kernel, line ") == std::string::npos)
      failures +=
          std::string("\n  ") + violation.what + " gives " + std::to_string(result) + " and says: " + said;
  }
  if (!failures.empty()) throw std::runtime_error(failures);
}

struct Permission {
  const char* what;
  const char* body;
};
const Permission PERMISSIONS[] = {
    {"the last word", "ld.global.u32 %r0, [%q]; ld.global.v4.u32 {%r0, %r1, %r2, %r3}, [%p+240];"},
    {"both ways of an if that writes a register",
     "setp.lt.u32 %c0, %t, 5; @%c0 mov.u32 %r1, 1; @!%c0 mov.u32 %r1, 2; add.u32 %r0, %r1, 1;"},
    {"what the compiler leaves open",
     "setp.lt.u32 %c0, %t, 5; @%c0 bra $l;\n // implicit-def: %r1\n bra $m;\n"
     " $l: mov.u32 %r1, 4; $m: mov.u32 %r2, %r1;"},
    {"the same value at one place",
     ".shared .align 4 .b8 s[4]; st.shared.u32 [s], 7; bar.sync 0; ld.shared.u32 %r0, [s];"},
    {"neighbours after a barrier",
     ".shared .align 4 .b8 s[256]; shl.b32 %r0, %t, 2; mov.u32 %r1, s; add.u32 %r2, %r0, %r1;"
     "st.shared.u32 [%r2], %t; bar.sync 0; xor.b32 %r0, %r0, 128; add.u32 %r2, %r0, %r1;"
     "ld.shared.u32 %r3, [%r2]; bar.sync 0; st.shared.u32 [%r2], %r3;"},
    {"neighbours of a warp after its barrier",
     ".shared .align 4 .b8 s[256]; shl.b32 %r0, %t, 2; mov.u32 %r1, s; add.u32 %r2, %r0, %r1;"
     "st.shared.u32 [%r2], %t; bar.warp.sync -1; xor.b32 %r0, %r0, 4; add.u32 %r2, %r0, %r1;"
     "ld.shared.u32 %r3, [%r2]; bar.warp.sync -1; st.shared.u32 [%r2], %r3;"},
    {"bytes of one word",
     ".shared .align 4 .b8 s[64]; mov.u32 %r1, s; add.u32 %r2, %r1, %t; st.shared.u8 [%r2], %t;"},
    {"atomic operations on one place",
     ".shared .align 4 .b8 s[4]; setp.eq.u32 %c0, %t, 0; @%c0 st.shared.u32 [s], 0; bar.sync 0;"
     "atom.shared.add.u32 %r0, [s], 1; bar.sync 0; ld.shared.u32 %r0, [s]; setp.eq.u32 %c1, %r0, 64;"
     "@!%c1 trap;"},
    {"a barrier after others have left",
     "setp.lt.u32 %c0, %t, 40; @%c0 bra $go; ret; $go: bar.sync 0; bar.warp.sync -1; activemask.b32 %r0;"
     "setp.gt.u32 %c1, %t, 31; setp.ne.and.u32 %c2, %r0, 255, %c1; @%c2 trap;"},
    {"warps that meet at barriers of their own",
     "setp.lt.u32 %c0, %t, 32; @%c0 bra $first; bar.sync 0; bra $end;"
     " $first: bar.sync 0; $end: bar.sync 1, 64;"},
    {"those that arrive and those that wait",
     "setp.lt.u32 %c0, %t, 32; @%c0 bra $first; bar.arrive 1, 64; bra $end; $first: bar.sync 1, 64; $end:"},
    {"a loop of different lengths, and a barrier behind it",
     "mov.u32 %r0, 0; $loop: add.u32 %r0, %r0, 1; setp.lt.u32 %c0, %r0, %t; @%c0 bra $loop; bar.sync 0;"
     "shfl.sync.idx.b32 %r1, %r0, 31, 31, -1; activemask.b32 %r2; setp.ne.u32 %c1, %r2, -1; @%c1 trap;"
     "max.u32 %r3, %t, 1; setp.ne.u32 %c2, %r0, %r3; @%c2 trap;"},
    {"a shuffle of those that are there",
     "setp.gt.u32 %c0, %t, 15; @%c0 bra $end; shfl.sync.bfly.b32 %r0, %t, 8, 31, 0xFFFF; xor.b32 %r1, %t, 8;"
     "setp.ne.u32 %c1, %r0, %r1; @%c1 trap; $end:"},
    {"shuffles up and down",
     "shfl.sync.up.b32 %r0|%c0, %t, 3, 0, -1; and.b32 %r1, %t, 31; setp.lt.u32 %c1, %r1, 3;"
     "xor.pred %c2, %c0, %c1;"
     "@!%c2 trap; sub.u32 %r2, %t, 3; selp.b32 %r2, %t, %r2, %c1; setp.ne.u32 %c3, %r0, %r2; @%c3 trap;"
     "shfl.sync.down.b32 %r0|%c0, %t, 4, 0x1807, -1; and.b32 %r1, %t, 7; setp.gt.u32 %c1, %r1, 3;"
     "xor.pred %c2, %c0, %c1;"
     "@!%c2 trap; add.u32 %r2, %t, 4; selp.b32 %r2, %t, %r2, %c1; setp.ne.u32 %c3, %r0, %r2; @%c3 trap;"},
};

TEST(permissions) {
  std::string failures;
  for (const Permission& permission : PERMISSIONS) {
    CUresult result = CUDA_SUCCESS;
    const std::string said = captured([&] { result = run(permission.body); });
    if (result != CUDA_SUCCESS || !said.empty())
      failures +=
          std::string("\n  ") + permission.what + " gives " + std::to_string(result) + " and says: " + said;
  }
  if (!failures.empty()) throw std::runtime_error(failures);
}

TEST(freed_memory) {
  Session session;
  const CUmodule module = session.load(ptx(PREAMBLE + "ld.global.u32 %r0, [%q]; ret; }"));
  CUdeviceptr words = 0, others = 0;
  OK(cuMemAlloc_v2(&words, 256));
  OK(cuMemsetD8Async(words, 0, 256, session.stream));
  OK(launch(session.stream, session.function(module, "kernel"), {.threads = 64}, words));
  OK(cuMemFree_v2(words));
  OK(cuMemAlloc_v2(&others, 256));
  const std::string said = captured([&] {
    OK(launch(session.stream, session.function(module, "kernel"), {.threads = 64}, words));
    GIVES(CUDA_ERROR_ILLEGAL_ADDRESS, cuStreamSynchronize(session.stream));
  });
  CHECK(said.find("no live allocation") != std::string::npos);
}

TEST_IN("checks=off", checks_can_be_left_out) {
  CHECK(run(".shared .align 4 .b8 s[64]; st.shared.u32 [s], %t; ld.shared.u32 %r0, [s+4];") == CUDA_SUCCESS);
  CHECK(run("add.u32 %r0, %r1, 1;") == CUDA_SUCCESS);
  captured([&] { CHECK(run("ld.global.u32 %r0, [%q+4];") == CUDA_ERROR_ILLEGAL_ADDRESS); });
}
TEST_IN("written=off", device_memory_may_be_read_unwritten) {
  CHECK(run("ld.global.u32 %r0, [%p+0x1200];", 64, 1, 0, 0x2000) == CUDA_SUCCESS);
}

// Text that is no PTX, or asks for what is not known, is refused with the line.
struct Refusal {
  const char* body;
  const char* message;
};
const Refusal REFUSALS[] = {
    {"frobnicate.u32 %r0, %r1;", "line 12: unknown instruction frobnicate.u32: frobnicate.u32 %r0, %r1;"},
    {"add.sideways.u32 %r0, %t, %t;", "unknown modifier .sideways"},
    {"add.u32 %r0, %t;", "operand"},
    {"add.u64 %r0, %t, %t;", "register %t is not as wide"},
    {"add.u32 %r0, %nobody, %t;", "unknown special register %nobody"},
    {"mov.u32 %r0, nobody;", "unknown name nobody"},
    {"bra $nowhere;", "unknown label $nowhere"},
    {"call.uni nobody;", "function nobody is not defined"},
    {"cvt.f32.s32 %f0, %t;", "the rounding is missing"},
    {"cvt.s32.f32 %r0, %f0;", "the rounding to a whole number is missing"},
    {"st.const.u32 [%p], %t;", "constant memory cannot be written"},
    {".shared .align 4 .b8 s[4]; ld.global.u32 %r0, [s];", "s is in another space"},
    {"ld.global.v2.u32 %r0, [%p];", "not as many values"},
    {"add.u32 %r0, %t, ^;", "no token begins here"},
};
TEST(refusals) {
  Session session;
  for (const Refusal& refusal : REFUSALS) {
    const std::string said = session.refusal(ptx(PREAMBLE + "\n" + refusal.body + "\n ret;\n}\n"));
    if (said.find(refusal.message) == std::string::npos)
      throw std::runtime_error(std::string(refusal.body) + " says: " + said);
  }
  session.refusal("no ptx at all");
  session.refusal("");
  CHECK(session.refusal(ptx(".func f() { call f; ret; }\n.visible .entry k() { call f; ret; }"))
            .find("calls itself") != std::string::npos);
}

} // namespace
