export { curveFit, curveFitSync } from "./curvefit.js";
export { minimize, minimizeSync } from "./minimize.js";
export { leastSquares, leastSquaresSync } from "./squares.js";
