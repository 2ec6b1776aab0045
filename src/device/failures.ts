/** Failures of a device, which the next read throws, for those who show them at once. @module */

/** What went wrong. */
export interface DeviceFailure {
  /** One sentence. */
  readonly message: string;
  /** True once somebody was told by an error. */
  thrown: boolean;
}

type Listener = (failure: DeviceFailure) => void;

const listeners = new Set<Listener>();

/** Calls `listener` at every failure of any device, before a read throws it. */
export function onDeviceFailure(listener: Listener): void {
  listeners.add(listener);
}

/** Makes a failure known. */
export function announceFailure(message: string): DeviceFailure {
  const failure = { message, thrown: false };
  for (const listener of listeners) listener(failure);
  return failure;
}
