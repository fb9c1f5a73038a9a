// A program: random graphs, small and large, and ops over whole arrays, as hashes of all their bits, and the small ones'
// totals.
import { tensor } from "../../lib/index.js";
import { digest, largeResults } from "./large-graphs.js";
import { results, type Graph } from "./random-graphs.js";
import { randomSource } from "./repeatable.js";
import { routineResults } from "./routine-results.js";

const [smallGraphs, largeGraphs] = process.argv.slice(2).map(Number) as [number, number];
const uniform = randomSource(1);
const below = (bound: number): number => Math.floor(uniform() * bound);

/** Of smooth instructions: where a value jumps, rounding may decide to which side. */
function smallGraph(): Graph {
  const instructions = Array.from({ length: 1 + below(14) }, () => {
    const instruction = { op: below(100), a: below(100), b: below(100), p: below(100), q: below(100) };
    if (instruction.op % 5 === 1) instruction.p %= 5;
    return instruction;
  });
  const shape = Array.from({ length: 1 + below(3) }, () => 1 + below(5));
  return { shape, instructions, reads: [below(14), below(14)] };
}

const totals: number[] = [];
const small = Array.from({ length: smallGraphs }, () => {
  const all = results(smallGraph(), "float32");
  totals.push(all.at(-1)![0]!);
  return digest([tensor(Float64Array.from(all.flat()))]);
});
const large = Array.from({ length: largeGraphs }, (_, seed) => digest(largeResults(seed)));
const routines = routineResults().map(digest);
console.log(JSON.stringify({ small, large, routines, totals }));
