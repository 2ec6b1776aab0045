/**
 * Devices: what holds tensors and runs kernels.
 *
 * @module
 */

export { Arena, type ArenaEntry, Scope } from "./arena.ts";
export {
  type AnyKernel,
  type Bindings,
  type CompileReport,
  type Device,
  type DeviceKind,
  type Scalars,
  type Storage,
  Tensor,
} from "./device.ts";
export {
  type BytesByRole,
  type BytesByType,
  Ledger,
  type LedgerItem,
  type LedgerReading,
  type Role,
  roles,
} from "./ledger.ts";
export {
  type DeviceEntry,
  type DeviceListing,
  listDevices,
  openDevice,
  type OpenOptions,
} from "./open.ts";
export type { DeviceTrace, TracedLaunch } from "./trace.ts";
export { zero } from "./base.ts";
