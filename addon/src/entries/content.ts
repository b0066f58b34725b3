/** The extension's content script: the addon on the page. */

import { run } from "../app.ts";
import { platform } from "../platform/extension.ts";
import cardCss from "../ui/card.css";

void run({ ...platform, cardCss });
