// Joins the modules of dist/lib to a file for each entry, dist/bundle: a program loads a few files instead of two hundred,
// which takes a third of the time and leaves less in V8's nursery. That stays small then, so that dead tensors are found
// while they are still in the processor's cache.
import { rolldown } from "rolldown";

/** The addon's entries stay a module of their own, for what looks at them beside the library; packages stay packages. */
const outside = {
  name: "outside",
  resolveId(source, importer) {
    if (importer === undefined) return null;
    if (source.endsWith("/native.js")) return { id: "../lib/native.js", external: true };
    return source.startsWith(".") ? null : { id: source, external: true };
  },
};
const bundle = await rolldown({
  input: {
    index: "./dist/lib/index.js",
    functions: "./dist/lib/gallery/index.js",
    io: "./dist/lib/io/index.js",
    plot: "./dist/lib/plot/index.js",
  },
  platform: "node",
  treeshake: false,
  plugins: [outside],
});
await bundle.write({
  dir: "dist/bundle",
  format: "esm",
  sourcemap: true,
  entryFileNames: "[name].js",
  chunkFileNames: "[name].js",
  cleanDir: true,
});
await bundle.close();
