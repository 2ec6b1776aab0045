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
}
