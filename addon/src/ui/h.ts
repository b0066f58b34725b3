/** Makes DOM nodes. Text only ever goes in as text: no markup is parsed anywhere in the addon. */

type Child = Node | string | number | null | undefined | false;
type Props = Record<string, string | number | boolean | null | undefined | ((event: never) => void)>;

const SVG = "http://www.w3.org/2000/svg";

function fill(element: Element, props: Props, children: Child[]): void {
  for (const key in props) {
    const value = props[key];
    if (value === null || value === undefined || value === false) continue;
    if (typeof value === "function") element.addEventListener(key.slice(2), value as EventListener);
    else element.setAttribute(key, value === true ? "" : String(value));
  }
  for (const child of children) {
    if (child === null || child === undefined || child === false) continue;
    element.append(typeof child === "number" ? String(child) : child);
  }
}

/** An HTML element. A prop `onclick` is an event listener; null, undefined and false leave a prop or child out. */
export function h<K extends keyof HTMLElementTagNameMap>(
  tag: K,
  props: Props = {},
  ...children: Child[]
): HTMLElementTagNameMap[K] {
  const element = document.createElement(tag);
  fill(element, props, children);
  return element;
}

/** A button that submits nothing. */
export const button = (props: Props, ...children: Child[]): HTMLButtonElement =>
  h("button", { type: "button", ...props }, ...children);

/** A link that opens in a new tab, and tells that page nothing of this one. */
export const linkOut = (href: string, child: Child): HTMLAnchorElement =>
  h("a", { href, target: "_blank", rel: "noopener noreferrer" }, child);

/** An SVG element. */
export function s(tag: string, props: Props = {}, ...children: Child[]): SVGElement {
  const element = document.createElementNS(SVG, tag) as SVGElement;
  fill(element, props, children);
  return element;
}
