// What gradients come to when the objects around them have been collected. Needs --expose-gc.
import { engineStats, tensor } from "adjoint";

const collect = () => {
  globalThis.gc();
  for (let i = 0; i < 600; ++i) tensor(1);
};

let y;
const gradient = (() => {
  const x = tensor([1, 2], { requiresGrad: true });
  y = x.mul(2).sum();
  y.backward(null, { retainGraph: true });
  return x.grad;
})();
collect();
y.backward();
const held = gradient.toArray();

const leaf = tensor([1, 2], { requiresGrad: true });
leaf.square().sum().backward();
leaf.grad.requiresGrad_();
const loss = leaf.grad.square().sum();
collect();
loss.backward();
const second = leaf.grad.grad.toArray();

const { nodes } = engineStats();
for (let i = 0; i < 2000; ++i) {
  const x = tensor([1], { requiresGrad: true });
  x.square().sum().backward(null, { createGraph: true });
  const kept = x.grad;
  const z = tensor([1], { requiresGrad: true });
  const w = z.mul(2);
  z.requiresGrad_(false);
  z.copy_(w);
  if (i % 500 === 499) collect();
  if (kept === null) throw new Error("no gradient");
}
collect();
collect();
console.log(JSON.stringify({ held, second, leaks: engineStats().nodes > nodes + 1500 }));
