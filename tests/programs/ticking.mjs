// Steps of Adam over four million numbers, each awaited, beside a timer that wants to tick every millisecond.
import { linspace, optim, realize } from "adjoint";

const steps = Number(process.argv[2]);
const x = linspace(-3, 3, 4_000_000).clone();
realize(x);
x.requiresGrad_();
const optimizer = new optim.Adam([x], { lr: 0.01 });
const losses = [];
let ticks = 0;
let longestGap = 0;
let last = performance.now();
const began = last;
const timer = setInterval(() => {
  const now = performance.now();
  longestGap = Math.max(longestGap, now - last);
  last = now;
  ++ticks;
}, 1);
for (let i = 0; i < steps; ++i) {
  optimizer.zeroGrad();
  const loss = x.pow(2).div(20).add(x.sin().tanh()).sinh().exp().mean();
  loss.backward();
  optimizer.step();
  losses.push(await loss.itemAsync());
}
clearInterval(timer);
console.log(JSON.stringify({ ticks, longestGap, milliseconds: performance.now() - began, losses }));
