export { curveFit, curveFitSync } from "./curvefit.js";
export { minimize, minimizeSync } from "./minimize.js";
export { root, rootSync } from "./root.js";
export { leastSquares, leastSquaresSync } from "./squares.js";
export { minimizeScalar, minimizeScalarSync } from "./scalar.js";
export { multiStart, multiStartSync } from "./multistart.js";
