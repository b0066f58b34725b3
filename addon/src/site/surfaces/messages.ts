/** Private messages. */

import { all, classicAuthor, lineAfter, linkName, type Surface } from "../surface.ts";

const MESSAGE = ".ConversationMessage";

export default {
  order: 2,
  byDefault: true,
  scope: MESSAGE,
  *find(root) {
    for (const message of all(root, MESSAGE)) {
      const link = classicAuthor(message);
      const before = link?.closest(".Meta, .Item-Header") ?? link?.closest(".Author");
      if (link && before) yield* lineAfter(before, message, linkName(link));
    }
  },
} satisfies Surface;
