// Prints how many pages were taken from the system while what tensors hold went up and down, in several sizes.
import { ones, realize } from "adjoint";

const [megabytes, count, rounds] = process.argv.slice(2).map(Number);
const round = () => {
  for (const scale of [1, 1.5]) {
    const tensors = Array.from({ length: count }, () =>
      ones((megabytes * scale * 2 ** 20) / 4, { device: "cpu" }),
    );
    realize(tensors);
    for (const tensor of tensors) tensor.dispose();
  }
};
const pages = () => process.resourceUsage().minorPageFault;
for (let i = 0; i < 3; ++i) round();
const before = pages();
for (let i = 0; i < rounds; ++i) round();
console.log(pages() - before);
