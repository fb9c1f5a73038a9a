// More elements than 32 bits can count, in two gibibytes. Prints what lies at the far end, and the sum.
import { full, realize } from "adjoint";

const count = 2 ** 31 + 10;
const x = full([count], 3, { dtype: "uint8" });
realize(x);
console.log(
  JSON.stringify({
    count,
    last: x.at(-1).item(),
    flipped: x
      .flip([0])
      .at(`${count - 4}:`)
      .add(1)
      .toArray(),
    across: x
      .at(`${2 ** 31 - 2}:${2 ** 31 + 2}`)
      .mul(2)
      .toArray(),
    strided: x.at(`::${2 ** 30}`).toArray(),
    sum: x.add(x).sum().item(),
  }),
);
