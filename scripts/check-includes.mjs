// Checks what sources of native/ and tests/ include: the direction between folders, and that there are no circles.
import { problemsOf } from "./includes.mjs";

const native = {
  "native/ops": [],
  "native/device": [],
  "native/graph": ["native/device", "native/ops"],
  // The device and its compiler stand on routines and machine code, and these on memory, threads and programs, which lie
  // in cpu/ as well: the direction is one between files.
  "native/cpu": ["native/cpu/jit", "native/cpu/routines", "native/device", "native/ops"],
  "native/cpu/jit": ["native/cpu", "native/device", "native/ops"],
  "native/cpu/routines": ["native/cpu", "native/device", "native/ops"],
  "native/cuda/code": ["native/device", "native/ops"],
  "native/cuda/kernels": ["native/cuda/code", "native/device", "native/ops"],
  "native/cuda/routines": ["native/cuda/code", "native/cuda/kernels", "native/device", "native/ops"],
  "native/cuda/driver": ["native/cuda/code", "native/device", "native/ops"],
  "native/node": ["native/cpu", "native/cuda/driver", "native/device", "native/graph"],
};

const rules = {
  below: ["native", "tests"],
  searched: ["native"],
  folders: {
    ...native,
    "tests/native": Object.keys(native),
    // A driver of its own, which knows nothing of who calls it.
    "tests/cuda": ["tests/cuda/stand-in"],
    "tests/cuda/stand-in": [],
    "tests/cuda/blas-stand-in": [],
  },
  exceptions: [
    ["native/graph/node", "native/graph/engine", "an engine counts the nodes that live on it"],
    [
      "native/graph/session",
      "native/graph/engine",
      "a session makes the engines, and each of them knows its session",
    ],
    ["native/graph/batches", "native/graph/record", "an op on a batch is the same op on the whole of it"],
    [
      "native/graph/batches",
      "native/graph/routines",
      "a routine on a batch is the same routine on the whole of it",
    ],
  ],
};

const problems = problemsOf(".", rules);
for (const problem of problems) console.error(problem);
process.exitCode = problems.length > 0 ? 1 : 0;
