// Functions on which methods of minimisation are tried, each with where it is looked at and where its minima are. Sources:
// Surjanovic and Bingham, "Virtual Library of Simulation Experiments", https://www.sfu.ca/~ssurjano/optimization.html;
// Jamil and Yang, "A Literature Survey of Benchmark Functions for Global Optimization Problems", arXiv:1308.4008.
import { arange } from "../ranges.js";
import type { Tensor } from "../tensor.js";

/** A function to minimise, of vectors along the last dimension: of a batch it gives a value for each. */
export interface TestFunction {
  (x: Tensor): Tensor;
  /** Its name. */
  readonly title: string;
  /** The number of dimensions; null for any. */
  readonly dimensions: number | null;
  /** The interval in which each coordinate is looked at. */
  readonly domain: readonly [number, number];
  /** Where its least value is, in two dimensions where there may be any, and the value. */
  readonly minima: readonly { readonly x: readonly number[]; readonly fun: number }[];
  /** A usual start. */
  readonly start: readonly number[];
}

type About = Omit<TestFunction, "title">;

const made = (title: string, f: (x: Tensor) => Tensor, about: About): TestFunction =>
  Object.assign((x: Tensor) => f(x), { title, ...about });

const coordinate = (x: Tensor, i: number) => x.select(-1, i);
const ofTwo = (title: string, f: (x: Tensor, y: Tensor) => Tensor, about: Omit<About, "dimensions">) =>
  made(title, (x) => f(coordinate(x, 0), coordinate(x, 1)), { ...about, dimensions: 2 });
const ofAny = (title: string, f: (x: Tensor) => Tensor, about: Omit<About, "dimensions">) =>
  made(title, f, { ...about, dimensions: null });
const total = (x: Tensor) => x.sum(-1);
const origin = [{ x: [0, 0], fun: 0 }];
const last = (x: Tensor) => x.shape.at(-1)!;
const halves = (x: Tensor) => [x.narrow(-1, 0, last(x) - 1), x.narrow(-1, 1, last(x) - 1)] as const;

/** Rosenbrock's valley: easy to find, hard to follow. */
export const rosenbrock = ofAny(
  "Rosenbrock",
  (x) => {
    const [a, b] = halves(x);
    return total(b.sub(a.square()).square().mul(100).add(a.rsub(1).square()));
  },
  { domain: [-5, 10], minima: [{ x: [1, 1], fun: 0 }], start: [-1.2, 1] },
);

/** The sum of squares. */
export const sphere = ofAny("sphere", (x) => total(x.square()), {
  domain: [-5.12, 5.12],
  minima: origin,
  start: [3, -2],
});

/** Rastrigin's bowl with a minimum at every whole number. */
export const rastrigin = ofAny(
  "Rastrigin",
  (x) =>
    total(
      x
        .square()
        .sub(
          x
            .mul(2 * Math.PI)
            .cos()
            .mul(10),
        )
        .add(10),
    ),
  { domain: [-5.12, 5.12], minima: origin, start: [0.2, -0.1] },
);

/** Ackley's nearly flat plain with a deep hole. */
export const ackley = ofAny(
  "Ackley",
  (x) => {
    const bowl = x.square().mean(-1).sqrt().mul(-0.2).exp().mul(-20);
    return bowl
      .sub(
        x
          .mul(2 * Math.PI)
          .cos()
          .mean(-1)
          .exp(),
      )
      .add(20 + Math.E);
  },
  { domain: [-32.768, 32.768], minima: origin, start: [0.3, -0.2] },
);

/** Griewank's wide bowl with many shallow minima. */
export const griewank = ofAny(
  "Griewank",
  (x) => {
    const places = arange(1, last(x) + 1, { dtype: x.dtype, device: x.device } as never);
    return total(x.square()).div(4000).sub(x.div(places.sqrt()).cos().prod(-1)).add(1);
  },
  { domain: [-600, 600], minima: origin, start: [1, -1] },
);

/** Levy's waves. */
export const levy = ofAny(
  "Levy",
  (x) => {
    const w = x.sub(1).div(4).add(1);
    const [a] = halves(w);
    const first = coordinate(w, 0).mul(Math.PI).sin().square();
    const middle = a.sub(1).square().mul(a.mul(Math.PI).add(1).sin().square().mul(10).add(1));
    const end = coordinate(w, -1);
    return first.add(total(middle)).add(
      end
        .sub(1)
        .square()
        .mul(
          end
            .mul(2 * Math.PI)
            .sin()
            .square()
            .add(1),
        ),
    );
  },
  { domain: [-10, 10], minima: [{ x: [1, 1], fun: 0 }], start: [1.5, 0.5] },
);

/** Styblinski and Tang's four valleys, one the deepest. */
export const styblinskiTang = ofAny(
  "Styblinski-Tang",
  (x) => total(x.pow(4).sub(x.square().mul(16)).add(x.mul(5))).div(2),
  {
    domain: [-5, 5],
    minima: [{ x: [-2.903534027771177, -2.903534027771177], fun: -78.33233140754282 }],
    start: [-2, -2],
  },
);

/** Zakharov's plate. */
export const zakharov = ofAny(
  "Zakharov",
  (x) => {
    const places = arange(1, last(x) + 1, { dtype: x.dtype, device: x.device } as never);
    const weighted = total(x.mul(places).mul(0.5));
    return total(x.square()).add(weighted.square()).add(weighted.pow(4));
  },
  { domain: [-5, 10], minima: origin, start: [2, 3] },
);

/** Beale's sharp corners. */
export const beale = ofTwo(
  "Beale",
  (x, y) =>
    [1.5, 2.25, 2.625]
      .map((constant, i) =>
        x
          .mul(y.pow(i + 1))
          .sub(x)
          .add(constant)
          .square(),
      )
      .reduce((a, b) => a.add(b)),
  { domain: [-4.5, 4.5], minima: [{ x: [3, 0.5], fun: 0 }], start: [1, 1] },
);

/** Himmelblau's four minima. */
export const himmelblau = ofTwo(
  "Himmelblau",
  (x, y) => x.square().add(y).sub(11).square().add(x.add(y.square()).sub(7).square()),
  {
    domain: [-5, 5],
    minima: [
      { x: [3, 2], fun: 0 },
      { x: [-2.805118086952745, 3.131312518250573], fun: 0 },
      { x: [-3.779310253377747, -3.283185991286169], fun: 0 },
      { x: [3.584428340330492, -1.848126526964404], fun: 0 },
    ],
    start: [0, 0],
  },
);

/** Booth's plate. */
export const booth = ofTwo(
  "Booth",
  (x, y) => x.add(y.mul(2)).sub(7).square().add(x.mul(2).add(y).sub(5).square()),
  { domain: [-10, 10], minima: [{ x: [1, 3], fun: 0 }], start: [-5, 5] },
);

/** Matyas's narrow plate. */
export const matyas = ofTwo(
  "Matyas",
  (x, y) => x.square().add(y.square()).mul(0.26).sub(x.mul(y).mul(0.48)),
  { domain: [-10, 10], minima: origin, start: [5, -3] },
);

/** Goldstein and Price's terraces, whose values span six powers of ten. */
export const goldsteinPrice = ofTwo(
  "Goldstein-Price",
  (x, y) => {
    const xy = x.mul(y);
    const [xx, yy] = [x.square(), y.square()];
    const one = x.mul(-14).add(xx.mul(3)).sub(y.mul(14)).add(xy.mul(6)).add(yy.mul(3)).add(19);
    const two = x.mul(-32).add(xx.mul(12)).add(y.mul(48)).sub(xy.mul(36)).add(yy.mul(27)).add(18);
    const left = x.add(y).add(1).square().mul(one).add(1);
    return left.mul(x.mul(2).sub(y.mul(3)).square().mul(two).add(30));
  },
  { domain: [-2, 2], minima: [{ x: [0, -1], fun: 3 }], start: [0.2, -0.8] },
);

/** Branin's three equal minima. */
export const branin = ofTwo(
  "Branin",
  (x, y) => {
    const valley = y
      .sub(x.square().mul(5.1 / (4 * Math.PI ** 2)))
      .add(x.mul(5 / Math.PI))
      .sub(6);
    return valley
      .square()
      .add(x.cos().mul(10 * (1 - 1 / (8 * Math.PI))))
      .add(10);
  },
  {
    domain: [-5, 15],
    minima: [
      { x: [-Math.PI, 12.275], fun: 0.39788735772973816 },
      { x: [Math.PI, 2.275], fun: 0.39788735772973816 },
      { x: [3 * Math.PI, 2.475], fun: 0.39788735772973816 },
    ],
    start: [2, 2],
  },
);

/** The camel with three humps. */
export const threeHumpCamel = ofTwo(
  "three-hump camel",
  (x, y) => x.square().mul(2).sub(x.pow(4).mul(1.05)).add(x.pow(6).div(6)).add(x.mul(y)).add(y.square()),
  { domain: [-5, 5], minima: origin, start: [0.5, -0.5] },
);

/** The camel with six humps. */
export const sixHumpCamel = ofTwo(
  "six-hump camel",
  (x, y) => {
    const xx = x.square();
    const yy = y.square();
    return xx
      .mul(xx.mul(-2.1).add(4).add(x.pow(4).div(3)))
      .add(x.mul(y))
      .add(yy.mul(yy.mul(4).sub(4)));
  },
  {
    domain: [-3, 3],
    minima: [
      { x: [0.08984201368301331, -0.7126564032704135], fun: -1.031628453489877 },
      { x: [-0.08984201368301331, 0.7126564032704135], fun: -1.031628453489877 },
    ],
    start: [0.5, -0.5],
  },
);

/** McCormick's slope of waves. */
export const mccormick = ofTwo(
  "McCormick",
  (x, y) => x.add(y).sin().add(x.sub(y).square()).sub(x.mul(1.5)).add(y.mul(2.5)).add(1),
  {
    domain: [-3, 4],
    minima: [{ x: [-0.5471975511965976, -1.5471975511965976], fun: -1.913222954981037 }],
    start: [0, 0],
  },
);

/** Easom's flat plain with one narrow hole. */
export const easom = ofTwo(
  "Easom",
  (x, y) => {
    const distance = x.sub(Math.PI).square().add(y.sub(Math.PI).square());
    return x.cos().mul(y.cos()).mul(distance.neg().exp()).neg();
  },
  { domain: [-100, 100], minima: [{ x: [Math.PI, Math.PI], fun: -1 }], start: [3, 3.5] },
);

/** All of them, by name. */
export const all = {
  ackley,
  beale,
  booth,
  branin,
  easom,
  goldsteinPrice,
  griewank,
  himmelblau,
  levy,
  matyas,
  mccormick,
  rastrigin,
  rosenbrock,
  sixHumpCamel,
  sphere,
  styblinskiTang,
  threeHumpCamel,
  zakharov,
};
