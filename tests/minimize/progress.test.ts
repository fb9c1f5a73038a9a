// The bar in terminals: what it shows, where it is silent, and that it always ends.
import { afterEach, describe, expect, test, vi } from "vitest";
import {
  curveFitSync,
  leastSquaresSync,
  minimize,
  minimizeScalarSync,
  minimizeSync,
  rootSync,
  tensor,
  type Tensor,
} from "adjoint";
import { rosenbrock } from "../../lib/gallery/index.js";
import { errorOf } from "../helpers/reference.js";

/** What is written to standard error, as a terminal or as a file. */
function stderr(isTTY: boolean) {
  let text = "";
  const before = Object.getOwnPropertyDescriptor(process.stderr, "isTTY");
  Object.defineProperty(process.stderr, "isTTY", { value: isTTY, configurable: true });
  vi.spyOn(process.stderr, "write").mockImplementation((chunk) => {
    text += String(chunk);
    return true;
  });
  const end = () => {
    vi.restoreAllMocks();
    if (before) Object.defineProperty(process.stderr, "isTTY", before);
    else delete (process.stderr as { isTTY?: boolean }).isTTY;
    return text;
  };
  return end;
}

afterEach(() => {
  vi.restoreAllMocks();
});

const line = (x: Tensor) => x.square().sub(2);

describe("progress", () => {
  test("shows iterations and the value, and ends", async () => {
    const end = stderr(true);
    const { nit } = await minimize(rosenbrock, [-1.2, 1], { progress: true });
    const text = end();
    expect(text).toContain("minimize");
    expect(text).toContain(`${nit}/400`);
    expect(text).toMatch(/f = [\d.]+e-\d+/);
    expect(text.endsWith("\n")).toBe(true);
  });

  test.each<[string, () => unknown]>([
    ["minimizeSync", () => minimizeSync(rosenbrock, [2, 2], { progress: true })],
    ["minimizeScalarSync", () => minimizeScalarSync((x) => x.sub(1).square(), { progress: true })],
    ["rootSync", () => rootSync(line, [1], { progress: true })],
    ["leastSquaresSync", () => leastSquaresSync(line, [1], { progress: true })],
    ["curveFitSync", () => curveFitSync((t, p) => t.mul(p.at(0)), [1, 2], [2, 4], [1], { progress: true })],
  ])("is there for %s, and not where there is no terminal", (name, call) => {
    let end = stderr(true);
    call();
    expect(end()).toContain(name);
    end = stderr(false);
    call();
    expect(end()).toBe("");
  });

  test("ends with an error too", () => {
    const end = stderr(true);
    let calls = 0;
    const failing = (x: Tensor) => {
      if (++calls > 3) throw new Error("from f");
      return rosenbrock(x);
    };
    expect(() => minimizeSync(failing, [2, 2], { progress: true })).toThrow("from f");
    expect(end().endsWith("\n")).toBe(true);
  });

  test("is true or false, and not for batches", () => {
    expect(errorOf(() => minimizeSync(rosenbrock, [2, 2], { progress: 1 as never })).message).toContain(
      "progress must be true or false",
    );
    const starts = tensor([[1, 2]], { dtype: "float64" });
    expect(
      errorOf(() => minimizeSync(rosenbrock, starts, { progress: true, batch: true })).message,
    ).toContain("'progress' is not for batches");
  });
});
