/** The error classes that callers may want to catch; everything else is a built-in class. @module */

/** Shapes that do not fit each other. */
export class ShapeError extends RangeError {
  /** The class's name. */
  override name = "ShapeError";
}

/** A device that cannot be opened, is out of memory, or failed while it ran a kernel. */
export class DeviceError extends Error {
  /** The class's name. */
  override name = "DeviceError";
}

/** An adapter folder that is missing, broken, or asks for something that we do not support. */
export class AdapterFileError extends Error {
  /** The class's name. */
  override name = "AdapterFileError";
  readonly #reason: string;

  /**
   * Makes an error.
   *
   * @param options Its cause, and what is wrong without the folder, where the message names one.
   */
  constructor(
    message: string,
    { reason = message, ...options }: ErrorOptions & { readonly reason?: string } = {},
  ) {
    super(message, options);
    this.#reason = reason;
  }

  /** What is wrong, without saying in which folder. */
  get reason(): string {
    return this.#reason;
  }
}
