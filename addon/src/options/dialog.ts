/** The options in a dialog over the page, for the userscript. */

import type { Get } from "../core/backend.ts";
import { diagnose } from "../core/diagnose.ts";
import { Form, type FormPlatform } from "./form.ts";
import { openedDialog } from "./frame.ts";

/** Opens the options, unless a dialog is open. `get` is for the test of the backend. */
export async function openDialog(get: Get, platform: Omit<FormPlatform, "test" | "close">): Promise<void> {
  const [dialog, main] = (await openedDialog(platform.options.language)) ?? [];
  if (!dialog || !main) return;
  new Form(main, { ...platform, test: (address) => diagnose(address, get, true), close: () => dialog.close() });
  dialog.showModal();
}
