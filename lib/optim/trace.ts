import { noGrad } from "../gradients.js";
import { tidy } from "../engine.js";
import { makeError } from "../errors.js";
import { native, type Handle } from "../native.js";
import { OpaqueScalar } from "../opaque.js";
import { describe } from "../options.js";
import { fresh, handleOf, isTensor, type Tensor } from "../tensor.js";
import type { Flags } from "./definition.js";

// The `update` of a rule is a program over tensors that always does the same. So it runs in TypeScript once,
// over placeholders, and native code repeats this recording, the trace. There is one for each combination of
// flags, dtypes and state that is there; and for each shape, if the update looks at shapes or does more than
// arithmetic on elements.

/** A recorded update. */
export interface Trace {
  /** Its number in native code. */
  readonly id: number;
  /** The rows of state that it changes, a bit each. */
  readonly writes: number;
}

/** The subject of a recording: a parameter, its state by row, and which rows are there and needed, a bit each. */
export interface Subject {
  readonly param: Tensor;
  readonly cells: readonly (Tensor | undefined)[];
  readonly inputs: number;
  readonly needed: number;
}

type Tensors = Record<string, Tensor | undefined>;

/** The part of a rule that is recorded. */
export interface Traceable {
  /** The state's rows. */
  readonly rows: readonly (readonly [name: string, row: object])[];
  update(tensors: never, scalars: Readonly<Record<string, OpaqueScalar>>, flags: Readonly<Flags>): unknown;
}

const dropped = new FinalizationRegistry<number>((id) => {
  native.dropTrace(id);
});

const tracesByRule = new WeakMap<Traceable, Traces>();

/** The traces of a rule, which all its optimizers share. */
export function tracesOf(rule: Traceable): Traces {
  const traces = tracesByRule.get(rule) ?? new Traces(rule);
  tracesByRule.set(rule, traces);
  return traces;
}

/** The traces of one rule. */
export class Traces {
  readonly #rule: Traceable;
  /** By what the update depends on; null where that includes shapes, which then are part of the key. */
  readonly #known = new Map<string, Trace | null>();
  #scalars: readonly string[] | undefined;

  constructor(rule: Traceable) {
    this.#rule = rule;
  }

  /** The names of the scalars, in the order in which native code gets them: those of the first time. */
  scalarNames(scalars: object): readonly string[] {
    this.#scalars ??= Object.keys(scalars);
    return this.#scalars;
  }

  /** The trace for a parameter; the update is recorded where there is none yet. */
  of(who: string, subject: Subject, flags: Readonly<Flags>): Trace {
    const { param, cells, inputs, needed } = subject;
    const tensors = [param, ...cells.filter((_, row) => has(needed, row))] as Tensor[];
    const kind = JSON.stringify([native.defaultDtype(), tensors.map(kindOf), needed, inputs, flags]);
    const key = this.#known.get(kind) === null ? kind + JSON.stringify(tensors.map(shapeOf)) : kind;
    const known = this.#known.get(key);
    if (known) return known;
    const { id, writes, fitsEveryShape } = record(who, this.#rule, this.#scalars!, subject, flags);
    const trace = { id, writes };
    dropped.register(trace, id);
    if (fitsEveryShape) this.#known.set(kind, trace);
    else this.#known.set(kind, null).set(kind + JSON.stringify(tensors.map(shapeOf)), trace);
    return trace;
  }
}

/** Whether a row is among those that have their bit set. */
export function has(rows: number, row: number): boolean {
  return ((rows >> row) & 1) !== 0;
}

/** Makes the error of a rule that cannot be recorded or applied. */
export function ruleError(message: string): TypeError {
  return makeError(TypeError, message, { code: "ERR_RULE" });
}

function kindOf({ dtype, device }: Tensor): string {
  return `${dtype} ${device}`;
}

function shapeOf({ shape }: Tensor): number[] {
  return shape;
}

function record(
  who: string,
  rule: Traceable,
  scalarNames: readonly string[],
  { param, cells, inputs, needed }: Subject,
  flags: Readonly<Flags>,
): Trace & { readonly fitsEveryShape: boolean } {
  const names = rule.rows.map(([name]) => name);
  const tensorsByRow = [param, ...names.map((_, row) => cells[row])];
  const handles = tensorsByRow.map((tensor) => (tensor === undefined ? 0 : handleOf(tensor, who)));
  const begin = (out: object[]) =>
    native.beginRecording(
      who,
      out,
      handles.map((handle, i) => (i === 0 || has(inputs, i - 1) ? handle : 0)),
    );
  const inputNames = ["param", "grad", ...names.filter((_, row) => has(inputs, row))];
  return noGrad(() =>
    tidy(() => {
      const placeholders = fresh(inputNames.length, begin);
      try {
        const tensors: Tensors = Object.fromEntries(names.map((name) => [name, undefined]));
        inputNames.forEach((name, i) => (tensors[name] = placeholders[i]!));
        const scalars = scalarNames.map(
          (name) => [name, new OpaqueScalar(name, (out) => native.recordScalar(out))] as const,
        );
        const returned = rule.update(tensors as never, Object.fromEntries(scalars), flags);
        const results = read(who, names, needed, returned);
        const { id, fitsEveryShape } = native.endRecording(results, handles);
        const writes = results
          .slice(1)
          .reduce((bits, handle, row) => bits | (handle === 0 ? 0 : 1 << row), 0);
        return { id, writes, fitsEveryShape };
      } finally {
        native.abandonRecording();
      }
    }),
  );
}

/** The handles of an update's results: the parameter, and the state by row, where 0 means not changed. */
function read(who: string, names: readonly string[], needed: number, results: unknown): Handle[] {
  if (results === null || typeof results !== "object" || !isTensor((results as Tensors)["param"]))
    throw ruleError(
      `${who}: update must return the new values, as in { param: x }, but ` +
        (results !== null && typeof results === "object"
          ? `param is ${describe((results as Tensors)["param"])}`
          : `it returned ${describe(results)}`),
    );
  const allowed = ["param", ...names.filter((_, row) => has(needed, row))];
  const handles = ["param", ...names].map(() => 0);
  for (const [name, value] of Object.entries(results as Record<string, unknown>)) {
    if (value === undefined) continue;
    if (!allowed.includes(name))
      throw ruleError(
        `${who}: update returned '${name}', but what it may return here is ${allowed.join(", ")}`,
      );
    if (!isTensor(value))
      throw ruleError(`${who}: update must return tensors, but ${name} is ${describe(value)}`);
    handles[name === "param" ? 0 : 1 + names.indexOf(name)] = handleOf(value, who);
  }
  return handles;
}
