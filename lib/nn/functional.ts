export { fold, unfold } from "./windows.js";
export type { Pair, WindowOptions } from "./windows.js";
