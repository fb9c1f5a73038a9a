// Functions of tensors from the text of an arithmetic expression, as goldens of other libraries write them.
import { tensor, type Tensor } from "adjoint";

type Term = number | Tensor;
type Binary = "add" | "sub" | "mul" | "div";

const asTensor = (value: Term): Tensor =>
  typeof value === "number" ? tensor(value, { dtype: "float64" }) : value;

function combined(op: Binary, a: Term, b: Term): Term {
  if (typeof a !== "number" || typeof b !== "number") return asTensor(a)[op](b);
  return { add: a + b, sub: a - b, mul: a * b, div: a / b }[op];
}

const named: Record<string, (x: Tensor) => Tensor> = {
  log: (x) => x.log(),
  exp: (x) => x.exp(),
  sin: (x) => x.sin(),
  abs: (x) => x.abs(),
};

/** The function of p, or of a number x, that a text with + - * / **, parentheses and some functions says. */
export function functionOf(text: string): (p: Tensor) => Tensor {
  const words = text.match(/\*\*|[-+*/()]|\d+\.?\d*|p\[\d+\]|[a-z]+/g) ?? [];
  return (p) => {
    let at = 0;
    const isNext = (...some: string[]) => some.includes(words[at] ?? "");
    const atom = (): Term => {
      const word = words[at++]!;
      if (word === "(") {
        const inner = sum();
        ++at;
        return inner;
      }
      if (word === "x") return p;
      if (word.startsWith("p[")) return p.at(Number(word.slice(2, -1)));
      if (!Object.hasOwn(named, word)) return Number(word);
      return named[word]!(asTensor(atom()));
    };
    const power = (): Term => {
      const base = atom();
      if (!isNext("**")) return base;
      ++at;
      const exponent = atom() as number;
      return typeof base === "number" ? base ** exponent : base.pow(exponent);
    };
    const signed = (): Term => {
      if (!isNext("-")) return power();
      ++at;
      return combined("sub", 0, signed());
    };
    const product = (): Term => {
      let left = signed();
      while (isNext("*", "/")) left = combined(words[at++] === "*" ? "mul" : "div", left, signed());
      return left;
    };
    const sum = (): Term => {
      let left = product();
      while (isNext("+", "-")) left = combined(words[at++] === "+" ? "add" : "sub", left, product());
      return left;
    };
    return asTensor(sum());
  };
}
