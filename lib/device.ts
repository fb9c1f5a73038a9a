import { makeError } from "./errors.js";
import { native, type Handle } from "./native.js";
import { describe, nearestName } from "./options.js";

// Native code knows a device by a number: 0 is the CPU, others get theirs when they are first used.

/** Where a tensor lives: `"cpu"`, or a GPU by its position in `cuda.devices()`; `"cuda"` is the first. */
export type Device = "cpu" | "cuda" | `cuda:${number}`;

const numbers = new Map<string, number>([["cpu", 0]]);
const names: Device[] = ["cpu"];
/** The number of the default device; unknown until it is first needed, where the environment names one. */
let defaultNumber: number | undefined = process.env["ADJOINT_DEVICE"] ? undefined : 0;

/** The number of a device, which is made ready if need be; without a name, that of the default device. */
export function deviceNumber(op: string, name?: unknown): number {
  if (name === undefined) return (defaultNumber ??= numberFromEnvironment());
  const known = typeof name === "string" ? numbers.get(name) : undefined;
  if (known !== undefined) return known;
  const ordinal = typeof name === "string" ? /^cuda(?::(\d{1,9}))?$/.exec(name) : null;
  if (ordinal === null) {
    const nearest = typeof name === "string" ? nearestName(name, ["cpu", "cuda"]) : undefined;
    throw makeError(
      RangeError,
      `${op}: a device is "cpu", "cuda" or "cuda:1" and so on, got ${describe(name)}` +
        (nearest === undefined ? "" : `; did you mean "${nearest}"?`),
      { code: "ERR_DEVICE", op },
    );
  }
  const number = native.openDevice(Number(ordinal[1] ?? 0));
  names[number] ??= `cuda:${Number(ordinal[1] ?? 0)}`;
  numbers.set(name as string, number);
  return number;
}

function numberFromEnvironment(): number {
  const name = process.env["ADJOINT_DEVICE"];
  try {
    return deviceNumber("ADJOINT_DEVICE", name);
  } catch (error) {
    const { code, message } = error as Error & { code?: string };
    if (code !== "ERR_NO_CUDA") throw error;
    throw makeError(Error, `${message} (the environment has ADJOINT_DEVICE=${name})`, { code });
  }
}

/** The name of the GPU at a position. */
export function cudaDevice(op: string, index: unknown): Device {
  if (typeof index === "number" && Number.isSafeInteger(index) && index >= 0) return `cuda:${index}`;
  throw makeError(RangeError, `${op}: a GPU's index is a whole number from 0, got ${describe(index)}`, {
    code: "ERR_DEVICE",
    op,
  });
}

/** Whether a word is, or was meant as, the name of a device rather than of a dtype. */
export function isDeviceName(name: string): name is Device {
  return name === "cpu" || name.startsWith("cuda");
}

/** The name of the device with a number. */
export function deviceName(number: number): Device {
  return names[number]!;
}

/** The device of a tensor. */
export function deviceOf(handle: Handle): Device {
  return names[native.deviceOf(handle)]!;
}

/**
 * The device of that name, as tensors say it: `device("cuda")` is `"cuda:0"`, and so is `device("cuda", 0)`. It is made
 * ready, so this tells whether it can be used.
 * @throws RangeError (`ERR_DEVICE`) where there is no such device, Error (`ERR_NO_CUDA`) where no GPU can be used, with
 * the reason.
 */
export function device(name: Device, index?: number): Device {
  if (index === undefined) return names[deviceNumber("device", name)]!;
  if (name === "cuda") return names[deviceNumber("device", cudaDevice("device", index))]!;
  throw makeError(
    RangeError,
    `device: an index goes with "cuda" alone, got ${describe(name)} and ${describe(index)}`,
    { code: "ERR_DEVICE", op: "device" },
  );
}

/**
 * Sets the device of new tensors whose makers name none. At the start it is the CPU, or the one that
 * `ADJOINT_DEVICE` names.
 * @throws as {@link device} does.
 */
export function setDefaultDevice(name: Device): void {
  defaultNumber = deviceNumber("setDefaultDevice", name);
}

/** The device of new tensors whose makers name none. */
export function getDefaultDevice(): Device {
  return names[deviceNumber("getDefaultDevice")]!;
}
