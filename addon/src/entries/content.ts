/** The extension's content script: the addon on the page. */

import { run } from "../app.ts";
import { platform } from "../platform/extension.ts";

void run(platform);
