// Makes a few tensors of 4 MiB in each of many iterations and lets them go out of scope. The argument is the size of
// a JavaScript heap to keep beside them, in megabytes, and the number of iterations. Prints the peak of what the process
// holds above that heap, or, on a GPU, the peak of what it holds there.
import { cuda, engineStats, getDefaultDevice, optim, realize, tensor } from "adjoint";

const [heapMegabytes, iterations] = process.argv.slice(2).map(Number);
const heap = [];
while (process.memoryUsage().heapUsed < heapMegabytes * 1e6)
  for (let i = 0; i < 10_000; ++i) heap.push({ i, text: `item ${i}`, list: [i] });
const before = process.memoryUsage.rss();

const elements = 2 ** 20;
const data = new Float32Array(elements).fill(0.5);
const weight = tensor(new Float32Array(elements), { requiresGrad: true });
const optimizer = new optim.SGD([weight], { lr: 0.1 });
let peak = 0;
let sum = 0;
for (let i = 0; i < iterations; ++i) {
  const input = tensor(data);
  const shifted = input.add(i);
  const product = shifted.mul(0.5);
  realize([shifted, product]);
  optimizer.zeroGrad();
  const loss = weight.sub(input).square().mean();
  loss.backward();
  optimizer.step();
  sum += product.sum().item() + weight.grad.sum().item();
  peak = Math.max(peak, process.memoryUsage.rss());
}
console.log(
  JSON.stringify({
    peakMegabytes:
      (getDefaultDevice() === "cpu" ? peak - before : cuda.memoryStats().peakReservedBytes) / 1e6,
    heapItems: heap.length,
    sum,
    held: engineStats().bytes,
  }),
);
