import { native } from "./native.js";
import { handleOf, type Tensor } from "./tensor.js";

/** Takes a hook away again. */
export class RemovableHandle {
  readonly #tensor: WeakRef<Tensor>;
  readonly #number: number;
  readonly #silence: () => void;
  /** @internal */
  constructor(tensor: Tensor, number: number, silence: () => void) {
    this.#tensor = new WeakRef(tensor);
    this.#number = number;
    this.#silence = silence;
  }
  /** The hook is not called again. */
  remove(): void {
    this.#silence();
    const tensor = this.#tensor.deref();
    if (tensor === undefined) return;
    try {
      native.removeHook(handleOf(tensor, "remove"), this.#number);
    } catch (error) {
      if ((error as { code?: unknown }).code !== "ERR_DISPOSED") throw error; // it went with the tensor
    }
  }
}
