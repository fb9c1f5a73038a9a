// The notebook's Adam loop, in one synchronous `for`. Prints resident memory at tenths of the way.
import { optim, tensor } from "adjoint";

const iterations = Number(process.argv[2]);
const x = tensor([8], { requiresGrad: true });
const optimizer = new optim.Adam([x], { lr: 0.01 });
const residentMegabytes = [];
for (let i = 1; i <= iterations; ++i) {
  optimizer.zeroGrad();
  const f = x.pow(2).div(20).add(x.sin().tanh());
  f.backward();
  optimizer.step();
  f.item();
  if (i % (iterations / 10) === 0) residentMegabytes.push(process.memoryUsage.rss() / 1e6);
}
console.log(JSON.stringify({ residentMegabytes, x: x.item() }));
