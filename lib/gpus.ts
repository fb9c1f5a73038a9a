import { deviceNumber, type Device } from "./device.js";
import { makeError } from "./errors.js";
import { native, type CudaDevice, type CudaState, type GpuMemory } from "./native.js";
import { describe, nearestName } from "./options.js";

// GPUs: which there are, and their memory. Nothing here, nor anything else, loads the driver before it is asked for.

/** The results of {@link state}, {@link devices} and {@link memoryStats}. */
export type { CudaDevice, CudaState, GpuMemory } from "./native.js";

/** All that is known: of the addon's build, the driver and the devices. */
export function state(): CudaState {
  return native.cudaState();
}

/** Whether tensors can live on the GPU; if not, {@link unavailableReason} says why. */
export function isAvailable(): boolean {
  return state().isAvailable;
}

/** Why no GPU can be used, and what to do about it; an empty text if one can. */
export function unavailableReason(): string {
  return state().reason;
}

/** The GPUs that the driver shows this process, which `CUDA_VISIBLE_DEVICES` limits; none where there is no driver. */
export function devices(): CudaDevice[] {
  return state().devices;
}

/** The version of CUDA that the driver is for, as in `"12.4"`; an empty text without a driver. */
export function driverVersion(): string {
  return state().driverVersion;
}

/** The ordinal of a GPU that can be used. */
function ordinalOf(op: string, device: Device): number {
  if (device === "cpu")
    throw makeError(RangeError, `${op}: the device must be a GPU, as in "cuda:0", got "cpu"`, {
      code: "ERR_DEVICE",
      op,
    });
  deviceNumber(op, device);
  return Number(device.split(":")[1] ?? 0);
}

/**
 * The memory of a GPU as this process uses it: allocated bytes are those of tensors, and those that computing needs;
 * reserved ones are those that the driver has given, freed or not.
 */
export function memoryStats(device: Device = "cuda"): GpuMemory {
  return native.gpuMemory(ordinalOf("memoryStats", device));
}

/** Lets the peaks of {@link memoryStats} begin again from the present use. */
export function resetPeakMemoryStats(device: Device = "cuda"): void {
  native.resetGpuPeaks(ordinalOf("resetPeakMemoryStats", device));
}

/** Gives memory that nothing uses back to the driver, for other processes; waits for work under way. */
export function emptyCache(device: Device = "cuda"): void {
  native.emptyGpuCache(ordinalOf("emptyCache", device));
}

/**
 * Bounds the memory that is reserved on a GPU, in bytes. Memory beyond it that is reserved
 * already goes when it is free.
 * @throws RangeError (`ERR_VALUE`) unless it is above zero.
 */
export function setMemoryLimit(bytes: number, device: Device = "cuda"): void {
  native.setGpuLimit(ordinalOf("setMemoryLimit", device), bytes);
}

/**
 * Returns when everything is done that this thread has given the device to do.
 * @throws Error (`ERR_GPU_FATAL`) when some of it went wrong.
 */
export function synchronize(device: Device = "cuda"): void {
  native.synchronize(deviceNumber("synchronize", device));
}

/** How many GPUs the driver shows this process. */
export function deviceCount(): number {
  return state().devices.length;
}

/** The library that multiplies matrices on GPUs: this one, or cuBLAS where it can; see {@link preferredBlasLibrary}. */
export type BlasLibrary = "default" | "cublas";

const blasLibraries: readonly string[] = ["default", "cublas"] satisfies BlasLibrary[];
let blasLibrary: BlasLibrary = "default";

/**
 * Sets the library that multiplies matrices on GPUs, from the next product that is recorded on, and returns it. Without
 * an argument it only returns it.
 *
 * - `"default"`, as at the start: kernels of this library, which need nothing else.
 * - `"cublas"`: NVIDIA's cuBLAS of CUDA 11 or newer, which has to be there: it comes with the CUDA toolkit, or by
 *   `pip install nvidia-cublas-cu12`. It is the file that `ADJOINT_CUBLAS` names, or else one that the process has
 *   loaded, or else the newest that the system finds and the driver is good for.
 *
 * cuBLAS takes products of float32 and float64 whose factors have adjacent elements along rows or columns, and whose
 * batch goes on evenly. Kernels of this library take the rest: integers, batches that are broadcast in the middle, flipped
 * factors. Results have the same bits every time, but not those of the other library. TF32 is as
 * `setFloat32MatmulPrecision` says. On every device that it is used on, cuBLAS keeps a workspace of 4 MiB (32 MiB from
 * compute capability 9.0 on) and some memory of its own; and runs with such a product do not become CUDA graphs.
 *
 * It holds for the thread that calls it.
 * @throws Error (`ERR_CUBLAS`) where there is no cuBLAS, with the names that were tried, Error
 * (`ERR_NO_CUDA`) where there is no GPU, RangeError (`ERR_VALUE`) for another name.
 */
export function preferredBlasLibrary(library?: BlasLibrary): BlasLibrary {
  if (library === undefined) return blasLibrary;
  if (!blasLibraries.includes(library)) {
    const nearest = typeof library === "string" ? nearestName(library, blasLibraries) : undefined;
    throw makeError(
      RangeError,
      `preferredBlasLibrary: expected "default" or "cublas", got ${describe(library)}` +
        (nearest === undefined ? "" : `; did you mean "${nearest}"?`),
      { code: "ERR_VALUE", op: "preferredBlasLibrary" },
    );
  }
  native.preferBlas(library === "cublas");
  return (blasLibrary = library);
}
