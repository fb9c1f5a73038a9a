import { func, type Tensor } from "adjoint";
import { beside, numbers, type Row } from "./beside.js";

const { grad, hessian, hvp, jacfwd, jacrev, vmap } = func;

/** Three layers of a network, as a function of its input. */
const layers = (x: Tensor, w: Tensor) => {
  let h = x;
  for (let i = 0; i < 3; ++i) h = w.matmul(h).tanh();
  return h;
};
const layersInTorch = "(lambda x, w: torch.tanh(w @ torch.tanh(w @ torch.tanh(w @ x))))";

const valley = (p: Tensor) => {
  const [before, after] = [p.at(":-1"), p.at("1:")];
  return after.sub(before.square()).square().mul(100).add(before.rsub(1).square()).sum();
};
const valleyInTorch = "(lambda p: ((p[1:] - p[:-1] ** 2) ** 2 * 100 + (1 - p[:-1]) ** 2).sum())";

const network = (size: number) => [numbers([size]), numbers([size, size], { low: -0.1, high: 0.1, seed: 1 })];

function ofNetwork(size: number): Row[] {
  const inputs = network(size);
  const sum = (x: Tensor, w: Tensor) => layers(x, w).square().sum();
  const sumInTorch = `(lambda x, w: (${layersInTorch}(x, w) ** 2).sum())`;
  const row = (name: string, adjoint: Row["adjoint"], torch: string): Row => ({
    label: `${name} of a network, ${size}`,
    inputs,
    adjoint,
    torch,
    must: 0.5,
    tolerance: 1e-3,
  });
  return [
    row("grad", (x, w) => grad(sum)(x, w), `torch.func.grad(${sumInTorch})(a, b)`),
    row("jacrev", (x, w) => jacrev(layers)(x, w), `torch.func.jacrev(${layersInTorch})(a, b)`),
    row("jacfwd", (x, w) => jacfwd(layers)(x, w), `torch.func.jacfwd(${layersInTorch})(a, b)`),
    row("hessian", (x, w) => hessian(sum)(x, w), `torch.func.hessian(${sumInTorch})(a, b)`),
    row(
      "hvp",
      (x, w) => hvp((a: Tensor) => sum(a, w), [x], [x])[1][0],
      `torch.func.jvp(torch.func.grad(lambda x: ${sumInTorch}(x, b)), (a,), (a,))[1]`,
    ),
  ];
}

/** Many small problems at once. */
function ofBatch(count: number, size: number): Row[] {
  const inputs = [numbers([count, size])];
  const row = (name: string, adjoint: Row["adjoint"], torch: string): Row => ({
    label: `${name}, ${count} of size ${size}`,
    inputs,
    adjoint,
    torch,
    must: 0.2,
    tolerance: 1e-3,
  });
  return [
    row(
      "vmap of grad",
      (p) => vmap(grad(valley))(p),
      `torch.func.vmap(torch.func.grad(${valleyInTorch}))(a)`,
    ),
    row(
      "vmap of hessian",
      (p) => vmap(hessian(valley))(p),
      `torch.func.vmap(torch.func.hessian(${valleyInTorch}))(a)`,
    ),
  ];
}

/** Transformations of functions. */
export const functions = beside(
  "functions",
  "gradients, Jacobians and Hessians by func; of batches too",
  [...ofNetwork(64), ...ofNetwork(256), ...ofBatch(1000, 3)],
  [...ofNetwork(4), ...ofBatch(3, 3)],
);
