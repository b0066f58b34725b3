/** The extension's content script: the addon on the page. */

import { run } from "../app.ts";
import { platform } from "../platform/extension.ts";

// Firefox puts a new version into open pages, where the old one has ended and has left what it showed
if (document.readyState !== "loading")
  for (const old of document.querySelectorAll("pitboard-stats, pitboard-card, pitboard-banner")) old.remove();

void run(platform);
