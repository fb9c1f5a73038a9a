import { arange, cat, eye, linalg, nn, tensor, type DType, type Tensor } from "../../lib/index.js";
import { count } from "./repeatable.js";

// Ops over whole arrays, large enough for several threads and blocks, with their gradients.

const wave = (shape: readonly number[], dtype: DType): Tensor => {
  const data = Float64Array.from({ length: count(shape) }, (_, i) => Math.fround(Math.sin(i * 1.37 + 0.3)));
  return tensor(data).to(dtype).reshape(shape).detach().requiresGrad_();
};

const windows = (dtype: DType): Tensor[] => {
  const options = { padding: [1, 2], dilation: [1, 2], stride: [1, 2] } as const;
  const image = wave([2, 3, 40, 41], dtype);
  const patches = nn.functional.unfold(image, [3, 2], options);
  const sums = nn.functional.fold(patches.sin(), [40, 41], [3, 2], options);
  sums.square().sum().backward();
  return [patches, sums, image.grad!];
};

const triangles = (dtype: DType): Tensor[] => {
  const [a, right] = [wave([3, 150, 150], dtype), wave([3, 150, 70], dtype)];
  const definite = a.matmul(a.transpose(1, 2)).add(eye(150, { dtype }));
  const factor = linalg.cholesky(definite);
  const solution = linalg.solveTriangular(factor, right, { upper: false });
  cat([solution.sin(), factor], 2).sum().backward();
  return [factor, solution, a.grad!, right.grad!];
};

/** Of matrices larger than a panel of reflections, and of small ones side by side. */
const factors = (dtype: DType): Tensor[] =>
  [
    [150, 150],
    [200, 40],
    [37, 9, 9],
  ].flatMap((shape) => {
    // prettier-ignore
    const x = wave(shape, dtype).detach();
    const { Q, R } = linalg.qr(x);
    const { eigenvalues, eigenvectors } = linalg.eigh(x.mT.matmul(x));
    const { U, S, Vh } = linalg.svd(x);
    const { LU, pivots } = linalg.luFactorEx(x);
    const { solution } = linalg.lstsq(x, x.sin());
    return [Q, R, eigenvalues, eigenvectors, U, S, Vh, LU, pivots, solution];
  });

/** Whatever runs along lines: one that is long, a few that are, and many short ones across memory. */
const lines = (dtype: DType, shape: readonly number[], dim: number): Tensor[] => {
  const x = wave(shape, dtype);
  const sorted = x.sort(dim);
  const sums = x.cumsum(dim);
  const products = x.mul(0.01).add(1).cumprod(dim);
  const maxima = x.cummax(dim);
  const order = sorted.indices;
  const gathered = x.gather(dim, order.flip([dim]));
  const half = arange(0, shape[dim]!, 2, { dtype: "int64" });
  const selected = x.indexSelect(dim, half);
  // Many elements meet in each place.
  const places = order.to("float64").div(7).floor().to("int64");
  const added = x.detach().scatterAdd(dim, places, x);
  const written = x.detach().scatter(dim, places, x);
  const greatest = x.detach().scatterReduce(dim, places, x, "amax");
  const multiplied = x.detach().scatterReduce(dim, places, x, "prod");
  const scattered = [added, written, greatest, multiplied];
  const results = [sorted.values, sums, products, maxima.values, gathered, selected, ...scattered];
  results
    .map((result) => result.sin().sum())
    .reduce((a, b) => a.add(b))
    .backward();
  return [...results, order, maxima.indices, x.gt(0.5).nonzero(), x.grad!];
};
const lineShapes: [number[], number][] = [
  [[200_000], 0],
  [[3, 40_000], 1],
  [[40_000, 3], 0],
];

/** Of rows longer than a chunk of a reduction, along them and across. */
const reductions = (dtype: DType): Tensor[] => {
  const x = wave([2500, 1300], dtype);
  const along = [0, 1].flatMap((dim) => [x.sum(dim), x.amax(dim), x.norm(2, dim), x.var(dim)]);
  const results = [
    ...along,
    x.norm(),
    x.sum(),
    nn.functional.softmax(x, 0),
    x.roll(3, 1),
    x.flip(1),
    x.tril(),
  ];
  results
    .map((result) => result.sin().sum())
    .reduce((a, b) => a.add(b))
    .backward();
  return [...results, x.grad!];
};

/** Everything that they give, routine by routine. */
export const routineResults = (): Tensor[][] =>
  (["float32", "float64"] as const).flatMap((dtype) => [
    windows(dtype),
    triangles(dtype),
    factors(dtype),
    reductions(dtype),
    ...lineShapes.map(([shape, dim]) => lines(dtype, shape, dim)),
  ]);
