/** Link templates, and addresses at iRacing. */

import type { Driver } from "./model.ts";

/** An http(s) address, or "" for anything else (for example a script URL from an imported options file). */
export function safeUrl(raw: string): string {
  try {
    const url = new URL(raw);
    return url.protocol === "https:" || url.protocol === "http:" ? url.href : "";
  } catch {
    return "";
  }
}

/** A link template (`LinkTemplate.url`) filled in for a driver; "" if the result is no http(s) address. */
export function fillTemplate(template: string, driver: Pick<Driver, "custId" | "name">, backend: string): string {
  return safeUrl(
    template
      .replace(/^\{backend\}/, backend)
      .replaceAll("{cust_id}", String(driver.custId))
      .replaceAll("{name}", encodeURIComponent(driver.name)),
  );
}

/** iRacing's result page of a subsession. */
export const subsessionUrl = (id: number): string =>
  `https://members-ng.iracing.com/web/racing/profile?subsessionid=${id}`;
