import { aliases, type Aliases } from "./aliases.js";
import { arityOf, calling, guarded } from "./calls.js";
import * as activations from "./functional/activations.js";
import * as along from "./functional/along.js";
import * as arithmetic from "./functional/arithmetic.js";
import * as comparison from "./functional/comparison.js";
import * as counting from "./functional/counting.js";
import * as covariance from "./functional/covariance.js";
import * as detaching from "./functional/detaching.js";
import * as diagonals from "./functional/diagonals.js";
import * as differences from "./functional/differences.js";
import * as distances from "./functional/distances.js";
import * as division from "./functional/division.js";
import * as extrema from "./functional/extrema.js";
import * as factors from "./functional/factors.js";
import * as fresh from "./functional/fresh.js";
import * as gamma from "./functional/gamma.js";
import * as hooks from "./functional/hooks.js";
import * as integers from "./functional/integers.js";
import * as masks from "./functional/masks.js";
import * as order from "./functional/order.js";
import * as parts from "./functional/parts.js";
import * as pieces from "./functional/pieces.js";
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
import * as squares from "./functional/squares.js";
import * as sums from "./functional/sums.js";
import * as transcendental from "./functional/transcendental.js";
import { widening } from "./functional/halves.js";
import { refusing } from "./kernels.js";
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

type AliasMethods = {
  /** PyTorch's other name of a method. */
  [Alias in keyof Aliases]: (
    ...rest: Parameters<Tensor[Aliases[Alias]]>
  ) => ReturnType<Tensor[Aliases[Alias]]>;
};

/** Of these, and of their aliases, there are methods with an underscore at the end of their names, which give the tensor itself the new value. */
const inPlace = [
  "abs",
  "acos",
  "acosh",
  "add",
  "addbmm",
  "addcdiv",
  "addcmul",
  "addmm",
  "addmv",
  "addr",
  "asin",
  "asinh",
  "atan",
  "atan2",
  "atanh",
  "baddbmm",
  "bitwiseAnd",
  "bitwiseLeftShift",
  "bitwiseNot",
  "bitwiseOr",
  "bitwiseRightShift",
  "bitwiseXor",
  "ceil",
  "clamp",
  "clampMax",
  "clampMin",
  "copysign",
  "cos",
  "cosh",
  "cumprod",
  "cumsum",
  "deg2rad",
  "digamma",
  "div",
  "eq",
  "erf",
  "erfc",
  "erfinv",
  "exp",
  "exp2",
  "expm1",
  "floatPower",
  "floor",
  "floorDivide",
  "fmod",
  "frac",
  "gcd",
  "ge",
  "gt",
  "heaviside",
  "hypot",
  "i0",
  "igamma",
  "igammac",
  "indexAdd",
  "indexCopy",
  "indexFill",
  "indexPut",
  "indexReduce",
  "lcm",
  "ldexp",
  "le",
  "lerp",
  "lgamma",
  "log",
  "log10",
  "log1p",
  "log2",
  "logicalAnd",
  "logicalNot",
  "logicalOr",
  "logicalXor",
  "logit",
  "lt",
  "maskedFill",
  "maskedScatter",
  "mul",
  "mvlgamma",
  "nanToNum",
  "ne",
  "neg",
  "nextafter",
  "polygamma",
  "pow",
  "put",
  "rad2deg",
  "reciprocal",
  "relu",
  "remainder",
  "renorm",
  "round",
  "rsqrt",
  "scatter",
  "scatterAdd",
  "scatterReduce",
  "sgn",
  "sigmoid",
  "sign",
  "sin",
  "sinc",
  "sinh",
  "sqrt",
  "square",
  "sub",
  "tan",
  "tanh",
  "tril",
  "triu",
  "trunc",
  "xlogy",
] as const;
/** The same, where the tensor gets another shape. */
const reshaping = ["squeeze", "swapaxes", "swapdims", "t", "transpose", "unsqueeze"] as const;
type InPlace = (typeof inPlace)[number] | (typeof reshaping)[number];
type InPlaceMethods = {
  /** Gives the tensor itself what the method without the underscore returns: x := x.name(...). */
  [Name in InPlace | keyof Aliases as `${Name}_`]: <Self extends Tensor>(
    this: Self,
    ...rest: Parameters<Tensor[Name]>
  ) => Self;
};

const functions = {
  ...activations,
  ...along,
  ...arithmetic,
  ...comparison,
  ...counting,
  ...covariance,
  ...detaching,
  ...diagonals,
  ...differences,
  ...distances,
  ...division,
  ...extrema,
  ...factors,
  ...fresh,
  ...gamma,
  ...hooks,
  ...integers,
  ...masks,
  ...order,
  ...parts,
  ...pieces,
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
  ...squares,
  ...sums,
  ...transcendental,
};

declare module "./tensor.js" {
  interface Tensor extends MethodsOf<typeof functions>, AliasMethods, InPlaceMethods {}
}

type AnyMethod = (this: Tensor, ...rest: unknown[]) => unknown;

const methodOf = (name: string) => Reflect.get(Tensor.prototype, name) as AnyMethod;

/** Defines a method, which refuses more arguments than it takes. */
function define(name: string, method: AnyMethod, most = arityOf(method)): void {
  const value = guarded(name, refusing(name, widening(name, method)), most);
  Object.defineProperty(Tensor.prototype, name, { value, writable: true, configurable: true });
}

/** Methods of the class that are compositions where a tensor says which elements are meant. */
const takesPositions = new Set(["at", "narrow", "set"]);
for (const [name, { value }] of Object.entries(Object.getOwnPropertyDescriptors(Tensor.prototype)))
  if (typeof value === "function" && name !== "constructor") {
    const method = value as AnyMethod;
    define(name, takesPositions.has(name) ? calling(name, method) : method, arityOf(method));
  }
for (const [name, compute] of Object.entries(functions) as [
  string,
  (x: Tensor, ...rest: unknown[]) => unknown,
][])
  define(
    name,
    calling(name, function (...rest) {
      return compute(this, ...rest);
    }),
    arityOf(compute) - 1,
  );
for (const [alias, name] of Object.entries(aliases)) define(alias, methodOf(name));
for (const name of [...inPlace, ...reshaping, ...Object.keys(aliases)]) {
  const compute = methodOf(name);
  const how = reshaping.some((one) => one === name) ? "reshapes" : undefined;
  define(
    `${name}_`,
    calling(`${name}_`, function (...rest) {
      return rebind(`${name}_`, this, compute.apply(this, rest) as Tensor, how);
    }),
    arityOf(compute),
  );
}
