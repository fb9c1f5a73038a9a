import { makeError } from "../errors.js";
import { describe } from "../options.js";
import { isTensor, type Tensor } from "../tensor.js";
import type { Given } from "./checks.js";

/** A parameter group as it is given: the parameters, and the options in which it differs from the others. */
export type ParamGroupInit<O extends object> = Given<O> & {
  params: Tensor | Iterable<Tensor> | Iterable<readonly [name: string, param: Tensor]>;
  initialLr?: number | undefined;
};

/** The parameters of an optimizer: tensors, `[name, tensor]` pairs, or groups of them with options of their own. */
export type Params<O extends object> =
  Iterable<Tensor> | Iterable<readonly [name: string, param: Tensor]> | Iterable<ParamGroupInit<O>>;

/** The groups in an optimizer's `params`. */
export function groupsOf(params: unknown): unknown[] {
  if (isTensor(params) || !isIterable(params)) {
    throw makeError(
      TypeError,
      "params argument given to the optimizer should be an iterable of Tensors or dicts, but got " +
        `${typeName(params)}${isTensor(params) ? " (wrap it in an array: [x])" : ""}`,
      { code: "ERR_PARAMS" },
    );
  }
  const list = [...params];
  if (list.length === 0) throw paramsError("optimizer got an empty parameter list");
  return isGroup(list[0]) ? list : [{ params: list }];
}

function isGroup(value: unknown): boolean {
  return typeof value === "object" && value !== null && !isTensor(value) && !Array.isArray(value);
}

/** The parameters of a group, with names where all of them have one. */
export function paramsOf(given: unknown): { params: Tensor[]; names: string[] | undefined } {
  if (isTensor(given)) return { params: [given], names: undefined };
  if (!isIterable(given)) {
    throw makeError(
      TypeError,
      `params of a parameter group must be a Tensor or an iterable of Tensors, but got ${typeName(given)}`,
      { code: "ERR_PARAMS" },
    );
  }
  const names: string[] = [];
  const params = [...given].map((item: unknown) => {
    const isPair = Array.isArray(item) && item.length === 2 && typeof item[0] === "string";
    if (isPair) names.push(item[0] as string);
    const param: unknown = isPair ? item[1] : item;
    if (isTensor(param)) return param;
    throw makeError(
      TypeError,
      `optimizer can only optimize Tensors, but one of the params is ${typeName(param)}`,
      { code: "ERR_PARAMS" },
    );
  });
  if (names.length > 0 && names.length !== params.length) {
    throw paramsError("all optimizer params should be with/without names. Some param names are missing");
  }
  return { params, names: names.length > 0 ? names : undefined };
}

/** The tensors among which a function works: one, or any number of them. */
export function tensorsIn(op: string, given: unknown): Tensor[] {
  if (isTensor(given)) return [given];
  const refuse = (one: unknown): never => {
    throw makeError(TypeError, `${op}: expected Tensors, got ${describe(one)}`, { code: "ERR_ARGUMENT", op });
  };
  if (!isIterable(given) || typeof given === "string") return refuse(given);
  return [...given].map((one) => (isTensor(one) ? one : refuse(one)));
}

function typeName(value: unknown): string {
  if (value === null || typeof value !== "object") return value === null ? "null" : typeof value;
  return isTensor(value) ? "Tensor" : describe(value).replace(/^an? /, "");
}

function isIterable(value: unknown): value is Iterable<unknown> {
  return (
    value !== null &&
    value !== undefined &&
    typeof (value as Iterable<unknown>)[Symbol.iterator] === "function"
  );
}

/** Makes the error of parameters that cannot be optimized. */
export function paramsError(message: string): Error {
  return makeError(Error, message, { code: "ERR_PARAMS" });
}
