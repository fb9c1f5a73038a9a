import type { Tensor } from "adjoint";
import { tf, type TfTensor } from "../tfjs.js";

/** The notebook's function: x**2/20 + tanh(sin x). */
export const wave = (x: Tensor): Tensor => x.pow(2).div(20).add(x.sin().tanh());

/** The same in tfjs. */
export const tfjsWave = (x: TfTensor): TfTensor => tf.add(tf.div(tf.square(x), 20), tf.tanh(tf.sin(x)));
