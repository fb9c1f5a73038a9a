// Thirty thousand plans of different structure, whose tensors are disposed of at once. Prints resident memory after each
// fifth, and how many were planned.
import { engineStats, ones, realize, tidy } from "adjoint";

const residentMegabytes = [];
for (let i = 0; i < 30_000; ++i) {
  tidy(() => {
    let y = ones([1 + (i % 120), 1 + Math.floor(i / 120)]);
    for (let k = 0; k < 25; ++k) y = y.sin().add(y);
    realize(y);
  });
  if (i % 6000 !== 5999) continue;
  globalThis.gc();
  residentMegabytes.push(process.memoryUsage.rss() / 1e6);
}
console.log(JSON.stringify({ residentMegabytes, planned: engineStats().planMisses }));
