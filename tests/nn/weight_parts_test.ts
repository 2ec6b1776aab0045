import { testOn, webgpu } from "../support/devices.ts";
import { checks } from "./checks.ts";
import { fourBitChecks } from "./four_bit_checks.ts";

await testOn([webgpu], [...checks, ...fourBitChecks]);
