import { testOnCoreDevices } from "../support/devices.ts";
import { checks } from "./bitsandbytes_checks.ts";

testOnCoreDevices(checks);
