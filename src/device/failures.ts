/** Failures of a device, for listeners that show them before the next read throws. @module */

/** A failure of a device. */
export interface DeviceFailure {
  /** What went wrong, in one sentence. */
  readonly message: string;
  /** True once it has been thrown as an error. */
  thrown: boolean;
}

type Listener = (failure: DeviceFailure) => void;

const listeners = new Set<Listener>();

/** Calls `listener` at every failure of any device, before a read throws it. */
export function onDeviceFailure(listener: Listener): void {
  listeners.add(listener);
}

/** Notifies all listeners of a failure. */
export function announceFailure(message: string): DeviceFailure {
  const failure = { message, thrown: false };
  for (const listener of listeners) listener(failure);
  return failure;
}
