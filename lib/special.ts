// PyTorch's torch.special.
import { guardedAll } from "./modules.js";
import * as special from "./functional/special.js";

export type * from "./functional/special.js";
export const {
  digamma,
  entr,
  erf,
  erfc,
  erfcx,
  erfinv,
  exp2,
  expit,
  expm1,
  gammainc,
  gammaincc,
  gammaln,
  i0,
  i0e,
  i1,
  i1e,
  log1p,
  logNdtr,
  logSoftmax,
  logit,
  logsumexp,
  multigammaln,
  ndtr,
  ndtri,
  polygamma,
  psi,
  round,
  sinc,
  softmax,
  xlog1py,
  xlogy,
  zeta,
} = guardedAll(special);
