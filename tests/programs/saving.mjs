// Saves a checkpoint over and over, until it is killed: node saving.mjs PATH. Each has its number in every element.
import { full } from "adjoint";
import { load, save } from "adjoint/io";

const [, , path] = process.argv;
let count = load(path).count;
process.stdout.write("begun\n");
for (;;) {
  count += 1;
  save(
    { count, tensors: Array.from({ length: 4 }, () => full([50_000], count, { dtype: "float64" })) },
    path,
  );
}
