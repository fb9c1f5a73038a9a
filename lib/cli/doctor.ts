import { readFileSync } from "node:fs";
import type * as Library from "../index.js";
import type { Device, Tensor } from "../index.js";
import type { CudaState } from "../native.js";

/** How the test of a device went. */
export interface SelfTest {
  device: string;
  /** The problem; empty if there was none. */
  problem: string;
  seconds: number;
}

/** All that {@link diagnose} has found. */
export interface Report {
  /** Whether everything that was found works. */
  isWell: boolean;
  version: string;
  node: string;
  platform: string;
  /** Why the addon does not load; empty if it does. */
  addonProblem: string;
  threads?: number;
  cuda?: CudaState;
  tests: SelfTest[];
  /** The environment variables that change the findings. */
  environment: Record<string, string>;
}

/** Looks at this installation, and tests its devices, or one of them. */
export async function diagnose(device?: string): Promise<Report> {
  const report: Report = {
    isWell: false,
    version: versionOfPackage(),
    node: process.version,
    platform: `${process.platform} ${process.arch}`,
    addonProblem: "",
    tests: [],
    environment: Object.fromEntries(
      Object.entries(process.env).filter(([name]) => /^(ADJOINT_|CUDA_VISIBLE_DEVICES$)/.test(name)),
    ) as Record<string, string>,
  };
  let library: typeof Library;
  try {
    library = await import("../index.js");
  } catch (error) {
    report.addonProblem = (error as Error).message;
    return report;
  }
  report.threads = library.getNumThreads();
  report.cuda = library.cuda.state();
  const found = ["cpu", ...report.cuda.devices.map((gpu) => gpu.device)];
  // Where tensors are made, be it there or not.
  const usual = process.env["ADJOINT_DEVICE"];
  if (usual && !found.includes(usual) && !(usual === "cuda" && found.includes("cuda:0"))) found.push(usual);
  for (const name of device === undefined ? found : [device])
    report.tests.push(await test(library, name as Device));
  report.isWell = report.tests.every(({ problem }) => problem === "");
  return report;
}

function versionOfPackage(): string {
  for (const path of ["../../package.json", "../../../package.json"]) {
    try {
      return (JSON.parse(readFileSync(new URL(path, import.meta.url), "utf8")) as { version: string })
        .version;
    } catch {
      // It lies one folder higher above the compiled module.
    }
  }
  return "unknown";
}

async function test(library: typeof Library, device: Device): Promise<SelfTest> {
  const start = performance.now();
  let problem = "";
  try {
    problem = await firstProblem(library, device);
  } catch (error) {
    problem = (error as Error).message;
  }
  return { device, problem, seconds: (performance.now() - start) / 1000 };
}

/** Computes things with known results: a fused kernel with its gradient, a reduction, a product, random numbers. */
async function firstProblem(library: typeof Library, device: Device): Promise<string> {
  const { arange, manualSeed, optim, rand, tensor } = library;
  library.device(device);
  const differ = (what: string, found: number, expected: number, tolerance = 1e-5): string =>
    Math.abs(found - expected) <= tolerance * Math.max(1, Math.abs(expected))
      ? ""
      : `${what} gave ${found} where ${expected} is right`;
  const count = 10_000;
  const x = arange(count, { dtype: "float64", device }).div(count).requiresGrad_();
  const value = x.sin().mul(x.exp()).sum();
  value.backward();
  let expected = 0;
  for (let i = 0; i < count; ++i) expected += Math.sin(i / count) * Math.exp(i / count);
  const last = (count - 1) / count;
  const gradient = (x.grad as Tensor).at(-1).item();

  const a = arange(64 * 48, { device })
    .div(1000)
    .reshape([64, 48]);
  const product = a.matmul(a.transpose(0, 1)).at(1, 2).item();
  let inner = 0;
  for (let i = 0; i < 48; ++i) inner += ((48 + i) / 1000) * ((96 + i) / 1000);

  manualSeed(1);
  const drawn = await rand([1000], { device }).data();
  manualSeed(1);
  const drawnHere = await rand([1000], { device: "cpu" }).data();

  const parameter = tensor([8], { requiresGrad: true, dtype: "float64", device });
  const optimizer = new optim.Adam([parameter], { lr: 2 });
  for (let i = 0; i < 15; ++i) {
    optimizer.zeroGrad();
    parameter.pow(2).div(20).add(parameter.sin().tanh()).sum().backward();
    optimizer.step();
  }
  return (
    differ("a sum", value.item(), expected, 1e-12) ||
    differ("a gradient", gradient, (Math.sin(last) + Math.cos(last)) * Math.exp(last), 1e-12) ||
    differ("a product of matrices", product, inner) ||
    (drawn.every((element, i) => element === drawnHere[i]) ? "" : "random numbers differ from the CPU's") ||
    differ("fifteen steps of Adam", parameter.at(0).item(), adamAfter15Steps, 1e-9)
  );
}

/** From PyTorch 2.13, float64: `torch.optim.Adam([x], lr=2)` on `x**2/20 + tanh(sin(x))` from 8. */
const adamAfter15Steps = -0.17400652193750465;

/** The report for people. */
export function inWords(report: Report): string {
  const { cuda } = report;
  const rows: [string, string][] = [
    ["adjoint", `${report.version} on Node ${report.node}, ${report.platform}`],
    ["addon", report.addonProblem === "" ? `loaded, ${report.threads} threads` : report.addonProblem],
  ];
  if (cuda) {
    rows.push(["CUDA build", cuda.hasCode ? "yes: kernels for GPUs are in the addon" : "no"]);
    rows.push([
      "driver",
      cuda.driverVersion === "" ? "none that can be used" : `for CUDA ${cuda.driverVersion}`,
    ]);
    for (const gpu of cuda.devices)
      rows.push([
        gpu.device,
        `${gpu.name}, ${(gpu.totalBytes / 2 ** 30).toFixed(1)} GiB, capability ${gpu.capability}, ` +
          `${gpu.multiprocessors} multiprocessors`,
      ]);
    if (!cuda.isAvailable) rows.push(["no GPU", cuda.reason]);
  }
  for (const { device, problem, seconds } of report.tests)
    rows.push([`test ${device}`, problem === "" ? `ok, ${seconds.toFixed(2)} s` : `FAILED: ${problem}`]);
  for (const [name, value] of Object.entries(report.environment)) rows.push([name, JSON.stringify(value)]);
  rows.push(["", report.isWell ? "All that was found works." : "Something does not work; see above."]);
  const width = Math.max(...rows.map(([name]) => name.length)) + 2;
  return rows.map(([name, text]) => `${name.padEnd(width)}${text}`.trimEnd()).join("\n");
}
