// A thread with plenty to do: says when it has begun, and computes until it has made its rounds or is terminated.
import { parentPort, workerData } from "node:worker_threads";
import { linspace } from "adjoint";

const { rounds, elements } = workerData;
const x = linspace(0, 1, elements);
const sums = [];
for (let i = 0; i < rounds; ++i) {
  let y = x.add(i);
  for (let k = 0; k < 20; ++k) y = y.sin().exp();
  const read = y.sum().itemAsync();
  const copied = y.data();
  if (i === 0) parentPort.postMessage("started");
  sums.push(await read, (await copied)[elements - 1]);
}
parentPort.postMessage(sums);
