// Clipping of gradients, and averages of parameters.
import { describe, expect, test } from "vitest";
import { nn, optim, tensor, type Tensor } from "../../lib/index.js";

const {
  clipGradNorm_,
  clipGradsWithNorm_,
  clipGradValue_,
  getTotalNorm,
  parametersToVector,
  vectorToParameters,
} = nn.utils;
const { AveragedModel, getEmaAvgFn, getEmaMultiAvgFn, getSwaAvgFn, getSwaMultiAvgFn } = optim.swaUtils;
const loose = (value: unknown) => value as never;
const float64 = { dtype: "float64" } as const;

/** Parameters with gradients [3, -4] and [[1, -2], [2, 0]], and one without. */
function withGradients(): [Tensor, Tensor, Tensor] {
  const a = tensor([3, 4], { ...float64, requiresGrad: true });
  const b = tensor(
    [
      [1, -2],
      [2, 0],
    ],
    { ...float64, requiresGrad: true },
  );
  a.mul(tensor([3, -4], float64))
    .sum()
    .add(b.mul(b.detach()).sum())
    .backward();
  return [a, b, tensor([1], { requiresGrad: true })];
}
const gradients = (params: Tensor[]) => params.flatMap(({ grad }) => (grad === null ? [] : [grad.toArray()]));

describe("clipGradNorm_", () => {
  test.each<[number, number, number[]]>([
    // Computed with PyTorch 2.13.
    [2, 5.830951894845301, [0.7717435007883713, -1.028991334384495, 0.25724783359612374]],
    [1, 12, [0.37499996875000263, -0.4999999583333369, 0.12499998958333422]],
    [Infinity, 4, [1.1249997187500704, -1.4999996250000938, 0.37499990625002344]],
    [3, 4.762203155904598, [0.944940588996065, -1.2599207853280867, 0.3149801963320217]],
  ])("of order %d", (normType, norm, wanted) => {
    const params = withGradients();
    expect(clipGradNorm_(params, 1.5, { normType }).item()).toBeCloseTo(norm, 13);
    const got = gradients(params).flat(2) as number[];
    wanted.forEach((value, i) => {
      expect(got[i]).toBeCloseTo(value, 13);
    });
  });

  test("leaves shorter gradients alone, takes a single parameter or an iterator, and none", () => {
    const params = withGradients();
    const before = gradients(params);
    clipGradNorm_(new Set(params), 6);
    expect(gradients(params)).toEqual(before);
    expect(clipGradNorm_(params[0], 100).item()).toBe(5);
    expect(clipGradNorm_([params[2]], 1).item()).toBe(0);
    expect(getTotalNorm(params.slice(0, 1)).item()).toBe(5);
  });

  test("of huge and of tiny gradients", () => {
    const x = tensor([1, 1], { requiresGrad: true });
    x.mul(3e30).sum().backward();
    expect(clipGradNorm_(x, 1).item()).toBeCloseTo(3e30 * Math.SQRT2, -25);
    expect((x.grad!.toArray() as number[])[0]).toBeCloseTo(Math.SQRT1_2, 6);
  });

  test("a norm that is not finite is an error on request, and changes nothing", () => {
    const x = tensor([1, 1], { requiresGrad: true });
    x.mul(tensor([1, Infinity]))
      .sum()
      .backward();
    expect(() => clipGradNorm_(x, 1, { errorIfNonfinite: true })).toThrow(
      expect.objectContaining({ code: "ERR_NONFINITE" }),
    );
    expect(x.grad!.toArray()).toEqual([1, Infinity]);
    expect(clipGradNorm_(x, 1).item()).toBe(Infinity);
    expect(x.grad!.toArray()).toEqual([0, NaN]);
  });

  test("bad arguments", () => {
    const x = tensor([1], { requiresGrad: true });
    expect(() => clipGradNorm_(x, -1)).toThrow("clipGradNorm_: maxNorm must be a number >= 0, but got -1");
    expect(() => {
      clipGradValue_(x, NaN);
    }).toThrow("clipGradValue_: clipValue must be a number >= 0, but got NaN");
    expect(() => clipGradNorm_(loose([1]), 1)).toThrow("clipGradNorm_: expected Tensors, got 1");
    expect(() => clipGradNorm_(x, 1, loose({ norm_type: 1 }))).toThrow("did you mean 'normType'?");
  });
});

test("clipGradValue_ and clipGradsWithNorm_", () => {
  const params = withGradients();
  clipGradValue_(params, 1.5);
  expect(gradients(params)).toEqual([
    [1.5, -1.5],
    [
      [1, -1.5],
      [1.5, 0],
    ],
  ]);
  expect(() => {
    clipGradsWithNorm_(params, 1, 2 as never);
  }).toThrow(TypeError);
  expect(() => {
    clipGradsWithNorm_(params, 1, tensor([1, 2], float64));
  }).toThrow("totalNorm must have one element, but has shape [2]");
  clipGradsWithNorm_(params, 1, tensor(2 - 1e-6, float64));
  expect((gradients(params)[0] as number[])[0]).toBeCloseTo(0.75, 12);
});

test("parameters as a vector, and back", () => {
  const params = withGradients();
  const vector = parametersToVector(params.slice(0, 2));
  expect(vector.toArray()).toEqual([3, 4, 1, -2, 2, 0]);
  vectorToParameters(vector.detach().mul(2), params.slice(0, 2));
  expect(params.slice(0, 2).map((x) => x.toArray())).toEqual([
    [6, 8],
    [
      [2, -4],
      [4, 0],
    ],
  ]);
  expect(() => {
    vectorToParameters(tensor([1]), params);
  }).toThrow("vectorToParameters: expected a vector of 7 elements, got shape [1]");
});

describe("AveragedModel", () => {
  const steps = [
    [1, 2],
    [3, 6],
    [5, 1],
    [0, 0],
  ];
  const averaged = (options?: optim.swaUtils.AveragedModelOptions) => {
    const x = tensor(steps[0]!, { ...float64, requiresGrad: true });
    const model = new AveragedModel([x], options);
    for (const values of steps) model.updateParameters([tensor(values, float64)]);
    expect(model.nAveraged).toBe(4);
    return { x, model, values: model.params[0]!.toArray() as number[] };
  };
  const mean = [2.25, 2.25];
  const decayed = steps
    .slice(1)
    .reduce((before, values) => before.map((value, i) => 0.9 * value + 0.1 * values[i]!), steps[0]!);

  test.each<[string, optim.swaUtils.AveragedModelOptions | undefined, number[]]>([
    ["the mean", undefined, mean],
    ["the mean, one by one", { avgFn: getSwaAvgFn() }, mean],
    ["the mean, together", { multiAvgFn: getSwaMultiAvgFn() }, mean],
    ["decaying, one by one", { avgFn: getEmaAvgFn(0.9) }, decayed],
    ["decaying, together", { multiAvgFn: getEmaMultiAvgFn(0.9) }, decayed],
  ])("%s", (_name, options, wanted) => {
    averaged(options).values.forEach((value, i) => {
      expect(value).toBeCloseTo(wanted[i]!, 12);
    });
  });

  test("goes into parameters, and through a saved state", () => {
    const { x, model } = averaged();
    model.copyTo([x]);
    expect([x.toArray(), x.requiresGrad, model.params[0]!.requiresGrad]).toEqual([mean, true, false]);
    const saved = JSON.parse(JSON.stringify(model.stateDict())) as ReturnType<typeof model.stateDict>;
    const other = new AveragedModel([x.mul(0)]);
    other.loadStateDict(saved);
    for (const one of [model, other]) one.updateParameters([tensor([7, 7], float64)]);
    expect(other.stateDict()).toEqual(model.stateDict());
    expect(() => {
      other.loadStateDict(loose({ n_averaged: 1, params: [] }));
    }).toThrow("loadStateDict: params must be an array of 1");
  });

  test("bad arguments", () => {
    const x = tensor([1]);
    expect(() => getEmaAvgFn(2)).toThrow(
      "Invalid decay value 2 provided. Please provide a value in [0,1] range.",
    );
    expect(() => new AveragedModel([x], { avgFn: getSwaAvgFn(), multiAvgFn: getSwaMultiAvgFn() })).toThrow(
      "Only one of avg_fn and multi_avg_fn should be provided",
    );
    expect(() => new AveragedModel([x], loose({ avgFn: 1 }))).toThrow(
      "AveragedModel: expected a function, got 1",
    );
    expect(() => new AveragedModel(loose([1]))).toThrow("AveragedModel: expected Tensors, got 1");
    expect(() => {
      new AveragedModel([x]).updateParameters([tensor([1, 2])]);
    }).toThrow("AveragedModel: updateParameters expects parameters of the shapes [[1]], got [[2]]");
  });
});
