import { arange } from "../../ranges.js";
import type { Scalar } from "../../native.js";
import type { Tensor } from "../../tensor.js";
import { count } from "./sizes.js";
import { unfold } from "./windows.js";

// Windows along one dimension: as slices, one for each element of a window, or side by side.

/** Windows along a dimension. */
export interface Axis {
  kernel: number;
  stride: number;
  dilation: number;
  /** How many elements that are not there lie in front of the first one. */
  padding: number;
  /** How many windows there are. */
  count: number;
}

/** Up to so many slices are combined one by one; longer windows are laid side by side and reduced. */
export const mostTaps = 32;

/** With so many elements of `value` around that every window lies inside. */
export function surrounded(x: Tensor, dim: number, axis: Axis, value: Scalar): Tensor {
  const { kernel, stride, dilation, padding, count } = axis;
  const { shape } = x;
  const reach = (count - 1) * stride + dilation * (kernel - 1) + 1;
  const after = Math.max(0, reach - padding - shape[dim]!);
  if (padding === 0 && after === 0) return x;
  const widths = Array<number>(2 * (shape.length - 1 - dim)).fill(0);
  return x.pad([...widths, padding, after], { value });
}

/** Element k of every window, for each k; the tensor is surrounded already. */
export function tapsOf(x: Tensor, dim: number, { kernel, stride, dilation, count }: Axis): Tensor[] {
  const before = Array<string>(dim).fill(":");
  return Array.from({ length: kernel }, (_, k) => {
    const start = k * dilation;
    return x.at(...before, `${start}:${start + (count - 1) * stride + 1}:${stride}`);
  });
}

/** Windows side by side: a tensor with one more dimension, `over`, along the elements of a window. */
export interface SideBySide {
  windows: Tensor;
  over: number;
}

/** The windows along `dim`, side by side; the tensor is surrounded already, and has another dimension in front. */
export function windowsAlong(x: Tensor, dim: number, axis: Axis): SideBySide {
  const { kernel, stride, dilation, count: windows } = axis;
  const { shape } = x;
  const [before, after] = [shape.slice(0, dim), shape.slice(dim + 1)];
  // Windows without elements between or in common lie side by side as they are.
  if (dilation === 1 && (stride === kernel || windows === 1))
    return {
      windows: x.narrow(dim, 0, windows * kernel).reshape(...before, windows, kernel, ...after),
      over: dim + 1,
    };
  if (after.length === 0) {
    const rows = before.pop()!;
    const images = x.reshape(count(before), 1, rows, shape[dim]!);
    const all = unfold(images, [1, kernel], { stride: [1, stride], dilation: [1, dilation] });
    return { windows: all.reshape(...before, kernel, rows, windows), over: dim - 1 };
  }
  const images = x.reshape(count(before), 1, shape[dim]!, count(after));
  const all = unfold(images, [kernel, 1], { stride: [stride, 1], dilation: [dilation, 1] });
  return { windows: all.reshape(...before, kernel, windows, ...after), over: dim };
}

/** A vector in the shape that broadcasts along `dim` of a tensor of that many dimensions. */
export function alongDim(vector: Tensor, dim: number, rank: number): Tensor {
  return vector.reshape(-1, ...Array<number>(rank - 1 - dim).fill(1));
}

/** Windows that share a dimension evenly, as adaptive pooling has them: their elements' places, and which are theirs. */
export interface EvenWindows {
  /** `[count, longest]`, int64; within the dimension also where they are not used. */
  places: Tensor;
  /** `[count, longest]`, bool. */
  isInside: Tensor;
  /** `[count]`, float64. */
  lengths: Tensor;
}

/** Window i goes from `floor(i * size / count)` to before `ceil((i + 1) * size / count)`. */
export function evenWindows(size: number, windows: number, device: Tensor["device"]): EvenWindows {
  const i = arange(windows, { dtype: "float64", device });
  const begin = i.mul(size).div(windows).floor();
  const end = i.add(1).mul(size).div(windows).ceil();
  const longest = Math.min(Math.ceil(size / windows) + (size % windows === 0 ? 0 : 1), size);
  const place = begin.unsqueeze(1).add(arange(longest, { dtype: "float64", device }));
  return {
    places: place.minimum(size - 1).to("int64"),
    isInside: place.lt(end.unsqueeze(1)),
    lengths: end.sub(begin),
  };
}
