import { assertEquals } from "@std/assert";
import type { ElementType } from "../../kernels/kernel.ts";
import { Ledger, type LedgerItem, type Role } from "../../src/device/ledger.ts";

const item = (role: Role, bytes: number, padding = 0, type: ElementType = "f32"): LedgerItem => ({
  role,
  type,
  bytes,
  padding,
});

Deno.test("a ledger counts live bytes by role and keeps the highest moment", () => {
  const ledger = new Ledger();
  ledger.add(item("weight", 100));
  ledger.add(item("activation", 50));
  ledger.remove(item("activation", 50));
  ledger.add(item("scratch", 20));
  const { live, peak, byRole, peakByRole } = ledger.read();
  assertEquals({ live, peak }, { live: 120, peak: 150 });
  assertEquals([byRole.weight, byRole.activation, byRole.scratch], [100, 0, 20]);
  assertEquals([peakByRole.weight, peakByRole.activation, peakByRole.scratch], [100, 50, 0]);
});

Deno.test("a ledger counts live and peak bytes by element type", () => {
  const ledger = new Ledger();
  ledger.add(item("weight", 30, 2, "f16"));
  ledger.add(item("weight", 100));
  ledger.add(item("scratch", 8, 0, "u32"));
  ledger.remove(item("weight", 30, 2, "f16"));
  const { byType, peakByType, live, byRole } = ledger.read();
  assertEquals(byType, { f32: 100, u32: 8, i32: 0, f16: 0, bf16: 0 });
  assertEquals(peakByType, { f32: 100, u32: 8, i32: 0, f16: 30, bf16: 0 });
  assertEquals([live, byRole.weight], [108, 100]);
});

Deno.test("padding is counted apart", () => {
  const ledger = new Ledger();
  ledger.add(item("optimizer", 10, 246));
  assertEquals([ledger.read().live, ledger.read().padding], [10, 246]);
  ledger.remove(item("optimizer", 10, 246));
  assertEquals([ledger.read().live, ledger.read().padding, ledger.read().peak], [0, 0, 10]);
});

Deno.test("the peak can begin anew", () => {
  const ledger = new Ledger();
  ledger.add(item("weight", 100));
  ledger.remove(item("weight", 60));
  ledger.resetPeak();
  assertEquals(ledger.read().peak, 40);
  ledger.add(item("weight", 10));
  assertEquals(ledger.read().peak, 50);
});

Deno.test("a reading does not change afterwards", () => {
  const ledger = new Ledger();
  const before = ledger.read();
  ledger.add(item("weight", 1));
  assertEquals(before.byRole.weight, 0);
});

Deno.test("launches are counted by kernel and by the role that they write", () => {
  const ledger = new Ledger();
  ledger.countLaunch("matmul", "gradient");
  ledger.countLaunch("matmul", "activation");
  ledger.countLaunch("matmul", "gradient");
  assertEquals([...ledger.launches], [["matmul > gradient", 2], ["matmul > activation", 1]]);
});
