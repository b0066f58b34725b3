/** What colours and signs of a line mean. */

import { type MessageKey, t } from "../core/i18n.ts";
import { CLASSES } from "../core/model.ts";
import { PALETTE } from "../core/palette.ts";
import { h } from "../ui/h.ts";
import { icon } from "../ui/icons.ts";
import { className } from "../ui/parts.ts";

const SIGNS: [sign: string, meaning: MessageKey][] = [
  ["3.47", "safety_rating"],
  ["2841", "irating"],
  ["+3", "legend_more"],
  ["6 → 2", "start_finish"],
  ["+51 −36", "legend_delta"],
  ["A", "legend_kept"],
];

export function legend(): HTMLElement {
  const classes = CLASSES.map((letter) => {
    const { fill, ink } = PALETTE[letter];
    const swatch = h("b", { class: "swatch", style: `background:${fill};color:${ink}` }, letter);
    return h("li", {}, swatch, className(letter));
  });
  const signs = SIGNS.map(([sign, meaning]) =>
    h("li", {}, h("b", { dir: "ltr", class: meaning === "legend_kept" && "swatch dashed" }, sign), t(meaning)),
  );
  return h(
    "details",
    { class: "legend", id: "legend" },
    h("summary", {}, t("legend")),
    h("ul", {}, ...classes),
    h("ul", {}, ...signs, h("li", {}, icon("note"), t("note"))),
  );
}
