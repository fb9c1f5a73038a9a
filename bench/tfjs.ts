// tfjs as a peer: its backends in JavaScript ("cpu") and WebAssembly, and tfjs-node where it is installed. Their ops
// compute at the call, so nothing needs to be awaited.
import { createRequire } from "node:module";
import type * as tfjs from "@tensorflow/tfjs";
import type { Library } from "./harness.js";
import type { Task } from "./workload.js";

export type { Scalar as TfScalar, Tensor as TfTensor, Tensor2D as TfTensor2D } from "@tensorflow/tfjs";

/** tfjs itself, from {@link tfjsBackends} on: hosts with a GPU need not have it. */
export let tf: typeof tfjs;

function backend(name: string, of: string): Library<tfjs.Tensor> {
  return {
    name,
    begin: async () => {
      if (tf.getBackend() !== of && !(await tf.setBackend(of))) throw new Error(`no backend ${of}`);
    },
    task: (of) => of.tfjs,
    read: (result) => result.dataSync(),
    finish: () => undefined,
    cannot: (error) => /Kernel .* not registered/.test((error as Error).message),
  };
}

/** The backends that load here. */
export async function tfjsBackends(): Promise<Library<tfjs.Tensor>[]> {
  tf = await import("@tensorflow/tfjs");
  await import("@tensorflow/tfjs-backend-wasm");
  tf.enableProdMode(); // without checks, and without a greeting
  // The WebAssembly kernel of sum adds float32 one by one: of 1e7 elements three digits are right.
  const libraries = [backend("tfjs cpu", "cpu"), { ...backend("tfjs wasm", "wasm"), slack: 20 }];
  const node: string = "@tensorflow/tfjs-node";
  try {
    await import(node);
    libraries.push(backend("tfjs-node", "tensorflow"));
  } catch {
    // Not installed, or not built for this machine.
  }
  return libraries;
}

/** The versions of what takes part. */
export function tfjsVersions(): Record<string, string> {
  const require = createRequire(import.meta.url);
  const version = (name: string) => (require(`${name}/package.json`) as { version: string }).version;
  const names = ["@tensorflow/tfjs", "@tensorflow/tfjs-backend-wasm", "@tensorflow/tfjs-node"];
  return Object.fromEntries(
    names.flatMap((name) => {
      try {
        return [[name, version(name)]];
      } catch {
        return [];
      }
    }),
  );
}

/** A task of tfjs: a step returns its results, which live until the next. `inputs` live as long as the task. */
export function keeping(inputs: readonly tfjs.Tensor[], step: () => tfjs.Tensor[]): Task<tfjs.Tensor> {
  let results: tfjs.Tensor[] = [];
  return {
    step: () => {
      tf.dispose(results);
      results = step();
    },
    results: () => results,
    dispose: () => {
      tf.dispose(results);
      tf.dispose([...inputs]);
    },
  };
}

interface Moments {
  originalName: string;
  variable: tfjs.Variable;
}

/** A task that trains: a step updates variables, whose values and optimizer state are its results. */
export function training(
  variables: readonly tfjs.Variable[],
  inputs: readonly tfjs.Tensor[],
  optimizer: tfjs.Optimizer,
  step: () => tfjs.Scalar | undefined,
): Task<tfjs.Tensor> {
  let value: tfjs.Scalar | undefined;
  // tfjs keeps what Adam remembers private.
  const state = (kind: string) =>
    (optimizer as unknown as Record<string, Moments[] | undefined>)[kind]?.map(({ variable }) => variable) ??
    [];
  return {
    step: () => {
      value?.dispose();
      value = step();
    },
    results: () => [
      ...(value === undefined ? [] : [value]),
      ...variables,
      ...state("accumulatedFirstMoment"),
      ...state("accumulatedSecondMoment"),
    ],
    dispose: () => {
      value?.dispose();
      optimizer.dispose();
      tf.dispose([...variables, ...inputs]);
    },
  };
}
