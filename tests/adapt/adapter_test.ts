import { testOnCoreDevices } from "../support/devices.ts";
import { checks } from "./checks.ts";

testOnCoreDevices(checks);
