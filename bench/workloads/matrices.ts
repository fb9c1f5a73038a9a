import { linalg, matrixExp } from "adjoint";
import { beside, numbers, type Input, type Row } from "./beside.js";

type Op = Omit<Row, "label" | "inputs" | "must"> & { name: string; must: number; kind?: Input["kind"] };

// Vectors of eigenvalues and singular values have signs of their own.
const ops: readonly Op[] = [
  {
    name: "cholesky",
    kind: "definite",
    adjoint: (a) => linalg.cholesky(a),
    torch: "torch.linalg.cholesky(a)",
    must: 2,
  },
  {
    name: "solve",
    kind: "definite",
    adjoint: (a, b) => linalg.solve(a, b),
    torch: "torch.linalg.solve(a, b)",
    must: 2,
  },
  { name: "inv", kind: "definite", adjoint: (a) => linalg.inv(a), torch: "torch.linalg.inv(a)", must: 2 },
  {
    name: "det",
    kind: "definite",
    adjoint: (a) => linalg.slogdet(a).logabsdet,
    torch: "torch.linalg.slogdet(a)[1]",
    must: 2,
  },
  {
    name: "qr",
    adjoint: (a) => {
      const { Q, R } = linalg.qr(a);
      return { Q: Q.abs(), R: R.abs() };
    },
    torch: "[x.abs() for x in torch.linalg.qr(a)]",
    must: 2,
  },
  {
    name: "eigh",
    kind: "symmetric",
    adjoint: (a) => {
      const { eigenvalues, eigenvectors } = linalg.eigh(a);
      return { eigenvalues, size: eigenvectors.square().sum() };
    },
    torch: "[(w := torch.linalg.eigh(a))[0], w[1].square().sum()]",
    must: 3,
  },
  {
    name: "svd",
    adjoint: (a) => {
      const { U, S, Vh } = linalg.svd(a);
      return { S, size: U.square().sum().add(Vh.square().sum()) };
    },
    torch: "[(w := torch.linalg.svd(a))[1], w[0].square().sum() + w[2].square().sum()]",
    must: 3,
  },
  {
    name: "lstsq",
    kind: "definite",
    adjoint: (a, b) => linalg.lstsq(a, b).solution,
    torch: "torch.linalg.lstsq(a, b)[0]",
    must: 3,
  },
  { name: "pinv", kind: "definite", adjoint: (a) => linalg.pinv(a), torch: "torch.linalg.pinv(a)", must: 3 },
  {
    name: "matrixExp",
    adjoint: (a) => matrixExp(a.mul(0.05)),
    torch: "torch.linalg.matrix_exp(a * 0.05)",
    must: 3,
  },
];

const rows = (dtype: Input["dtype"], batch: number, n: number, must?: number): Row[] =>
  ops.map(({ name, kind, ...op }) => {
    const shape = batch === 1 ? [n, n] : [batch, n, n];
    const matrix = numbers(shape, { dtype, ...(kind && { kind }) });
    const isEquation = op.torch.includes("a, b");
    return {
      ...op,
      label: `${name} ${dtype}, ${shape.join(" x ")}`,
      inputs: isEquation ? [matrix, numbers(shape, { dtype, seed: 1 })] : [matrix],
      must: must ?? op.must,
      tolerance: dtype === "float32" ? 1e-3 : 1e-9,
    };
  });

export const matrices = beside(
  "matrices",
  "factorizations and what is made of them; of batches too",
  [
    ...(["float32", "float64"] as const).flatMap((dtype) => [
      ...rows(dtype, 1, 512),
      ...rows(dtype, 1, 256),
      ...rows(dtype, 1000, 8, 0.5),
    ]),
  ],
  [...rows("float64", 1, 20), ...rows("float32", 3, 4)],
);
