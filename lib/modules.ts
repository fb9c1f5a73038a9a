import { arityOf, calling, guarded } from "./calls.js";
import { widening } from "./functional/halves.js";
import { refusing } from "./kernels.js";

type AnyFunction = (...given: unknown[]) => unknown;

/** A module's functions, guarded; what else it exports stays. */
export function guardedAll<M extends object>(module: M): M {
  return Object.fromEntries(
    Object.entries(module).map(([name, value]) => [
      name,
      typeof value === "function"
        ? guarded(
            name,
            refusing(name, widening(name, calling(name, value as AnyFunction))),
            arityOf(value as AnyFunction),
          )
        : (value as unknown),
    ]),
  ) as M;
}
