import * as activations from "./functional/activations.js";
import * as along from "./functional/along.js";
import * as arithmetic from "./functional/arithmetic.js";
import * as diagonals from "./functional/diagonals.js";
import * as fresh from "./functional/fresh.js";
import * as masks from "./functional/masks.js";
import * as order from "./functional/order.js";
import * as parts from "./functional/parts.js";
import * as positions from "./functional/positions.js";
import * as products from "./functional/products.js";
import * as reductions from "./functional/reductions.js";
import * as scatter from "./functional/scatter.js";
import * as selection from "./functional/selection.js";
import * as shapes from "./functional/shapes.js";
import { rebind, Tensor } from "./tensor.js";

// Methods that are made of other ops, or record a routine: every function of these modules is one, with the tensor as its
// first argument.

type MethodsOf<Functions> = {
  [Name in keyof Functions]: Functions[Name] extends (x: Tensor, ...rest: infer Rest) => infer Result
    ? (...rest: Rest) => Result
    : never;
};

/** Of these there are methods with an underscore at the end of their names, which give the tensor itself the new value. */
const inPlace = [
  "add",
  "addcdiv",
  "addcmul",
  "clamp",
  "div",
  "indexAdd",
  "indexCopy",
  "indexFill",
  "indexPut",
  "indexReduce",
  "lerp",
  "maskedFill",
  "maskedScatter",
  "mul",
  "neg",
  "pow",
  "put",
  "scatter",
  "scatterAdd",
  "scatterReduce",
  "sub",
  "tril",
  "triu",
] as const;
type InPlace = (typeof inPlace)[number];
type InPlaceMethods = {
  /** Gives the tensor itself what the method without the underscore returns: x := x.name(...). */
  [Name in InPlace as `${Name}_`]: <Self extends Tensor>(
    this: Self,
    ...rest: Parameters<Tensor[Name]>
  ) => Self;
};

/** Methods of several types, of which the table above would take the last. */
interface Overloaded {
  /** The indices of elements that are not zero: a row for each, or with `asTuple` a vector for each dimension. */
  nonzero(options: selection.NonzeroOptions & { asTuple: true }): Tensor[];
  nonzero(options?: selection.NonzeroOptions & { asTuple?: false }): Tensor;
}

declare module "./tensor.js" {
  interface Tensor
    extends
      MethodsOf<typeof activations>,
      MethodsOf<typeof along>,
      MethodsOf<typeof arithmetic>,
      MethodsOf<typeof diagonals>,
      MethodsOf<typeof fresh>,
      MethodsOf<typeof masks>,
      MethodsOf<typeof order>,
      MethodsOf<typeof parts>,
      MethodsOf<typeof positions>,
      MethodsOf<typeof products>,
      MethodsOf<typeof reductions>,
      MethodsOf<typeof scatter>,
      MethodsOf<Omit<typeof selection, "nonzero">>,
      Overloaded,
      MethodsOf<typeof shapes>,
      InPlaceMethods {}
}

type AnyFunction = (x: Tensor, ...rest: unknown[]) => unknown;

function define(name: string, method: (this: Tensor, ...rest: unknown[]) => unknown): void {
  Object.defineProperty(method, "name", { value: name });
  Object.defineProperty(Tensor.prototype, name, { value: method, writable: true, configurable: true });
}

for (const functions of [
  activations,
  along,
  arithmetic,
  diagonals,
  fresh,
  masks,
  order,
  parts,
  positions,
  products,
  reductions,
  scatter,
  selection,
  shapes,
])
  for (const [name, compute] of Object.entries(functions) as [string, AnyFunction][])
    define(name, function (...rest) {
      return compute(this, ...rest);
    });

for (const name of inPlace) {
  const compute = Reflect.get(Tensor.prototype, name) as (this: Tensor, ...rest: unknown[]) => Tensor;
  define(`${name}_`, function (...rest) {
    return rebind(`${name}_`, this, compute.apply(this, rest));
  });
}
