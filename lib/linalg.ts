// PyTorch's torch.linalg.
export { cholesky, solveTriangular } from "./functional/factors.js";
export type { CholeskyOptions, TriangularOptions } from "./functional/factors.js";
