import { getHeapStatistics } from "node:v8";
import { makeError } from "./errors.js";

// Nested arrays of many elements. V8 ends the process when its heap is full, so what cannot fit is refused before.

/** Fewer elements always fit. */
const fewElements = 1_000_000;
/** V8 holds no more in an array that it lays out as one. */
const longestArray = 2 ** 27 - 64;
const bytesPerElement = 8;
const bytesPerArray = 48;

/**
 * Refuses nested arrays of this shape where JavaScript has no room for them.
 * @throws Error (`ERR_HOST_OOM`)
 */
export function checkRoomForArrays(what: string, shape: readonly number[]): void {
  const elements = shape.reduce((product, size) => product * size, 1);
  if (elements < fewElements) return;
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
  let arrays = 1;
  let count = 1;
  for (const size of shape.slice(0, -1)) arrays += count *= size;
  const wanted = elements * bytesPerElement + arrays * bytesPerArray;
  const { heap_size_limit: most, used_heap_size: used } = getHeapStatistics();
  if (wanted > most - used)
    throw refuse(
      `JavaScript's heap has ${most - used} of about ${wanted} bytes (see node --max-old-space-size)`,
    );
}
