/** Whether a GPU is simulated, which takes a hundred times as long. */
export const isSimulated = process.env["ADJOINT_STAND_IN"] !== undefined;

/** How often, or how much, something is done: less where a GPU is simulated. */
export function atMost(usual: number, simulated: number): number {
  return isSimulated ? simulated : usual;
}
