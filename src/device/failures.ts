/** Failures of a device, for those who show them before the next read throws. @module */

/** What went wrong. */
export interface DeviceFailure {
  /** One sentence. */
  readonly message: string;
  /** True once it was thrown as an error. */
  thrown: boolean;
}

type Listener = (failure: DeviceFailure) => void;

const listeners = new Set<Listener>();

/** Calls `listener` at every failure of any device, before a read throws it. */
export function onDeviceFailure(listener: Listener): void {
  listeners.add(listener);
}

/** Tells all listeners of a failure. */
export function announceFailure(message: string): DeviceFailure {
  const failure = { message, thrown: false };
  for (const listener of listeners) listener(failure);
  return failure;
}
