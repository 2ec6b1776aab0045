import { testOnCoreDevices } from "../support/devices.ts";
import { checks } from "./live_bytes_checks.ts";

testOnCoreDevices(checks);
