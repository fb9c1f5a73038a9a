import { dirname } from "node:path";
import { fileURLToPath } from "node:url";
import { refusePromise } from "./engine.js";
import { makeError } from "./errors.js";
import { checkFunction } from "./func/calls.js";
import { native } from "./native.js";
import { describe } from "./options.js";

let isLooking = false;

/** Where the program is that has called this library: its frames of the stack, the innermost first. */
function callSite(): string {
  const own = dirname(fileURLToPath(import.meta.url));
  const frames = (new Error().stack ?? "").split("\n").slice(1);
  return frames.filter((frame) => !frame.includes(own)).join("\n");
}

/**
 * Makes backward passes look for NaN, and name the op whose gradient is the first that has one, with the place of the element
 * and where the program called the op. That takes much time: it is for finding mistakes.
 */
export function setDetectAnomaly(mode: boolean): void {
  if (typeof mode !== "boolean")
    throw makeError(TypeError, `setDetectAnomaly: mode must be true or false, got ${describe(mode)}`, {
      code: "ERR_ARGUMENT",
      op: "setDetectAnomaly",
    });
  isLooking = mode;
  native.setCallSite(mode ? callSite : null);
}

/** Whether backward passes look for NaN. */
export function isAnomalyEnabled(): boolean {
  return isLooking;
}

/**
 * Runs `body` while backward passes look for NaN, as {@link setDetectAnomaly} says, and returns its result.
 * @throws TypeError (`ERR_ASYNC`) when it returns a Promise.
 */
export function detectAnomaly<T>(body: () => T): T {
  checkFunction("detectAnomaly", body);
  const before = isLooking;
  setDetectAnomaly(true);
  try {
    const result = body();
    refusePromise("detectAnomaly", result);
    return result;
  } finally {
    setDetectAnomaly(before);
  }
}
