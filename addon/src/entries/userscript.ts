/** The userscript: the addon on the page. Card, options dialog and the backend's client are in the scripts that it requires. */

import { run } from "../app.ts";
import { t, useMessages } from "../core/i18n.ts";
import { preview } from "../options/preview.ts";
import { addMenuCommand, get, notes, options, platform, saveNotes, saveOptions } from "../platform/userscript.ts";
import { SURFACES } from "../site/surfaces.ts";
import type * as dialog from "./dialog.ts";
import type * as card from "./user-card.ts";

/** From `pitboard-options.js`, which the manager loads with this script (`@require`). */
declare const pitboardOptions: typeof dialog | undefined;
/** From `pitboard-card.js`, likewise. */
declare const pitboardCard: typeof card | undefined;

/** Without the second script the addon is in English, and has no stats. */
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

async function loadCard(): Promise<typeof card> {
  if (typeof pitboardCard === "undefined") throw new Error("A script is missing. Install the userscript again.");
  if (second) pitboardCard.useMessages(second.messages);
  return pitboardCard;
}

const openOptions = () => void openDialog();

async function openNotes(): Promise<void> {
  const { language, tags } = await options();
  const saveTags = async (changed: typeof tags) => saveOptions({ ...(await options()), tags: changed });
  const { openNotes: open } = await loadCard();
  await open(language, { notes, saveNotes, tags, saveTags });
}

void run({ ...platform, openOptions, loadCard }).then(() => {
  addMenuCommand(t("options"), openOptions);
  addMenuCommand(t("manage_notes"), () => void openNotes());
});
