/** Private messages. */

import { all, classicAuthor, lineAfter, type Surface } from "../surface.ts";

const MESSAGE = ".ConversationMessage";

export default {
  order: 2,
  byDefault: true,
  scope: MESSAGE,
  *find(root) {
    for (const message of all(root, MESSAGE)) {
      const author = classicAuthor(message);
      const before = author?.link.closest(".Meta, .Item-Header") ?? author?.link.closest(".Author");
      if (author && before) yield* lineAfter(before, message, author.name);
    }
  },
} satisfies Surface;
