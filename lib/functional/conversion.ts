import { deviceNumber, isDeviceName, type Device } from "../device.js";
import { dtypeIndex, type DType } from "../dtype.js";
import { makeError } from "../errors.js";
import { native } from "../native.js";
import { describe, readOptions } from "../options.js";
import { create, handleOf, isTensor, type Tensor } from "../tensor.js";

/** The target of a conversion. */
export type Conversion = DType | Device | Tensor | { dtype?: DType; device?: Device };

const toDefaults = Object.freeze({
  dtype: undefined as DType | undefined,
  device: undefined as Device | undefined,
});

/** x in another dtype, on another device, or both; x itself where nothing is to be changed. */
export function to(x: Tensor, target: Conversion, given: DType | undefined): Tensor {
  const { dtype, device } = conversionOf(target, given);
  const handle = handleOf(x, "to");
  const changesDtype = dtype !== undefined && dtypeIndex(dtype) !== native.dtype(handle);
  const changesDevice = device !== undefined && deviceNumber("to", device) !== native.deviceOf(handle);
  const converted = changesDtype ? create((out) => native.to(out, handle, dtypeIndex(dtype))) : x;
  if (!changesDevice) return converted;
  try {
    return create((out) => native.transfer(out, handleOf(converted, "to"), deviceNumber("to", device)));
  } finally {
    if (converted !== x) converted.dispose();
  }
}

function conversionOf(
  target: Conversion | undefined,
  more: DType | undefined,
): { dtype: DType | undefined; device: Device | undefined } {
  const goesOn = typeof target === "string" && isDeviceName(target);
  if ((more !== undefined && !goesOn) || target === undefined)
    throw makeError(
      TypeError,
      "to: expected a dtype, a device, a device and a dtype, a tensor or { dtype, device }, got " +
        [target, ...(more === undefined ? [] : [more])].map(describe).join(" and "),
      { code: "ERR_ARGUMENT", op: "to" },
    );
  if (isTensor(target)) return { dtype: target.dtype, device: target.device };
  if (typeof target !== "string") return readOptions("to", target, toDefaults);
  return goesOn ? { dtype: more, device: target } : { dtype: target, device: undefined };
}
