// Computes until it is told to stop or is terminated; reports what it found.
import { parentPort, workerData } from "node:worker_threads";
import { manualSeed, optim, rand, tensor } from "adjoint";

manualSeed(workerData.seed);
const x = tensor([8], { requiresGrad: true });
const optimizer = new optim.Adam([x], { lr: 2 });
for (let i = 0; workerData.steps === undefined || i < workerData.steps; ++i) {
  optimizer.zeroGrad();
  x.pow(2).div(20).add(x.sin().tanh()).backward();
  optimizer.step();
  if (i === 3) parentPort.postMessage("started");
}
parentPort.postMessage({ x: x.item(), draw: rand([2]).toArray() });
