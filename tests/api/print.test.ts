import { readFileSync } from "node:fs";
import fc from "fast-check";
import { afterEach, describe, expect, it } from "vitest";
import {
  formatExponential,
  formatFixed,
  formatTensor,
  getPrintOptions,
  setPrintOptions,
  type Printable,
} from "../../lib/print.js";

type Nested = number | string | boolean | Nested[];

interface Golden {
  data?: Nested;
  arange_over_8?: number[];
  arange_over_7?: number[];
  dtype: string;
  options: {
    precision?: number;
    sci_mode?: boolean;
    threshold?: number;
    edgeitems?: number;
    linewidth?: number;
  };
  requires_grad?: boolean;
  expression?: string;
  text: string;
}

const goldens = JSON.parse(readFileSync(new URL("../goldens/printing.json", import.meta.url), "utf8")) as {
  cases: Golden[];
};

/** What goes without saying. */
const plain = { gradFn: null, requiresGrad: false, device: null, defaultDtype: "float32" };

afterEach(() => setPrintOptions({ profile: "default" }));

/** A tensor of nested data; numbers may be the strings "nan", "inf" and "-inf". */
function printable(data: Nested, dtype = "float32"): Printable {
  const shape: number[] = [];
  for (let level = data; Array.isArray(level); level = level[0] ?? 0) shape.push(level.length);
  const flat = (Array.isArray(data) ? (data as unknown[]).flat(Infinity) : [data]) as (
    number | string | boolean
  )[];
  return { shape, dtype, values: typed(flat.map(toNumber), dtype), ...plain };
}

function toNumber(value: number | string | boolean): number {
  return typeof value === "string" ? Number(value.replace("inf", "Infinity")) : Number(value);
}

function typed(values: number[], dtype: string): Printable["values"] {
  if (dtype === "float32") return Float32Array.from(values);
  if (dtype === "float64") return Float64Array.from(values);
  if (dtype === "int32") return Int32Array.from(values);
  if (dtype === "int64") return BigInt64Array.from(values, BigInt);
  return Uint8Array.from(values);
}

function arange(shape: number[], divisor: number): Printable {
  const elements = shape.reduce((a, b) => a * b, 1);
  const values = Float32Array.from({ length: elements }, (_, i) => i / divisor);
  return { shape, dtype: "float32", values, ...plain };
}

function goldenTensor(golden: Golden): Printable {
  const { data, arange_over_7, arange_over_8, expression } = golden;
  if (arange_over_7) return arange(arange_over_7, 7);
  if (arange_over_8) return arange(arange_over_8, 8);
  if (expression === "x ** 2") return { ...printable([2.25, 4]), gradFn: "PowBackward0" };
  if (expression === "(x * 2).sum()") return { ...printable(7), gradFn: "SumBackward0" };
  return { ...printable(data!, golden.dtype), requiresGrad: golden.requires_grad ?? false };
}

describe("PyTorch's goldens", () => {
  it.each(goldens.cases.map((golden, i) => [i, golden] as const))("case %i", (_, golden) => {
    const { sci_mode, ...options } = golden.options;
    setPrintOptions(sci_mode === undefined ? options : { ...options, sciMode: sci_mode });
    expect(formatTensor(goldenTensor(golden))).toBe(golden.text);
  });
});

describe("what PyTorch 2.13 printed", () => {
  it.each<[Nested, string]>([
    [[4], "tensor([4.])"],
    [4, "tensor(4.)"],
    [[1.5, 2], "tensor([1.5000, 2.0000])"],
    [[1000, 1], "tensor([1000.,    1.])"],
    [[1001, 1], "tensor([1.0010e+03, 1.0000e+00])"],
    [[1e8], "tensor([100000000.])"],
    [[1.1e8], "tensor([1.1000e+08])"],
    [[0.5, 600], "tensor([5.0000e-01, 6.0000e+02])"],
    [[9e-5, 5e-4], "tensor([9.0000e-05, 5.0000e-04])"],
    [[0, 0, 5.5], "tensor([0.0000, 0.0000, 5.5000])"],
    [["inf", 1], "tensor([inf, 1.])"],
    [["nan", 1.5], "tensor([   nan, 1.5000])"],
    [[-1, "-inf"], "tensor([-1., -inf])"],
    [[-0], "tensor([-0.])"],
    [[0.03125], "tensor([0.0312])"],
    [[123456.789], "tensor([123456.7891])"],
    [1e-5, "tensor(1.0000e-05)"],
    [
      [
        [1, 2],
        [3, 4.5],
      ],
      "tensor([[1.0000, 2.0000],\n        [3.0000, 4.5000]])",
    ],
  ])("%j", (data, text) => {
    expect(formatTensor(printable(data))).toBe(text);
  });

  it("names a dtype that is not the default", () => {
    expect(formatTensor(printable([1], "float64"))).toBe("tensor([1.], dtype=torch.float64)");
    expect(formatTensor({ ...printable([1], "float64"), defaultDtype: "float64" })).toBe("tensor([1.])");
    expect(formatTensor(printable([200], "uint8"))).toBe("tensor([200], dtype=torch.uint8)");
    expect(formatTensor(printable([true, false], "bool"))).toBe("tensor([ True, False])");
    expect(formatTensor(printable([], "int64"))).toBe("tensor([], dtype=torch.int64)");
  });

  it("keeps every digit of an int64", () => {
    const values = BigInt64Array.of(-(2n ** 63n), 2n ** 63n - 1n);
    const text = "tensor([-9223372036854775808,  9223372036854775807])";
    expect(formatTensor({ shape: [2], dtype: "int64", values, ...plain })).toBe(text);
  });

  it("shows the size of what is empty", () => {
    const empty = { dtype: "float32", values: [], ...plain };
    expect(formatTensor({ ...empty, shape: [0] })).toBe("tensor([])");
    expect(formatTensor({ ...empty, shape: [0, 3] })).toBe("tensor([], size=(0, 3))");
    expect(formatTensor({ ...empty, shape: [2, 0, 1], dtype: "int64" })).toBe(
      "tensor([], size=(2, 0, 1), dtype=torch.int64)",
    );
  });

  it("shortens long tensors", () => {
    const values = BigInt64Array.from({ length: 1001 }, (_, i) => BigInt(i));
    const long = { shape: [1001], dtype: "int64", values, ...plain };
    expect(formatTensor(long)).toBe("tensor([   0,    1,    2,  ...,  998,  999, 1000])");
    setPrintOptions({ edgeitems: 0 });
    expect(formatTensor(long)).toBe("tensor([...], size=(1001,))");
    expect(formatTensor(arange([40, 40], 1))).toBe("tensor([...], size=(40, 40))");
    setPrintOptions({ profile: "full" });
    expect(formatTensor(long)).toContain(" 500,");
  });

  it("adds grad_fn, requires_grad and device, and breaks the line before what does not fit", () => {
    const total = { ...printable(10.1073), gradFn: "SumBackward0", requiresGrad: true };
    expect(formatTensor(total)).toBe("tensor(10.1073, grad_fn=<SumBackward0>)");
    const leaf = { ...printable([1, 4]), requiresGrad: true, device: "cuda:0" };
    expect(formatTensor(leaf)).toBe("tensor([1., 4.], device='cuda:0', requires_grad=True)");
    const wide = { ...printable([1.5, 2, 3, 4, 5, 6, 7], "float64"), gradFn: "PowBackward0" };
    expect(formatTensor(wide)).toBe(
      "tensor([1.5000, 2.0000, 3.0000, 4.0000, 5.0000, 6.0000, 7.0000],\n" +
        "       dtype=torch.float64, grad_fn=<PowBackward0>)",
    );
  });
});

describe("numbers", () => {
  it("rounds exact ties to even and everything else to the nearest", () => {
    expect(formatFixed(0.5, 0)).toBe("0");
    expect(formatFixed(2.5, 0)).toBe("2");
    expect(formatFixed(-0.03125, 4)).toBe("-0.0312");
    expect(formatFixed(0.09375, 4)).toBe("0.0938");
    expect(formatExponential(100.125, 4)).toBe("1.0012e+02");
    expect(formatExponential(9.5, 0)).toBe("1e+01");
    expect(formatExponential(8.5, 0)).toBe("8e+00");
    expect(formatExponential(1e23, 15)).toBe("9.999999999999999e+22");
    expect(formatExponential(5e-324, 4)).toBe("4.9407e-324");
    expect(formatFixed(1e22, 1)).toBe("10000000000000000000000.0");
    expect(formatExponential(-0, 2)).toBe("-0.00e+00");
  });

  it("agrees with toFixed where there is no tie", () => {
    fc.assert(
      fc.property(fc.double({ min: -1e20, max: 1e20, noNaN: true }), fc.nat(20), (x, digits) => {
        const isTie = Math.abs((x * 2 ** (digits + 1)) % 2) === 1;
        const losesSign = Object.is(x, -0) || (x < 0 && !x.toFixed(digits).startsWith("-"));
        fc.pre(!isTie && !losesSign);
        expect(formatFixed(x, digits)).toBe(x.toFixed(digits));
      }),
    );
  });

  it("at 16 digits reads back as the same number", () => {
    fc.assert(
      fc.property(fc.double({ noNaN: true, noDefaultInfinity: true }), (x) => {
        expect(Number(formatExponential(x, 16))).toBe(x);
      }),
    );
  });
});

describe("setPrintOptions", () => {
  it("keeps what is not named, but always sets sciMode", () => {
    setPrintOptions({ precision: 2, sciMode: true });
    expect(getPrintOptions()).toMatchObject({ precision: 2, linewidth: 80, sciMode: true });
    setPrintOptions({ linewidth: 40 });
    expect(getPrintOptions()).toMatchObject({ precision: 2, linewidth: 40, sciMode: null });
    setPrintOptions({ profile: "short", precision: 3 });
    expect(getPrintOptions()).toEqual({
      precision: 3,
      threshold: 1000,
      edgeitems: 2,
      linewidth: 80,
      sciMode: null,
    });
  });

  it("refuses what cannot be and changes nothing", () => {
    const before = getPrintOptions();
    const set = (options: object) => () => setPrintOptions(options);
    expect(set({ precison: 3 })).toThrow(/precison.*did you mean 'precision'/);
    expect(set({ precison: 3 })).toThrow(TypeError);
    expect(set({ sci_mode: true })).toThrow(/did you mean 'sciMode'/);
    for (const bad of [
      { precision: -1 },
      { precision: NaN },
      { precision: 1.5 },
      { linewidth: 0 },
      { threshold: NaN },
      { threshold: -1 },
      { edgeitems: -2 },
      { profile: "toString" },
      { linewidth: 40, sciMode: "yes" },
    ]) {
      expect(set(bad)).toThrow(RangeError);
    }
    expect(set({ precision: NaN })).toThrow("setPrintOptions: precision is NaN, expected a whole number");
    expect(getPrintOptions()).toEqual(before);
  });
});
