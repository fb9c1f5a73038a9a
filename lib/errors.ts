/** The data of an error of this library beside its message. */
export interface ErrorDetails {
  /** A stable name for the kind of error, such as `ERR_SHAPE`. */
  code: string;
  /** The operation that refused. */
  op?: string;
  /** The shapes involved, where shapes were the matter. */
  shapes?: number[][];
}

/** Makes a standard error (RangeError, TypeError, Error) that carries `code`, and `op` and `shapes` where known. */
export function makeError<E extends Error>(
  Type: new (message: string) => E,
  message: string,
  details: ErrorDetails,
): E & ErrorDetails {
  return Object.assign(new Type(message), details);
}
