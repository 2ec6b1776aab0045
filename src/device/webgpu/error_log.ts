/** WebGPU's errors, which arrive as events, kept until the next read. @module */

import { DeviceError } from "../../core/errors.ts";
import { announceFailure, type DeviceFailure } from "../base.ts";

const scopes: readonly GPUErrorFilter[] = ["validation", "out-of-memory", "internal"];

/** Remembers the first failure of a device and throws it at the next {@link ErrorLog.check}. */
export class ErrorLog {
  readonly #device: GPUDevice;
  readonly #pending = new Set<Promise<void>>();
  #failure: DeviceFailure | undefined;
  #lost: DeviceFailure | undefined;

  /**
   * Resolves when the device is lost, as mapping a buffer may then never settle. (On a closed device it
   * settles.)
   */
  readonly whenLost: Promise<void>;

  /** Listens to a device. */
  constructor(device: GPUDevice) {
    this.#device = device;
    device.addEventListener("uncapturederror", (event) => {
      event.preventDefault();
      this.#note("outside of any kernel", (event as GPUUncapturedErrorEvent).error);
    });
    this.whenLost = new Promise((resolve) => {
      device.lost.then(({ message, reason }) => {
        if (this.#lost) return;
        const why = [reason, message].filter(Boolean).join(", ");
        this.#lost = announceFailure(`the webgpu device was lost: ${why}`);
        resolve();
      });
    });
  }

  /** Runs an action; an error that WebGPU finds in it is reported with `where`. */
  guard<T>(where: () => string, action: () => T): T {
    for (const scope of scopes) this.#device.pushErrorScope(scope);
    try {
      return action();
    } finally {
      for (const _ of scopes) this.#collect(where);
    }
  }

  /**
   * Throws the first failure since the last check.
   *
   * @throws {DeviceError} when the device failed or was lost.
   */
  async check(): Promise<void> {
    await Promise.all(this.#pending);
    this.assertNotLost();
    const failure = this.#failure;
    this.#failure = undefined;
    if (failure) throw errorOf(failure);
  }

  /**
   * Throws when the device was lost.
   *
   * @throws {DeviceError} when it was.
   */
  assertNotLost(): void {
    if (this.#lost) throw errorOf(this.#lost);
  }

  /** True when the device was lost. */
  get lost(): boolean {
    return this.#lost !== undefined;
  }

  /** Marks the coming loss of the device as intended. */
  close(): void {
    const message = "the webgpu device was disposed before a read was done";
    this.#lost ??= { message, thrown: false };
  }

  #collect(where: () => string): void {
    const done = this.#device.popErrorScope().then(
      (error) => {
        if (error) this.#note(where(), error);
      },
      () => {}, // the device is gone, which `lost` reports
    ).finally(() => this.#pending.delete(done));
    this.#pending.add(done);
  }

  #note(where: string, error: GPUError): void {
    const kind = error instanceof GPUOutOfMemoryError ? "ran out of memory" : "failed";
    this.#failure ??= announceFailure(`webgpu ${kind} ${where}: ${error.message.trim()}`);
  }
}

function errorOf(failure: DeviceFailure): DeviceError {
  failure.thrown = true;
  return new DeviceError(failure.message);
}
