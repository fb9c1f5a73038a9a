import { getHeapStatistics } from "node:v8";
import type { DType } from "./dtype.js";
import { makeError } from "./errors.js";

// Nested arrays of many elements. V8 ends the process when its heap is full, so what cannot fit is refused before.

/** So little always fits. */
const fewBytes = 8_000_000;
/** V8 holds no more in an array that it lays out as one. */
const longestArray = 2 ** 27 - 64;
const bytesPerNumber = 8;
/** With the place that refers to it. */
const bytesPerBigint = 40;
const bytesPerArray = 64;

/**
 * Refuses nested arrays of this shape where JavaScript has no room for them.
 * @param copies how many there are at a time
 * @throws Error (`ERR_HOST_OOM`)
 */
export function checkRoomForArrays(
  what: string,
  shape: readonly number[],
  dtype: DType,
  copies: number,
): void {
  let arrays = 0;
  let elements = 1;
  for (const size of shape) {
    arrays += elements;
    elements *= size;
  }
  const bytes = elements * (dtype === "int64" ? bytesPerBigint : bytesPerNumber) + arrays * bytesPerArray;
  const wanted = copies * bytes;
  if (wanted < fewBytes) return;
  const refuse = (why: string) =>
    makeError(
      Error,
      `out of memory: ${what} of ${elements} elements: ${why}; use data(), or narrow() to a part`,
      {
        code: "ERR_HOST_OOM",
        op: what,
        shapes: [[...shape]],
      },
    );
  if (shape.some((size) => size > longestArray)) throw refuse(`an array holds at most ${longestArray}`);
  const { heap_size_limit: most, used_heap_size: used } = getHeapStatistics();
  if (wanted > most - used)
    throw refuse(
      `JavaScript's heap has ${most - used} of about ${wanted} bytes (see node --max-old-space-size)`,
    );
}
