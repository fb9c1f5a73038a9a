import { readFileSync } from "node:fs";
import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { nn, tensor, zeros, type DType, type Tensor } from "../../lib/index.js";
import { expectGradients } from "../helpers/differences.js";
import {
  build,
  count,
  errorOf,
  expectClose,
  expectPlain,
  numbers,
  randomSource,
  read,
  toTensor,
  type Plain,
} from "../helpers/reference.js";

const { fold, unfold } = nn.functional;

type Two = [number, number];
interface Options {
  kernel: Two;
  dilation: Two;
  padding: Two;
  stride: Two;
}
const plainOptions: Options = { kernel: [2, 2], dilation: [1, 1], padding: [0, 0], stride: [1, 1] };
const others = ({ dilation, padding, stride }: Options) => ({ dilation, padding, stride });

// --- References: every element of every window, by the definition -----------------------------------------------

const windowCount = (extent: number, { kernel, dilation, padding, stride }: Options, axis: 0 | 1) =>
  Math.floor((extent + 2 * padding[axis] - dilation[axis] * (kernel[axis] - 1) - 1) / stride[axis]) + 1;

/** Where element (row of the patch, window) lies in an image: its channel, row and column. */
function placeOf(element: number, window: number, columns: number, options: Options): number[] {
  const { kernel, dilation, padding, stride } = options;
  const [ky, kx] = [Math.floor(element / kernel[1]) % kernel[0], element % kernel[1]];
  return [
    Math.floor(element / kernel[0] / kernel[1]),
    Math.floor(window / columns) * stride[0] - padding[0] + ky * dilation[0],
    (window % columns) * stride[1] - padding[1] + kx * dilation[1],
  ];
}

function unfolded(image: Plain, options: Options): Plain {
  const [n, c, h, w] = image.shape as [number, number, number, number];
  const [rows, columns] = [windowCount(h, options, 0), windowCount(w, options, 1)];
  return build([n, c * count(options.kernel), rows * columns], ([item, element, window]) => {
    const [channel, y, x] = placeOf(element!, window!, columns, options) as [number, number, number];
    return y >= 0 && y < h && x >= 0 && x < w ? read(image, [item!, channel, y, x]) : 0;
  });
}

function folded(patches: Plain, [h, w]: Two, options: Options): Plain {
  const [n, elements, windows] = patches.shape as [number, number, number];
  const columns = windowCount(w, options, 1);
  const out = build([n, elements / count(options.kernel), h, w], () => 0);
  for (let item = 0; item < n; ++item)
    for (let element = 0; element < elements; ++element)
      for (let window = 0; window < windows; ++window) {
        const [channel, y, x] = placeOf(element, window, columns, options) as [number, number, number];
        if (y < 0 || y >= h || x < 0 || x >= w) continue;
        const at = ((item * out.shape[1]! + channel) * h + y) * w + x;
        out.data[at]! += read(patches, [item, element, window]);
      }
  return out;
}

// --- Random cases ------------------------------------------------------------------------------------------------

const two = (min: number, max: number) => fc.tuple(fc.integer({ min, max }), fc.integer({ min, max }));
interface Sample {
  image: Plain;
  patches: Plain;
  size: Two;
  options: Options;
}
const samples: fc.Arbitrary<Sample> = fc
  .record({
    n: fc.integer({ min: 0, max: 2 }),
    c: fc.integer({ min: 1, max: 3 }),
    size: two(1, 7),
    options: fc.record({
      kernel: two(1, 3),
      dilation: two(1, 2),
      padding: two(0, 3),
      stride: two(1, 3),
    }),
    seed: fc.nat(),
  })
  .filter(({ size, options }) => windowCount(size[0], options, 0) > 0 && windowCount(size[1], options, 1) > 0)
  .map(({ n, c, size, options, seed }) => {
    const random = randomSource(seed);
    // Small whole numbers, so that sums are exact in any order.
    const whole = () => Math.floor(random() * 9) - 4;
    const windows = windowCount(size[0], options, 0) * windowCount(size[1], options, 1);
    return {
      image: build([n, c, ...size], whole),
      patches: build([n, c * count(options.kernel), windows], whole),
      size,
      options,
    };
  });

const runs = { numRuns: 60 };

test("unfold gives every window, and fold sums over them", () => {
  fc.assert(
    fc.property(samples, fc.constantFrom<DType>("float32", "float64", "int32", "int64"), (sample, dtype) => {
      const { image, patches, size, options } = sample;
      const at = JSON.stringify({ shape: image.shape, options });
      const windows = unfold(toTensor(image, dtype), options.kernel, others(options));
      expect(windows.dtype).toBe(dtype);
      expectPlain(windows, unfolded(image, options), at);
      expectPlain(
        fold(toTensor(patches, dtype), size, options.kernel, others(options)),
        folded(patches, size, options),
        at,
      );
    }),
    runs,
  );
});

test("unfold and fold are adjoint, and each other's gradient", () => {
  fc.assert(
    fc.property(samples, ({ image, patches, size, options }) => {
      const [x, y] = [toTensor(image, "float64", true), toTensor(patches, "float64", true)];
      const left = unfold(x, options.kernel, others(options)).mul(y.detach()).sum();
      const right = fold(y, size, options.kernel, others(options)).mul(x.detach()).sum();
      expect(left.item()).toBe(right.item());
      left.backward();
      right.backward();
      expectPlain(x.grad!, folded(patches, size, options), "gradient of unfold");
      expectPlain(y.grad!, unfolded(image, options), "gradient of fold");
    }),
    runs,
  );
});

test("operands that lie in memory in another order", () => {
  const image = build([2, 3, 6, 5], ([n, c, y, x]) => 1000 * n! + 100 * c! + 10 * y! + x!);
  const options: Options = { ...plainOptions, padding: [1, 0], stride: [2, 1] };
  const turned = toTensor(image).permute(3, 0, 2, 1).mul(1).permute(1, 3, 2, 0);
  expectPlain(unfold(turned, 2, others(options)), unfolded(image, options), "permuted");
  const patches = unfolded(image, options);
  const sums = folded(patches, [6, 5], options);
  const across = toTensor(patches).transpose(1, 2).mul(1).transpose(1, 2);
  expectPlain(fold(across, [6, 5], 2, others(options)), sums, "transposed");
  expectPlain(
    unfold(toTensor(image).flip(2, 3), 2),
    unfolded(
      build(image.shape, ([n, c, y, x]) => read(image, [n!, c!, 5 - y!, 4 - x!])),
      plainOptions,
    ),
    "flipped",
  );
  const one = toTensor({ shape: [1, 1, 1, 5], data: [1, 2, 3, 4, 5] }).expand(2, 1, 4, 5);
  expectPlain(
    unfold(one, 2),
    unfolded(
      build([2, 1, 4, 5], ([, , , x]) => x! + 1),
      plainOptions,
    ),
    "expanded",
  );
});

test("without a batch", () => {
  const image = build([3, 4, 5], ([c, y, x]) => 20 * c! + 5 * y! + x!);
  const windows = unfold(toTensor(image, "float64", true), 2);
  expectPlain(
    windows,
    { ...unfolded({ ...image, shape: [1, 3, 4, 5] }, plainOptions), shape: [12, 12] },
    "unfold",
  );
  expect(windows.gradFn).toBe("Im2ColBackward0");
  const sums = fold(windows, [4, 5], [2, 2]);
  expect(sums.shape).toEqual([3, 4, 5]);
  expect(sums.gradFn).toBe("Col2ImBackward0");
});

test("bool is moved, and true where one of a window's elements is", () => {
  const mask = tensor([[[true, false, false]]]);
  const windows = unfold(mask, [1, 2]);
  expect(windows.dtype).toBe("bool");
  expect(windows.toArray()).toEqual([
    [true, false],
    [false, false],
  ]);
  expect(fold(windows, [1, 3], [1, 2]).toArray()).toEqual([[[true, false, false]]]);
  const all = tensor([
    [true, true],
    [true, true],
  ]);
  expect(fold(all, [1, 3], [1, 2]).toArray()).toEqual([[[true, true, true]]]);
});

test("gradients of any order", () => {
  const random = randomSource(5);
  const x = toTensor(build([2, 2, 4, 5], () => random() - 0.5));
  const options: Options = { kernel: [2, 3], dilation: [2, 1], padding: [1, 2], stride: [1, 2] };
  const windows = unfold(x, options.kernel, others(options));
  const cubed = (y: Tensor) => y.mul(y).mul(y);
  expectGradients((a) => cubed(unfold(cubed(a), options.kernel, others(options))), [x], 1e-5);
  expectGradients((a) => cubed(fold(cubed(a), [4, 5], options.kernel, others(options))), [windows], 1e-5);
});

test("large enough for several threads", () => {
  const options: Options = { kernel: [3, 3], dilation: [1, 1], padding: [1, 1], stride: [1, 1] };
  const image = build([1, 4, 60, 70], ([, c, y, x]) => ((c! * 31 + y! * 7 + x!) % 17) - 8);
  const windows = unfold(toTensor(image, "float32"), 3, { padding: 1 });
  expectPlain(windows, unfolded(image, options), "unfold");
  expectPlain(
    fold(windows, [60, 70], 3, { padding: 1 }),
    folded(unfolded(image, options), [60, 70], options),
    "fold",
  );
});

// --- PyTorch's samples ---------------------------------------------------------------------------------------------

interface Golden {
  op: string;
  input: Plain;
  args: [Pair, Pair, Pair, Pair];
  out: Plain;
  grads: number[][];
}
type Pair = nn.functional.Pair;
const { cases } = JSON.parse(readFileSync("tests/goldens/factors.json", "utf8")) as { cases: Golden[] };

describe("PyTorch's samples", () => {
  test.each(cases.filter(({ op }) => op === "nn.functional.unfold").map((c, i) => [i, c.args, c] as const))(
    "unfold %i: %j",
    (_, [kernelSize, dilation, padding, stride], golden) => {
      const x = toTensor(golden.input, "float64", true);
      const out = unfold(x, kernelSize, { dilation, padding, stride });
      expectPlain(out, golden.out, "value");
      const weights = build(out.shape, () => 0);
      weights.data.forEach((_, i) => (weights.data[i] = Math.cos(1 + 0.7 * i)));
      out.mul(toTensor(weights)).sum().backward();
      expectClose(numbers(x.grad!), golden.grads[0]!, 1e-12, 1e-12, "gradient");
    },
  );
});

// --- Errors ----------------------------------------------------------------------------------------------------------

describe("refusals", () => {
  const image = zeros([1, 1, 4, 5]);
  const patches = zeros([1, 4, 12]);
  test.each([
    [
      () => unfold(image, [0, 1]),
      "kernel size should be greater than zero, but got kernel_height: 0 kernel_width: 1",
    ],
    [
      () => unfold(image, 1, { dilation: 0 }),
      "dilation should be greater than zero, but got dilation_height: 0 dilation_width: 0",
    ],
    [
      () => unfold(image, 1, { padding: -1 }),
      "padding should be non-negative, but got pad_height: -1 pad_width: -1",
    ],
    [
      () => unfold(image, 1, { stride: [1, 0] }),
      "stride should be greater than zero, but got stride_height: 1 stride_width: 0",
    ],
    [
      () => fold(patches, [4, 5], [2, -2]),
      "kernel size should be greater than zero, but got kernel_height: 2 kernel_width: -2",
    ],
    [
      () => fold(patches, [4, 5], 2, { stride: 0 }),
      "stride should be greater than zero, but got stride_height: 0 stride_width: 0",
    ],
  ])("%s", (body, message) => {
    const error = errorOf(body);
    expect(error).toBeInstanceOf(RangeError);
    expect(error.message).toMatch(message);
    expect(error).toMatchObject({ code: "ERR_ARGUMENT" });
    expect(error.message).toContain(`; ${error.op}: `);
  });

  test.each([
    [
      () => unfold(zeros([4, 5]), 2),
      "Expected 3D or 4D (batch mode) tensor with possibly 0 batch size and other non-zero dimensions for input, but got: [4, 5]",
    ],
    [
      () => unfold(zeros([1, 0, 4, 5]), 2),
      "Expected 3D or 4D (batch mode) tensor with possibly 0 batch size and other non-zero dimensions for input, but got: [1, 0, 4, 5]",
    ],
    [() => unfold(zeros([0, 4, 5]), 2), "Expected 3D or 4D (batch mode) tensor"],
    [
      () => unfold(image, [5, 6], { padding: [0, 1] }),
      "Given input with spatial size (4, 5), kernel_size=(5, 6), dilation=(1, 1), padding=(0, 1), calculated shape of the array of sliding blocks as (0, 2), but its components must be at least one.",
    ],
    [
      () => unfold(image, 9, { stride: 2 }),
      "calculated shape of the array of sliding blocks as (-2, -1), but",
    ],
    [() => unfold(image, 2 ** 40, { dilation: 2 ** 40 }), "but its components must be at least one."],
    [() => unfold(image, 1, { padding: 2 ** 40 }), "needs more memory than"],
    [
      () => fold(zeros([1, 1, 4, 4]), 4, 2),
      "Expected 2D or 3D (batch mode) tensor for input with possibly 0 batch size and non-zero dimensions for input, but got: [1, 1, 4, 4]",
    ],
    [() => fold(zeros([0, 4]), 4, 2), "Expected 2D or 3D (batch mode) tensor"],
    [
      () => fold(zeros([1, 5, 12]), [4, 5], 2),
      "Expected size of input's dimension 1 to be divisible by the product of kernel_size, but got input.size(1)=5 and kernel_size=(2, 2).",
    ],
    [
      () => fold(zeros([1, 4, 11]), [4, 5], 2),
      "Given output_size=(4, 5), kernel_size=(2, 2), dilation=(1, 1), padding=(0, 0), stride=(1, 1), expected size of input's dimension 2 to match the calculated number of sliding blocks 3 * 4 = 12, but got input.size(2)=11.",
    ],
    [
      () => fold(zeros([1, 4, 1]), [0, 0], 2),
      "calculated shape of the array of sliding blocks as (-1, -1), which is too small (non-positive)",
    ],
    [() => fold(zeros([1, 4, 1]), [-1, -1], 2, { padding: 1 }), "sliding blocks 0 * 0 = 0"],
    [
      () => fold(zeros([1, 4, 1]), [0, 0], 2, { padding: 1 }),
      "Expected output spatial size to be positive, but got: output_size=(0, 0).",
    ],
    // The product of these counts of windows is 1, but for 64 bits.
    [
      () => fold(zeros([1, 1, 1]), [1, 1], 1, { padding: [137088, 33640210655360] }),
      "but got input.size(2)=1.",
    ],
  ])("%s", (body, message) => {
    const error = errorOf(body);
    expect(error).toBeInstanceOf(RangeError);
    expect(error.message).toContain(message);
    expect(error).toMatchObject({ code: "ERR_SHAPE" });
  });

  test.each([
    [
      () => unfold(image, [1, 2, 3] as never),
      /^unfold: kernelSize must be a whole number or a pair of them, got/,
    ],
    [() => unfold(image, "2" as never), /^unfold: kernelSize must be a whole number or a pair of them, got/],
    [
      () => fold(patches, null as never, 2),
      /^fold: outputSize must be a whole number or a pair of them, got/,
    ],
    [() => unfold(image, 1.5), /^unfold: kernelSize must be a whole number/],
    [() => unfold(image, ["a", 1] as never), /^unfold: kernelSize must be a whole number/],
    [() => unfold([1] as never, 1), /^unfold: expected a Tensor/],
    [() => fold(3 as never, 1, 1), /^fold: expected a Tensor/],
    [() => unfold(image, 1, { strides: 2 } as never), /unknown option 'strides', did you mean 'stride'/],
  ])("%s", (body, message) => {
    expect(errorOf(body).message).toMatch(message);
  });
});
