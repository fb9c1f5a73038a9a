import { finfo } from "../dtype.js";
import { noGrad } from "../gradients.js";
import { makeError } from "../errors.js";
import { describe } from "../options.js";
import { isTensor, recordRoutine, type Tensor } from "../tensor.js";
import { checkFloating, checkMatrix, checkSquare, sizesOf, transposed } from "./matrices.js";

/** What counts as 0: values of at most max(atol, rtol * the largest). Tensors hold a number for each matrix. */
export interface Tolerances {
  atol: number | Tensor | null;
  rtol: number | Tensor | null;
  hermitian: boolean;
}

/** The singular values of matrices, which those of symmetric ones have from their eigenvalues. */
export function sizesOfMatrix(op: string, x: Tensor, hermitian: boolean): Tensor {
  if (!hermitian) return recordRoutine("svd", [x], 0)[1]!;
  checkSquare(op, x);
  return recordRoutine("eigh", [x], 0)[0]!.abs();
}

/** Which of such values count, in vectors along the last dimension. */
export function counted(op: string, x: Tensor, values: Tensor, { atol, rtol }: Tolerances): Tensor {
  for (const [name, value] of Object.entries({ atol, rtol }))
    if (value !== null && typeof value !== "number" && !isTensor(value))
      throw makeError(TypeError, `${op}: ${name} must be a number or a tensor, got ${describe(value)}`, {
        code: "ERR_OPTION",
        op,
      });
  if (values.shape.at(-1) === 0) return values.ne(0);
  const share = finfo(x.dtype).eps * Math.max(...sizesOf(x));
  const beside = (value: Tensor) => value.unsqueeze(-1);
  const largest = values.amax(-1, { keepdim: true });
  const least = atol === null ? 0 : isTensor(atol) ? beside(atol) : atol;
  // An absolute bound replaces the relative one that there is otherwise.
  const factor = isTensor(rtol)
    ? beside(rtol)
    : (rtol ?? (isTensor(least) ? least.gt(0).where(0, share) : least > 0 ? 0 : share));
  return values.gt(largest.mul(factor).maximum(least));
}

/** The pseudoinverses of matrices, with the gradient for matrices of one rank (Golub and Pereyra, 1973). */
export function pseudoinverseOf(op: string, x: Tensor, tolerances: Tolerances): Tensor {
  checkMatrix(op, x);
  checkFloating(op, x);
  if (tolerances.hermitian) checkSquare(op, x);
  const value = noGrad(() => {
    if (x.numel() === 0) return transposed(x).clone();
    if (tolerances.hermitian) {
      const [values, vectors] = recordRoutine("eigh", [x], 0) as [Tensor, Tensor];
      const counts = counted(op, x, values.abs(), tolerances);
      const inverse = counts.where(counts.where(values, 1).reciprocal(), 0);
      return vectors.mul(inverse.unsqueeze(-2)).matmul(transposed(vectors));
    }
    const [U, S, Vh] = recordRoutine("svd", [x], 0) as [Tensor, Tensor, Tensor];
    const counts = counted(op, x, S, tolerances);
    const inverse = counts.where(counts.where(S, 1).reciprocal(), 0);
    return transposed(Vh).mul(inverse.unsqueeze(-2)).matmul(transposed(U));
  });
  return recordRoutine("pinv", [x, value])[0]!;
}
