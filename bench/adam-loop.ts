// The notebook's Adam loop on one number, reading x and f at every step: ours, tfjs and PyTorch, in one run.
import { execFileSync } from "node:child_process";
import { optim, tensor } from "adjoint";
import * as tf from "@tensorflow/tfjs";

/** Microseconds a step of each repetition, and where x ended. */
export interface Measurement {
  peer: string;
  microseconds: number[];
  x: number;
}

const lr = 0.01;

function time(steps: number, step: () => void): number {
  const start = process.hrtime.bigint();
  for (let i = 0; i < steps; ++i) step();
  return Number(process.hrtime.bigint() - start) / steps / 1e3;
}

function ours(steps: number): { microseconds: number; x: number } {
  const x = tensor([8], { requiresGrad: true });
  const optimizer = new optim.Adam([x], { lr });
  const microseconds = time(steps, () => {
    optimizer.zeroGrad();
    const f = x.pow(2).div(20).add(x.sin().tanh());
    f.backward();
    optimizer.step();
    x.item();
    f.item();
  });
  return { microseconds, x: x.item() };
}

function tfjs(steps: number): { microseconds: number; x: number } {
  const x = tf.variable(tf.tensor1d([8]));
  const optimizer = tf.train.adam(lr);
  const f = (): tf.Scalar => tf.sum(tf.add(tf.div(tf.square(x), 20), tf.tanh(tf.sin(x))));
  const microseconds = time(steps, () => {
    const value = optimizer.minimize(f, true)!;
    x.dataSync();
    value.dataSync();
    value.dispose();
  });
  return { microseconds, x: x.dataSync()[0]! };
}

function pytorch(python: string, steps: number, repetitions: number): Measurement {
  const script = new URL("../../bench/adam_loop.py", import.meta.url).pathname;
  const lines = execFileSync(python, [script, String(steps), String(repetitions)], { encoding: "utf8" })
    .trim()
    .split("\n");
  const numbers = lines.map((line) => line.split(" ").map(Number));
  return { peer: "PyTorch eager", microseconds: numbers.map(([us]) => us!), x: numbers.at(-1)![1]! };
}

/** Runs every peer that the machine has. `python` names an interpreter with PyTorch. */
export async function adamLoop(steps: number, repetitions: number, python?: string): Promise<Measurement[]> {
  tf.enableProdMode(); // without checks, and without a greeting
  await tf.setBackend("cpu");
  const repeat = (peer: string, run: (steps: number) => { microseconds: number; x: number }): Measurement => {
    run(Math.ceil(steps / 10)); // warm-up
    const runs = Array.from({ length: repetitions }, () => run(steps));
    return { peer, microseconds: runs.map(({ microseconds }) => microseconds), x: runs.at(-1)!.x };
  };
  const results = [repeat("adjoint", ours), repeat("tfjs cpu", tfjs)];
  if (python !== undefined) results.push(pytorch(python, steps, repetitions));
  return results;
}
