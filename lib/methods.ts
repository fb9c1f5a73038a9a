import * as activations from "./functional/activations.js";
import * as along from "./functional/along.js";
import * as arithmetic from "./functional/arithmetic.js";
import * as counting from "./functional/counting.js";
import * as covariance from "./functional/covariance.js";
import * as diagonals from "./functional/diagonals.js";
import * as differences from "./functional/differences.js";
import * as distances from "./functional/distances.js";
import * as extrema from "./functional/extrema.js";
import * as fresh from "./functional/fresh.js";
import * as masks from "./functional/masks.js";
import * as order from "./functional/order.js";
import * as parts from "./functional/parts.js";
import * as positions from "./functional/positions.js";
import * as products from "./functional/products.js";
import * as quantiles from "./functional/quantiles.js";
import * as random from "./functional/random.js";
import * as ranking from "./functional/ranking.js";
import * as reductions from "./functional/reductions.js";
import * as scans from "./functional/scans.js";
import * as scatter from "./functional/scatter.js";
import * as selection from "./functional/selection.js";
import * as sets from "./functional/sets.js";
import * as shapes from "./functional/shapes.js";
import { rebind, Tensor } from "./tensor.js";

// Methods that are made of other ops, or record a routine: every function of these modules is one, with the tensor as its
// first argument.

/** The method that a function is, with all of its overloads, of which there are up to three. */
type MethodOf<F> = F extends (x: Tensor, ...rest: infer A) => infer One
  ? ((x: Tensor, ...rest: A) => One) extends F
    ? (...rest: A) => One
    : OverloadsOf<F>
  : never;
type OverloadsOf<F> = F extends {
  (x: Tensor, ...rest: infer A): infer One;
  (x: Tensor, ...rest: infer B): infer Two;
  (x: Tensor, ...rest: infer C): infer Three;
}
  ? { (...rest: A): One; (...rest: B): Two; (...rest: C): Three }
  : never;
type MethodsOf<Functions> = { [Name in keyof Functions]: MethodOf<Functions[Name]> };

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

const functions = {
  ...activations,
  ...along,
  ...arithmetic,
  ...counting,
  ...covariance,
  ...diagonals,
  ...differences,
  ...distances,
  ...extrema,
  ...fresh,
  ...masks,
  ...order,
  ...parts,
  ...positions,
  ...products,
  ...quantiles,
  ...random,
  ...ranking,
  ...reductions,
  ...scans,
  ...scatter,
  ...selection,
  ...sets,
  ...shapes,
};

declare module "./tensor.js" {
  interface Tensor extends MethodsOf<typeof functions>, InPlaceMethods {}
  interface Tensor
    extends
      MethodsOf<typeof activations>,
      MethodsOf<typeof along>,
      MethodsOf<typeof arithmetic>,
      MethodsOf<typeof products>,
      MethodsOf<typeof random>,
      MethodsOf<typeof reductions>,
      MethodsOf<typeof selection>,
      InPlaceMethods {}
}

type AnyFunction = (x: Tensor, ...rest: unknown[]) => unknown;

function define(name: string, method: (this: Tensor, ...rest: unknown[]) => unknown): void {
  Object.defineProperty(method, "name", { value: name });
  Object.defineProperty(Tensor.prototype, name, { value: method, writable: true, configurable: true });
}

for (const [name, compute] of Object.entries(functions) as [string, AnyFunction][])
  define(name, function (...rest) {
    return compute(this, ...rest);
  });
for (const functions of [activations, along, arithmetic, products, random, reductions, selection])
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
