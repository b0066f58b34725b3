/** The backend's address with a button that tests it, in the options and on the welcome page. */

import type { Finding } from "../core/diagnose.ts";
import { t } from "../core/i18n.ts";
import { backendAddress } from "../core/options.ts";
import { button, h } from "../ui/h.ts";

interface Field {
  address: string;
  /** Stores an address. */
  change(address: string): void;
  /** Tests a backend. It is called directly after a click, so that the browser may ask for a permission. */
  test(address: string): Promise<Finding>;
  /** Whether the browser has taken the permission for the address back. */
  forbidden?: boolean;
}

export function backendField({ address, change, test, forbidden }: Field): HTMLElement {
  const input = h("input", {
    id: "backend",
    class: "wide",
    value: address,
    inputmode: "url",
    spellcheck: "false",
    "aria-describedby": "backend-help",
  });
  const finding = h("p", { role: "status", id: "finding", class: "finding" });
  const say = (kind: "" | "good" | "bad", text: string) => {
    finding.className = `finding ${kind}`;
    finding.textContent = text;
  };
  if (forbidden) say("bad", t("test_forbidden"));
  const accept = (): string => {
    const valid = backendAddress(input.value);
    if (!valid) say("bad", t("test_address"));
    else {
      input.value = valid;
      change(valid);
    }
    return valid;
  };
  input.addEventListener("change", accept);
  const ask = button({ id: "test", class: "main" }, t(forbidden ? "allow" : "test"));
  ask.addEventListener("click", () => {
    const valid = accept();
    if (!valid) return;
    say("", t("test_running"));
    void test(valid).then((found) => {
      const good = found.state === "good" || found.state === "compatible";
      say(good ? "good" : "bad", t(`test_${found.state}`, "version" in found ? found.version : ""));
    });
  });
  return h(
    "div",
    {},
    h("label", { class: "row", for: "backend" }, h("span", {}, t("option_backend")), input),
    h("p", { class: "soft", id: "backend-help" }, t("backend_help")),
    h("div", { class: "buttons" }, ask),
    finding,
  );
}
