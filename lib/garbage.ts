import { setFlagsFromString } from "node:v8";
import { runInNewContext } from "node:vm";

type Collect = (options: { type: "minor" }) => void;

let collect: Collect | null | undefined;

/** V8's own function; it is there only in contexts that are made while a flag is set. */
function found(): Collect | null {
  try {
    setFlagsFromString("--expose-gc");
    try {
      return runInNewContext("gc") as Collect;
    } finally {
      if ((globalThis as { gc?: unknown }).gc === undefined) setFlagsFromString("--no-expose-gc");
    }
  } catch {
    return null; // Other engines than V8, and hosts that forbid it.
  }
}

/**
 * Collects JavaScript's young objects, tensors among them: some tens of microseconds, where native code would have to
 * fill the whole nursery to the same end.
 * @returns whether that could be done.
 */
export function collectYoung(): boolean {
  if (collect === undefined) collect = found();
  collect?.({ type: "minor" });
  return collect !== null;
}
