import { makeError } from "../errors.js";

/** Makes the error of a file that is not what it should be. */
export function formatError(message: string): Error {
  return makeError(Error, message, { code: "ERR_FORMAT" });
}
