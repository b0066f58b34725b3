/** The userscript: the addon on the page and the backend's client in one script. */

import { run } from "../app.ts";
import { t } from "../core/i18n.ts";
import { preview } from "../options/preview.ts";
import { addMenuCommand, get, notes, options, platform, saveNotes, saveOptions } from "../platform/userscript.ts";
import { SURFACES } from "../site/surfaces.ts";
import type * as dialog from "./dialog.ts";

/** From `pitboard-options.js`, which the manager loads with this script (`@require`). */
declare const pitboardOptions: typeof dialog | undefined;

async function openDialog(): Promise<void> {
  if (typeof pitboardOptions === "undefined") {
    console.warn("Pitboard: the options are missing. Install the userscript again.");
    return;
  }
  await pitboardOptions.openDialog(get, {
    options: await options(),
    surfaces: SURFACES,
    save: (changed) => void saveOptions(changed),
    notes,
    saveNotes,
    preview,
  });
}

const openOptions = () => void openDialog();

void run({ ...platform, openOptions }).then(() => addMenuCommand(t("options"), openOptions));
