/** The userscript: the addon on the page and the backend's client in one script. */

import { run } from "../app.ts";
import { t, useMessages } from "../core/i18n.ts";
import { preview } from "../options/preview.ts";
import { addMenuCommand, get, notes, options, platform, saveNotes, saveOptions } from "../platform/userscript.ts";
import { SURFACES } from "../site/surfaces.ts";
import type * as dialog from "./dialog.ts";

/** From `pitboard-options.js`, which the manager loads with this script (`@require`). */
declare const pitboardOptions: typeof dialog | undefined;

/** The style of the card without the second script. The addon is in English then. */
const PLAIN = ".card{position:absolute;margin:0;max-inline-size:480px;max-block-size:95vh;overflow:auto}";

const second = typeof pitboardOptions === "undefined" ? undefined : pitboardOptions;
if (second) useMessages(second.messages);

async function openDialog(): Promise<void> {
  if (!second) {
    console.warn("Pitboard: the options are missing. Install the userscript again.");
    return;
  }
  await second.openDialog(get, {
    options: await options(),
    surfaces: SURFACES,
    save: (changed) => void saveOptions(changed),
    notes,
    saveNotes,
    preview,
  });
}

const openOptions = () => void openDialog();

void run({ ...platform, openOptions, cardCss: second?.cardCss ?? PLAIN }).then(() =>
  addMenuCommand(t("options"), openOptions),
);
