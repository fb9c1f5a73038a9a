export { animatePath, type AnimateOptions, type Animation, type Path } from "./animation.js";
export type { Numbers, Range, Surface } from "./data.js";
export {
  figure,
  Figure,
  type AnnotateOptions,
  type ContourOptions,
  type FigureOptions,
  type Marker,
  type PlotOptions,
  type ScatterOptions,
} from "./figure.js";
export {
  lossCurves,
  pathsOver,
  Trajectory,
  type LossOptions,
  type PathsOptions,
  type Point,
  type Step,
  type Value,
} from "./trajectory.js";
