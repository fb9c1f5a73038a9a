import { native } from "./native.js";
import { handleOf, type Tensor } from "./tensor.js";

/** Takes a hook away again. */
export class RemovableHandle {
  readonly #tensor: WeakRef<Tensor>;
  readonly #number: number;
  /** @internal */
  constructor(tensor: Tensor, number: number) {
    this.#tensor = new WeakRef(tensor);
    this.#number = number;
  }
  /** The hook is not called again. */
  remove(): void {
    const tensor = this.#tensor.deref();
    if (tensor !== undefined) native.removeHook(handleOf(tensor, "remove"), this.#number);
  }
}
