// The GPU that figures are of, and the words for it in reports.
import { execFileSync } from "node:child_process";
import { readFileSync } from "node:fs";
import { cuda, getDefaultDevice } from "adjoint";

/** What a GPU and its driver are. */
export interface Gpu {
  device: string;
  name: string;
  capability: string;
  multiprocessors: number;
  memoryGiB: number;
  pciBusId: string;
  uuid: string;
  /** The version of NVIDIA's driver, or the library that `ADJOINT_CUDA_DRIVER` puts in its place. */
  driver: string | null;
  /** The version of CUDA that the driver is for. */
  cuda: string;
}

function driverVersion(): string | null {
  const other = process.env["ADJOINT_CUDA_DRIVER"];
  if (other !== undefined) return other;
  try {
    // "NVRM version: NVIDIA UNIX x86_64 Kernel Module  550.54.15  Tue Mar  5 22:23:56 UTC 2024"
    const text = readFileSync("/proc/driver/nvidia/version", "utf8");
    const version = /Kernel Module\D.*?\s(\d+\.[\d.]+)\s/.exec(text)?.[1];
    if (version !== undefined) return version;
  } catch {
    // Containers need not show it.
  }
  try {
    const words = ["--query-gpu=driver_version", "--format=csv,noheader"];
    const answer = execFileSync("nvidia-smi", words, {
      encoding: "utf8",
      stdio: ["ignore", "pipe", "ignore"],
    });
    return answer.split("\n")[0]!.trim();
  } catch {
    return null;
  }
}

/**
 * The GPU that tensors are made on, or null where that is the CPU.
 * @throws Error with the reason where there is no such GPU.
 */
export function describeGpu(): Gpu | null {
  const device = getDefaultDevice();
  if (device === "cpu") return null;
  const { devices, driverVersion: version } = cuda.state();
  const found = devices.find((gpu) => gpu.device === device)!;
  return {
    device,
    name: found.name,
    capability: found.capability,
    multiprocessors: found.multiprocessors,
    memoryGiB: Math.round(found.totalBytes / 2 ** 30),
    pciBusId: found.pciBusId,
    uuid: found.uuid,
    driver: driverVersion(),
    cuda: version,
  };
}

/** A GPU in words, as in `NVIDIA H100 80GB HBM3, 132 multiprocessors, ...`. */
export function inWords(gpu: Gpu): string {
  return (
    `${gpu.name}, ${gpu.multiprocessors} multiprocessors, ${gpu.memoryGiB} GiB, capability ${gpu.capability}, ` +
    `driver ${gpu.driver ?? "unknown"} for CUDA ${gpu.cuda}`
  );
}
