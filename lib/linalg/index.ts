// What lib/linalg.ts exports.
export * from "./equations.js";
export * from "./factors.js";
export * from "./leastsquares.js";
export * from "./norms.js";
export * from "./products.js";
export * from "./tensors.js";
