// Convolutions, pools, padding and sampling: what PyTorch's samples do not show.
import fc from "fast-check";
import { describe, expect, test } from "vitest";
import * as adjoint from "../../lib/index.js";
import { autograd, nn, noGrad, randn, tensor, zeros, type DType, type Tensor } from "../../lib/index.js";
import { expectGradients } from "../helpers/differences.js";
import {
  build,
  errorOf,
  expectClose,
  numbers,
  randomSource,
  read,
  toTensor,
  type Plain,
} from "../helpers/reference.js";

const F = nn.functional;

const random = randomSource(3);
const values = (...shape: number[]): Tensor =>
  tensor(
    Array.from({ length: shape.reduce((a, b) => a * b, 1) }, () => 2 * random() - 1),
    { dtype: "float64" },
  ).reshape(shape);
/** Equal but for the order of sums. */
function expectNear(actual: Tensor, expected: Plain, at: string): void {
  expect(actual.shape, at).toEqual(expected.shape);
  expectClose(numbers(actual), expected.data, 1e-12, 1e-12, at);
}
/** A signal `[1, 1, L]`. */
const signal = (data: number[], dtype: DType = "float64") =>
  tensor(data, { dtype }).reshape(1, 1, data.length);
const int64 = (data: bigint[]) => tensor(BigInt64Array.from(data)).reshape(1, 1, data.length);
const bigints = (x: Tensor) => Array.from(x.dataSync<BigInt64Array>());

// --- Convolutions ------------------------------------------------------------------------------------------------

interface Convolution {
  input: Plain;
  weight: Plain;
  stride: number[];
  padding: number[];
  dilation: number[];
  groups: number;
}

/** By the definition, for two spatial dimensions. */
function convolved({ input, weight, stride, padding, dilation, groups }: Convolution): Plain {
  const [batch, , ...sizes] = input.shape as [number, number, number, number];
  const [outputs, channels, ...kernel] = weight.shape as [number, number, number, number];
  const out = sizes.map(
    (size, i) => Math.floor((size + 2 * padding[i]! - dilation[i]! * (kernel[i]! - 1) - 1) / stride[i]!) + 1,
  );
  return build([batch, outputs, ...out], ([n, o, ...at]) => {
    let sum = 0;
    const first = Math.floor(o! / (outputs / groups)) * channels;
    for (let c = 0; c < channels; ++c)
      for (let i = 0; i < kernel[0]; ++i)
        for (let j = 0; j < kernel[1]; ++j) {
          const place = [i, j].map((k, d) => at[d]! * stride[d]! + k * dilation[d]! - padding[d]!);
          if (place.every((one, d) => one >= 0 && one < sizes[d]!))
            sum += read(weight, [o!, c, i, j]) * read(input, [n!, first + c, ...place]);
        }
    return sum;
  });
}

const two = (min: number, max: number) => fc.array(fc.integer({ min, max }), { minLength: 2, maxLength: 2 });
const convolutions = fc
  .record({
    groups: fc.integer({ min: 1, max: 3 }),
    channels: fc.integer({ min: 1, max: 2 }),
    outputs: fc.integer({ min: 1, max: 2 }),
    batch: fc.integer({ min: 1, max: 2 }),
    kernel: two(1, 3),
    stride: two(1, 3),
    padding: two(0, 2),
    dilation: two(1, 2),
    more: two(0, 4),
  })
  .map(({ groups, channels, outputs, batch, kernel, more, ...sizes }): Convolution => {
    const extents = kernel.map((size, i) =>
      Math.max(1, sizes.dilation[i]! * (size - 1) + 1 - 2 * sizes.padding[i]! + more[i]!),
    );
    const shape = [batch, groups * channels, ...extents];
    return {
      ...sizes,
      groups,
      input: build(shape, () => 2 * random() - 1),
      weight: build([groups * outputs, channels, ...kernel], () => 2 * random() - 1),
    };
  });

describe("convolutions", () => {
  test("are sums over windows, and their transposes are their gradients", () => {
    fc.assert(
      fc.property(convolutions, (sample) => {
        const { stride, padding, dilation, groups } = sample;
        const [input, weight] = [toTensor(sample.input).requiresGrad_(), toTensor(sample.weight)];
        const out = F.conv2d(input, weight, { stride, padding, dilation, groups });
        expectNear(out, convolved(sample), "conv2d");
        const gradient = values(...out.shape);
        const [expected] = autograd.grad(out, [input], { gradOutputs: gradient });
        const rest = sample.input.shape.slice(2).map((size, i) => {
          const least =
            (out.shape[2 + i]! - 1) * stride[i]! -
            2 * padding[i]! +
            dilation[i]! * (sample.weight.shape[2 + i]! - 1) +
            1;
          return size - least;
        });
        if (rest.some((size, i) => size >= Math.max(stride[i]!, dilation[i]!))) return;
        const spread = F.convTranspose2d(gradient, weight, {
          stride,
          padding,
          dilation,
          groups,
          outputPadding: rest,
        });
        expectNear(spread, { shape: input.shape, data: numbers(expected!) }, "convTranspose2d");
      }),
      { numRuns: 60 },
    );
  });

  test.each([1, 2, 3])("have gradients of gradients in %i dimensions", (rank) => {
    const name = `${rank}d` as "1d" | "2d" | "3d";
    const [input, weight, bias] = [
      values(2, 4, ...[5, 4, 3].slice(0, rank)),
      values(4, 2, ...[3, 2, 2].slice(0, rank)),
      values(4),
    ];
    expectGradients(
      (x, w, b) => F[`conv${name}`](x, w, { bias: b, groups: 2, padding: 1, stride: 2 }),
      [input, weight, bias],
    );
    expectGradients(
      (x, w, b) =>
        F[`convTranspose${name}`](x, w, { bias: b, groups: 2, padding: 1, stride: 2, outputPadding: 1 }),
      [input, weight, bias],
    );
  });

  test("of volumes are sums of convolutions of slices", () => {
    const [input, weight] = [values(2, 3, 4, 5, 4), values(2, 3, 2, 3, 2)];
    const whole = F.conv3d(input, weight, { padding: [0, 1, 1], dilation: [2, 1, 1] });
    const slices = [0, 1].map((d) =>
      [0, 1]
        .map((k) => F.conv2d(input.select(2, d + 2 * k), weight.select(2, k), { padding: 1 }))
        .reduce((a, b) => a.add(b)),
    );
    expect(whole.shape).toEqual([2, 2, 2, 5, 5]);
    expect(numbers(whole.sub(adjoint.stack(slices, 2)).abs().amax())[0]).toBeLessThan(1e-12);
  });

  test("without history are computed in parts, and are the same", () => {
    const [x, w] = [randn([3, 8, 300, 300]), randn([2, 8, 3, 3])];
    const whole = F.conv2d(x, w.clone().requiresGrad_(), { padding: 1 });
    expect(F.conv2d(x, w, { padding: 1 }).eq(whole).all().item()).toBe(true);
  });

  test("'same' puts the odd zero behind", () => {
    const x = signal([1, 2, 3]);
    expect(numbers(F.conv1d(x, signal([1, 10]), { padding: "same" }))).toEqual([21, 32, 3]);
    expect(numbers(F.conv1d(x, signal([1, 10]), { padding: "valid" }))).toEqual([21, 32]);
  });

  test("uncover with outputPadding what padding would cut off", () => {
    const x = signal([1, 2]);
    expect(numbers(F.convTranspose1d(x, signal([1, 1]), { stride: 2 }))).toEqual([1, 1, 2, 2]);
    const wide = F.convTranspose1d(x, signal([1, 5]), { dilation: 3, padding: 2, outputPadding: 2 });
    expect(numbers(wide)).toEqual([0, 5, 10]);
  });

  test("take batches of none, single images, whole numbers and the names of gradients", () => {
    const weight = values(3, 2, 3, 3);
    expect(F.conv2d(zeros([0, 2, 5, 5], { dtype: "float64" }), weight).shape).toEqual([0, 3, 3, 3]);
    expect(F.convTranspose2d(zeros([0, 3, 5, 5], { dtype: "float64" }), weight).shape).toEqual([0, 2, 7, 7]);
    expect(F.conv2d(values(2, 5, 5), weight, { padding: 1 }).shape).toEqual([3, 5, 5]);
    const big = 2n ** 60n + 1n;
    expect(bigints(F.conv1d(int64([big, 2n]), int64([1n, 3n])))).toEqual([big + 6n]);
    expect(F.conv2d(values(1, 2, 5, 5), weight.requiresGrad_()).gradFn).toBe("ConvolutionBackward0");
  });
});

// --- Pools -------------------------------------------------------------------------------------------------------

describe("maxPool", () => {
  test("gives the gradient to the first of equal elements", () => {
    const x = signal([1, 3, 3, 3, 0, 0]).requiresGrad_();
    const { output, indices } = F.maxPool1d(x, 3, { returnIndices: true });
    expect([numbers(output), numbers(indices)]).toEqual([
      [3, 3],
      [1, 3],
    ]);
    output.sum().backward();
    expect(numbers(x.grad!)).toEqual([0, 1, 0, 1, 0, 0]);
  });

  test("takes NaN for the largest, of several the last, as PyTorch does", () => {
    const x = signal([1, NaN, 9, NaN]);
    const { output, indices } = F.maxPool1d(x, 4, { returnIndices: true });
    expect([numbers(output), numbers(indices)]).toEqual([[NaN], [3]]);
    expect(numbers(F.maxPool1d(x, 4))).toEqual([NaN]);
  });

  test("finds elements where all are the least there is, never the padding", () => {
    const { output, indices } = F.maxPool1d(signal([-Infinity, -Infinity]), 2, {
      padding: 1,
      returnIndices: true,
    });
    expect([numbers(output), numbers(indices)]).toEqual([
      [-Infinity, -Infinity],
      [0, 1],
    ]);
    const least = -(2n ** 63n);
    const whole = F.maxPool1d(int64([least, least + 1n]), 2, { stride: 1, padding: 1, returnIndices: true });
    expect([bigints(whole.output), numbers(whole.indices)]).toEqual([
      [least, least + 1n, least + 1n],
      [0, 1, 1],
    ]);
  });

  test("is the same for windows that are laid side by side", () => {
    // 40 elements are more than are taken one by one; with NaN and equal elements.
    const data = Array.from({ length: 50 * 45 }, (_, i) => (i === 777 ? NaN : Math.floor(5 * random())));
    const x = tensor(data, { dtype: "float64" }).reshape(1, 50, 45);
    const { output, indices } = F.maxPool2d(x, [40, 41], {
      stride: [3, 2],
      padding: [7, 0],
      ceilMode: true,
      returnIndices: true,
    });
    const [, rows, columns] = output.shape as [number, number, number];
    const expected = Array.from({ length: rows * columns }, (_, k) => {
      const [top, left] = [Math.floor(k / columns) * 3 - 7, (k % columns) * 2];
      let best = -1;
      for (let y = Math.max(top, 0); y < Math.min(top + 40, 50); ++y)
        for (let z = left; z < Math.min(left + 41, 45); ++z) {
          const at = y * 45 + z;
          if (best < 0 || data[at]! > data[best]! || Number.isNaN(data[at])) best = at;
        }
      return best;
    });
    expect([rows, columns]).toEqual([9, 3]);
    expect(numbers(indices)).toEqual(expected);
    expect(numbers(output)).toEqual(expected.map((at) => data[at]));
  });

  test("gives values, or both, with and without history", () => {
    const x = values(1, 2, 4, 4).requiresGrad_();
    const pooled = F.maxPool2d(x, 2);
    expect(pooled.gradFn).toBe("MaxPool2DWithIndicesBackward0");
    expect(numbers(noGrad(() => F.maxPool2d(x, 2)))).toEqual(numbers(pooled));
    expect(F.maxPool2d(zeros([0, 2, 4, 4]).requiresGrad_(), 2).shape).toEqual([0, 2, 2, 2]);
    expectGradients((y) => F.maxPool2d(y, 3, { stride: 2, padding: 1 }).square(), [values(2, 1, 5, 5)]);
    expectGradients((y) => F.adaptiveMaxPool2d(y, [2, 3]).square(), [values(1, 2, 5, 5)]);
  });

  test("is undone by maxUnpool; of elements with one place the last counts, and all have its gradient", () => {
    const x = values(2, 1, 6, 6);
    const { output, indices } = F.maxPool2d(x, 2, { returnIndices: true });
    const back = F.maxUnpool2d(output, indices, 2);
    expect(numbers(F.maxPool2d(back.abs(), 2))).toEqual(numbers(output.abs()));
    const y = signal([1, 2, 3, Infinity]).requiresGrad_();
    const spread = F.maxUnpool1d(y, int64([0n, 2n, 0n, 3n]), 1);
    expect(numbers(spread)).toEqual([3, 0, 2, Infinity]);
    spread
      .mul(signal([1, 2, 4, 8]))
      .sum()
      .backward();
    expect(numbers(y.grad!)).toEqual([1, 4, 1, 8]);
    expect(errorOf(() => F.maxUnpool1d(signal([1]), int64([7n]), 2).dataSync())).toMatchObject({
      code: "ERR_INDEX",
    });
  });
});

describe("means of windows", () => {
  test("count the padding, or not, but never what is behind it", () => {
    const x = signal([1, 2, 3, 4]);
    expect(numbers(F.avgPool1d(x, 3, { stride: 2, padding: 1, ceilMode: true }))).toEqual([1, 3, 2]);
    const only = F.avgPool1d(x, 3, { stride: 2, padding: 1, ceilMode: true, countIncludePad: false });
    expect(numbers(only)).toEqual([1.5, 3, 4]);
  });

  test("have no part in what lies outside of a window", () => {
    const x = signal([Infinity, 1, 3, NaN, 5, 7]);
    expect(numbers(F.avgPool1d(x, 2, { stride: 1 }))).toEqual([Infinity, 2, NaN, NaN, 6]);
    expect(numbers(F.adaptiveAvgPool1d(x, 4))).toEqual([Infinity, 2, NaN, 6]);
  });

  test("are the same one by one and side by side, with the same gradients", () => {
    const data = Array.from({ length: 70 }, () => random());
    const long = F.avgPool1d(signal(data), 40, { stride: 7, padding: 4 });
    const expected = numbers(long).map((_, i) => {
      const inside = data.slice(Math.max(7 * i - 4, 0), 7 * i + 36);
      return inside.reduce((a, b) => a + b, 0) / 40;
    });
    expectNear(long, { shape: long.shape, data: expected }, "long windows");
    const x = values(1, 2, 5, 6);
    const pooled = (y: Tensor) => F.avgPool2d(y, [3, 2], { stride: 1, padding: 1 });
    expectNear(
      pooled(x),
      { shape: pooled(x).shape, data: numbers(pooled(x.clone().requiresGrad_())) },
      "overlapping",
    );
    expectGradients((y) => pooled(y).square(), [x]);
    expectGradients(
      (y) => F.avgPool3d(y, 2, { ceilMode: true, divisorOverride: 3 }).square(),
      [values(1, 3, 3, 4)],
    );
    expectGradients((y) => F.adaptiveAvgPool2d(y, [3, 4]).square(), [x]);
    expectGradients((y) => F.lpPool2d(y, 3, 2), [x.abs().add(0.1)]);
  });

  test("take sizes that are kept, and sizes of 0", () => {
    expect(F.adaptiveAvgPool2d(values(1, 2, 5, 6), [null, 0]).shape).toEqual([1, 2, 5, 0]);
    expect(F.adaptiveMaxPool1d(values(1, 2, 5), 0).shape).toEqual([1, 2, 0]);
    const x = values(1, 2, 5);
    const same = F.adaptiveAvgPool1d(x, null);
    expect([same === x, numbers(same)]).toEqual([false, numbers(x)]);
  });
});

// --- Padding -----------------------------------------------------------------------------------------------------

describe("pad", () => {
  const x = tensor([1, 2, 3, 4], { dtype: "float64" }).reshape(1, 1, 4);
  test.each([
    ["constant", [1, 2], [0, 1, 2, 3, 4, 0, 0]],
    ["reflect", [1, 2], [2, 1, 2, 3, 4, 3, 2]],
    ["reflect", [-2, 3], [3, 4, 3, 2, 1]],
    ["replicate", [1, 2], [1, 1, 2, 3, 4, 4, 4]],
    ["replicate", [-4, 2], [4, 4]],
    ["circular", [1, 2], [4, 1, 2, 3, 4, 1, 2]],
    ["circular", [-1, 2], [2, 3, 4, 2, 3]],
  ] as const)("%s %j", (mode, widths, expected) => {
    expect(numbers(F.pad(x, widths, { mode }))).toEqual(expected);
    const y = values(2, 2, 4);
    expectGradients((z) => F.pad(z, widths, { mode }).square(), [y]);
  });

  test("goes along three dimensions, and keeps whole numbers", () => {
    const volume = tensor(Array.from({ length: 8 }, (_, i) => i)).reshape(1, 1, 2, 2, 2);
    const out = F.pad(volume, [1, 1, 1, 1, 1, 1], { mode: "reflect" });
    expect([out.shape, out.at(0, 0, 0, 0, 0).item(), out.gradFn]).toEqual([[1, 1, 4, 4, 4], 7, null]);
    const big = 2n ** 60n + 1n;
    expect(bigints(F.pad(int64([big, 1n]), [0, 1], { mode: "circular" }))).toEqual([big, 1n, big]);
    expect(numbers(adjoint.constantPadNd(tensor([1, 2]), [1, -1], { value: 7 }))).toEqual([7, 1]);
  });

  test("by nothing is a tensor of its own", () => {
    expect(F.pad(x, [0, 0], { mode: "replicate" }) === x).toBe(false);
  });
});

// --- Interpolation -----------------------------------------------------------------------------------------------

describe("interpolate", () => {
  test("keeps lines straight between the first and the last element", () => {
    const x = signal([0, 1, 2, 3]);
    const line = F.interpolate(x, { size: 7, mode: "linear", alignCorners: true });
    expect(numbers(line)).toEqual([0, 0.5, 1, 1.5, 2, 2.5, 3]);
    expect(numbers(F.interpolate(x, { size: 2, mode: "linear" }))).toEqual([0.5, 2.5]);
    expect(numbers(F.interpolate(x, { size: 1, mode: "linear", alignCorners: true }))).toEqual([0]);
    expect(numbers(F.interpolate(x, { size: 3 }))).toEqual([0, 1, 2]);
    expect(numbers(F.interpolate(x, { size: 3, mode: "nearest-exact" }))).toEqual([0, 2, 3]);
    expect(numbers(F.interpolate(x, { scaleFactor: 0.5, mode: "area" }))).toEqual([0.5, 2.5]);
  });

  test("takes places by the factor, or by the ratio of sizes", () => {
    const x = signal([0, 1, 2, 3]);
    const of = (recomputeScaleFactor: boolean) =>
      numbers(F.interpolate(x, { scaleFactor: 1.7, mode: "linear", recomputeScaleFactor })).map(
        (y) => +y.toFixed(6),
      );
    expect(of(false)).toEqual([0, 0.382353, 0.970588, 1.558824, 2.147059, 2.735294]);
    expect(of(true)).toEqual([0, 0.5, 1.166667, 1.833333, 2.5, 3]);
  });

  test("has gradients, and values of its own", () => {
    for (const mode of ["nearest", "bilinear", "bicubic", "area"] as const) {
      expectGradients((x) => F.interpolate(x, { size: [5, 3], mode }).square(), [values(1, 2, 3, 4)]);
      const x = values(1, 1, 3, 3);
      expect(F.interpolate(x, { size: 3, mode }) === x).toBe(false);
    }
    expectGradients((x) => F.upsample(x, { scaleFactor: 2, mode: "trilinear" }), [values(1, 1, 2, 2, 3)]);
    const named = F.interpolate(values(1, 1, 3, 3).requiresGrad_(), { size: 5, mode: "bilinear" });
    expect(named.gradFn).toBe("UpsampleBilinear2DBackward0");
  });

  test("takes bytes to the nearest", () => {
    const bytes = F.upsampleNearest(signal([1, 255], "uint8"), { scaleFactor: 2 });
    expect([bytes.dtype, numbers(bytes)]).toEqual(["uint8", [1, 1, 255, 255]]);
  });
});

// --- Sampling ----------------------------------------------------------------------------------------------------

describe("gridSample", () => {
  test.each([true, false])(
    "at the grid of the identity gives the input, alignCorners: %s",
    (alignCorners) => {
      const image = values(2, 3, 4, 5);
      const theta = tensor([1, 0, 0, 0, 1, 0], { dtype: "float64" }).reshape(1, 2, 3).expand(2, 2, 3);
      for (const mode of ["bilinear", "nearest", "bicubic"] as const) {
        const out = F.gridSample(image, F.affineGrid(theta, image.shape, { alignCorners }), {
          mode,
          alignCorners,
        });
        expectNear(out, { shape: image.shape, data: numbers(image) }, mode);
      }
      const volume = values(1, 2, 3, 2, 4);
      const eye = tensor([1, 0, 0, 0, 0, 1, 0, 0, 0, 0, 1, 0], { dtype: "float64" }).reshape(1, 3, 4);
      const out = F.gridSample(volume, F.affineGrid(eye, volume.shape, { alignCorners }), { alignCorners });
      expectNear(out, { shape: volume.shape, data: numbers(volume) }, "volume");
    },
  );

  test("has gradients of gradients for the input and the grid", () => {
    const [image, grid] = [values(1, 2, 4, 4), values(1, 3, 2, 2).mul(1.4)];
    for (const mode of ["bilinear", "bicubic"] as const)
      for (const paddingMode of ["zeros", "border", "reflection"] as const)
        expectGradients((x, g) => F.gridSample(x, g, { mode, paddingMode }), [image, grid]);
    expectGradients(
      (x, g) => adjoint.gridSampler3d(x, g, 0, 2, true),
      [values(1, 1, 3, 2, 3), values(1, 1, 2, 2, 3)],
    );
    expectGradients((theta) => F.affineGrid(theta, [2, 1, 3, 2]), [values(2, 2, 3)]);
  });

  test("takes NaN for an edge, and gives edges no gradient", () => {
    const image = signal([1, 2, 3]).unsqueeze(0);
    const grid = tensor([NaN, 0, -5, 0, 0, 0], { dtype: "float64" }).reshape(1, 1, 3, 2).requiresGrad_();
    const out = F.gridSample(image, grid, { paddingMode: "border" });
    expect(numbers(out)).toEqual([1, 1, 2]);
    out.sum().backward();
    expect(numbers(grid.grad!.select(-1, 0))).toEqual([0, 0, 1.5]);
  });
});

test("shuffles are each other's inverses", () => {
  const x = values(2, 8, 3, 4);
  expect(numbers(F.pixelUnshuffle(F.pixelShuffle(x, 2), 2))).toEqual(numbers(x));
  expect(F.pixelShuffle(x, 2).shape).toEqual([2, 2, 6, 8]);
  expect(numbers(F.channelShuffle(F.channelShuffle(x, 2), 4))).toEqual(numbers(x));
  expect(numbers(F.channelShuffle(signal([0, 1, 2, 3]).reshape(1, 4, 1), 2))).toEqual([0, 2, 1, 3]);
});

// --- Refusals ----------------------------------------------------------------------------------------------------

const image = randn([1, 2, 5, 5]);
const weight = randn([4, 2, 3, 3]);
test.each<[() => unknown, string, RegExp]>([
  [
    () => F.conv2d(image, randn([4, 3, 3, 3])),
    "ERR_SHAPE",
    /expected input\[1, 2, 5, 5\] to have 3 channels, but got 2 channels instead; conv2d: /,
  ],
  [
    () => F.conv2d(image, randn([4, 2, 7, 3])),
    "ERR_SHAPE",
    /^Calculated padded input size per channel: \(5 x 5\). Kernel size: \(7 x 3\). Kernel size can't be greater/,
  ],
  [
    () => F.conv2d(image, randn([4, 2, 3])),
    "ERR_SHAPE",
    /^Expected 4-dimensional weight, but got weight of size \[4, 2, 3\]; conv2d/,
  ],
  [
    () => F.conv2d(randn([5, 5]), weight),
    "ERR_SHAPE",
    /^Expected 3D \(unbatched\) or 4D \(batched\) input to conv2d, but got input of size: \[5, 5\]/,
  ],
  [
    () => F.conv2d(image, weight, { bias: randn([3]) }),
    "ERR_SHAPE",
    /expected bias to be 1-dimensional with 4 elements, but got bias of size \[3\]/,
  ],
  [
    () => F.conv2d(image, weight.to("float64")),
    "ERR_DTYPE",
    /^Input type \(float32\) and weight type \(float64\) should be the same; conv2d/,
  ],
  [() => F.conv2d(image.to("int32"), weight.to("int32")), "ERR_DTYPE", /not implemented for int32/],
  [() => F.conv2d(image, weight, { stride: 0 }), "ERR_ARGUMENT", /^non-positive stride is not supported/],
  [() => F.conv2d(image, weight, { padding: [1, -1] }), "ERR_ARGUMENT", /^negative padding is not supported/],
  [
    () => F.conv2d(image, weight, { padding: "full" as never }),
    "ERR_ARGUMENT",
    /^Invalid padding string: the string "full"; conv2d/,
  ],
  [
    () => F.conv2d(image, weight, { padding: "same", stride: 2 }),
    "ERR_ARGUMENT",
    /^padding='same' is not supported for strided convolutions/,
  ],
  [
    () => F.conv2d(image, weight, { groups: 3 }),
    "ERR_SHAPE",
    /^Given groups=3, expected weight to be divisible by 3 at dimension 0/,
  ],
  [() => F.conv2d(image, weight, { groups: 0.5 }), "ERR_ARGUMENT", /^non-positive groups is not supported/],
  [
    () => F.conv2d(image, weight, randn([4]) as never),
    "ERR_ARGUMENT",
    /^conv2d: the bias is one of the options/,
  ],
  [
    () => F.conv2d(image, weight, { paddings: 1 } as never),
    "ERR_OPTION",
    /unknown option 'paddings', did you mean 'padding'\?/,
  ],
  [
    () => F.conv2d(image, weight, { dilation: [1, 2, 3] }),
    "ERR_ARGUMENT",
    /^conv2d: dilation must be a whole number or a pair of them, got an array/,
  ],
  [() => F.conv2d([1] as never, weight), "ERR_ARGUMENT", /^conv2d: expected a Tensor/],
  [() => F.conv2d(image, weight, { bias: 1 as never }), "ERR_ARGUMENT", /^conv2d: expected a Tensor/],
  [
    () => F.convTranspose2d(image, weight),
    "ERR_SHAPE",
    /^Given transposed=1, weight of size \[4, 2, 3, 3\], expected input/,
  ],
  [
    () => F.convTranspose2d(image, randn([2, 2, 3, 3]), { outputPadding: 1 }),
    "ERR_ARGUMENT",
    /^output padding must be smaller than either stride or dilation/,
  ],
  [
    () => F.convTranspose2d(image, randn([2, 2, 3, 3]), { padding: 4 }),
    "ERR_SHAPE",
    /Output size is too small/,
  ],
  [() => F.maxPool2d(image, 0), "ERR_ARGUMENT", /^kernel size should be greater than zero/],
  [
    () => F.maxPool2d(image, 2, { padding: 2 }),
    "ERR_ARGUMENT",
    /^pad should be at most half of effective kernel size, but got pad=2, kernel_size=2/,
  ],
  [
    () => F.maxPool2d(image, 6),
    "ERR_SHAPE",
    /Calculated output size: \(\[0, 0\]\). Output size is too small; maxPool2d/,
  ],
  [() => F.maxPool2d(image.gt(0), 2), "ERR_DTYPE", /"max_pool2d" not implemented for 'Bool'; maxPool2d/],
  [
    () => F.maxPool2d(image, 2, { ceilMode: 1 as never }),
    "ERR_ARGUMENT",
    /^maxPool2d: ceilMode must be true or false, got 1/,
  ],
  [
    () => F.maxPool1d(randn([3]), 2),
    "ERR_SHAPE",
    /^Expected 2D or 3D \(batch mode\) tensor with optional 0 dim batch size for input, but got: \[3\]/,
  ],
  [() => F.avgPool2d(image, 2, { divisorOverride: 0 }), "ERR_ARGUMENT", /^divisor must be not zero/],
  [() => F.avgPool2d(image.to("int64"), 2), "ERR_DTYPE", /not implemented for 'Long'/],
  [() => F.lpPool2d(image, 0, 2), "ERR_ARGUMENT", /^lpPool2d: normType must be a number other than 0/],
  [() => F.adaptiveAvgPool2d(image, [1, 2, 3]), "ERR_ARGUMENT", /^output_size must be 2; adaptiveAvgPool2d/],
  [
    () => F.adaptiveMaxPool2d(image, -1),
    "ERR_ARGUMENT",
    /^elements of output_size must be greater than or equal to 0/,
  ],
  [() => F.adaptiveAvgPool2d(randn([1, 2, 0, 5]), 1), "ERR_SHAPE", /with dimension 2 being empty/],
  [
    () => F.maxUnpool2d(image, zeros([1, 2, 5, 5]), 2),
    "ERR_DTYPE",
    /^elements in indices should be type int64 but got: float32/,
  ],
  [
    () => F.maxUnpool1d(randn([1, 1, 2]), int64([0n, 1n]), 2, { outputSize: [9] }),
    "ERR_ARGUMENT",
    /^invalid output_size \[9\] \(dim 0 must be between 2 and 6\)/,
  ],
  [() => F.pad(image, [1], { mode: "reflect" }), "ERR_ARGUMENT", /^Padding length must be divisible by 2/],
  [
    () => F.pad(image, [5, 0, 0, 0], { mode: "reflect" }),
    "ERR_SHAPE",
    /^Padding size should be less than the corresponding input dimension, but got: padding \(5, 0\) at dimension 3/,
  ],
  [
    () => F.pad(image, [6, 0, 0, 0], { mode: "circular" }),
    "ERR_SHAPE",
    /^Padding value causes wrapping around more than once/,
  ],
  [
    () => F.pad(image, [1, 1], { mode: "circular" }),
    "ERR_SHAPE",
    /^Invalid padding size, expected 4 but got 2/,
  ],
  [
    () => F.pad(image, [1, 1], { mode: "replicate" }),
    "ERR_SHAPE",
    /^Only 2D, 3D, 4D, 5D padding with non-constant padding are supported/,
  ],
  [
    () => F.pad(image, [1, 1, 1, 1], { mode: "reflect", value: 1 }),
    "ERR_ARGUMENT",
    /^Padding mode "reflect" doesn't take in value argument/,
  ],
  [
    () => F.pad(image, [1, 1], { mode: "mirror" as never }),
    "ERR_ARGUMENT",
    /^Unrecognised padding mode the string "mirror"/,
  ],
  [
    () => F.interpolate(image, {}),
    "ERR_ARGUMENT",
    /^either size or scale_factor should be defined; interpolate/,
  ],
  [
    () => F.interpolate(image, { size: 2, scaleFactor: 2 }),
    "ERR_ARGUMENT",
    /^only one of size or scale_factor should be defined/,
  ],
  [
    () => F.interpolate(image, { size: 2, alignCorners: true }),
    "ERR_ARGUMENT",
    /^align_corners option can only be set with/,
  ],
  [
    () => F.interpolate(image, { size: 2, recomputeScaleFactor: true }),
    "ERR_ARGUMENT",
    /^recompute_scale_factor is not meaningful/,
  ],
  [
    () => F.interpolate(image, { size: 2, mode: "linear" }),
    "ERR_SHAPE",
    /^Got 4D input, but linear mode needs 3D input/,
  ],
  [
    () => F.interpolate(image, { size: 2, mode: "cubic" as never }),
    "ERR_ARGUMENT",
    /^unknown mode the string "cubic"/,
  ],
  [
    () => F.interpolate(image, { size: 2, antialias: true, mode: "bilinear" }),
    "ERR_ARGUMENT",
    /^Anti-alias option is not supported/,
  ],
  [
    () => F.interpolate(image, { size: [2, 2, 2] }),
    "ERR_ARGUMENT",
    /must have the same number of spatial dimensions/,
  ],
  [
    () => F.interpolate(image, { scaleFactor: 0.1 }),
    "ERR_SHAPE",
    /^Input and output sizes should be greater than 0/,
  ],
  [
    () => F.interpolate(image, { scaleFactor: NaN }),
    "ERR_ARGUMENT",
    /^scaleFactor must be positive numbers, got NaN/,
  ],
  [() => F.interpolate(image.to("int64"), { size: 2 }), "ERR_DTYPE", /not implemented for 'Long'/],
  [
    () => F.interpolate(randn([5]), { size: 2 }),
    "ERR_SHAPE",
    /^Input Error: Only 3D, 4D and 5D input Tensors supported \(got 1D\)/,
  ],
  [
    () => F.gridSample(image, randn([1, 2, 2, 3])),
    "ERR_SHAPE",
    /expected grid to have size 2 in last dimension/,
  ],
  [
    () => F.gridSample(image, randn([2, 2, 2, 2])),
    "ERR_SHAPE",
    /expected grid and input to have same batch size/,
  ],
  [
    () => F.gridSample(image, randn([1, 2, 2])),
    "ERR_SHAPE",
    /expected 4D or 5D input and grid with same number of dimensions/,
  ],
  [
    () => F.gridSample(image, randn([1, 2, 2, 2]).to("float64")),
    "ERR_DTYPE",
    /expected input and grid to have same dtype/,
  ],
  [
    () => F.gridSample(image, randn([1, 2, 2, 2]), { mode: "cubic" as never }),
    "ERR_ARGUMENT",
    /expected mode to be bilinear, nearest, bicubic, but got: the string "cubic"/,
  ],
  [
    () => F.gridSample(randn([1, 1, 2, 2, 2]), randn([1, 1, 1, 1, 3]), { mode: "bicubic" }),
    "ERR_SHAPE",
    /bicubic interpolation only supports 4D input/,
  ],
  [
    () => adjoint.gridSampler3d(image, randn([1, 2, 2, 2]), 0, 0, false),
    "ERR_SHAPE",
    /^gridSampler3d: expected an input of 5 dimensions/,
  ],
  [
    () => adjoint.gridSampler2d(image, randn([1, 2, 2, 2]), 7, 0, false),
    "ERR_ARGUMENT",
    /but got: 7; gridSampler2d/,
  ],
  [
    () => F.affineGrid(randn([1, 2, 3]), [1, 1, 2, 2, 2]),
    "ERR_SHAPE",
    /^Expected a batch of 3D affine matrices of shape Nx3x4/,
  ],
  [
    () => F.affineGrid(randn([1, 2, 3]), [1, 1, 0, 2]),
    "ERR_ARGUMENT",
    /^Expected non-zero, positive output size/,
  ],
  [() => F.pixelShuffle(image, 2), "ERR_SHAPE", /input.size\(-3\)=2 is not divisible by 4; pixelShuffle/],
  [
    () => F.pixelUnshuffle(image, 2),
    "ERR_SHAPE",
    /^pixel_unshuffle expects height to be divisible by downscale_factor/,
  ],
  [
    () => F.pixelShuffle(image, 0),
    "ERR_ARGUMENT",
    /^pixelShuffle: upscaleFactor must be a whole number of at least 1, got 0/,
  ],
  [
    () => F.channelShuffle(image, 3),
    "ERR_SHAPE",
    /^Number of channels must be divisible by groups. Got 2 channels and 3 groups/,
  ],
  [() => adjoint.constantPadNd(image, [1]), "ERR_", /./],
])("refuses %s", (body, code, message) => {
  const error = errorOf(body);
  expect(error.code).toMatch(new RegExp(`^${code}`));
  expect(error.message).toMatch(message);
});
