/** Takes a hook away again. */
export class RemovableHandle {
  readonly #takeAway: () => void;
  /** @internal */
  constructor(takeAway: () => void) {
    this.#takeAway = takeAway;
  }
  /** The hook is not called again. */
  remove(): void {
    this.#takeAway();
  }
}
