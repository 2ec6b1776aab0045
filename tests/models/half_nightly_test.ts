/** Models of every family in 16 bits on webgpu, which compiles every program for each storage. */

import { testOn, webgpu } from "../support/devices.ts";
import { checks } from "./half_checks.ts";

await testOn([webgpu], checks);
