/** Loads the card's script when a card is opened for the first time, so that a page without an open card is light. */

import type { useLanguage } from "../core/i18n.ts";
import type { Platform } from "../platform/platform.ts";
import type { Card, Context } from "./card.ts";

/** What the script exports. */
interface CardScript {
  Card: typeof Card;
  useLanguage: typeof useLanguage;
}

export class LazyCard {
  readonly #platform: Platform;
  readonly #context: Context;
  #loading: Promise<CardScript> | undefined;
  #card: Card | null = null;

  readonly #failed: () => void;

  /** @param failed is called when the script cannot be loaded */
  constructor(platform: Platform, context: Context, failed: () => void) {
    this.#platform = platform;
    this.#context = context;
    this.#failed = failed;
  }

  toggle(name: string, anchor: HTMLElement): void {
    void this.#use((card) => card.toggle(name, anchor));
  }

  hover(name: string, anchor: HTMLElement, over: boolean): void {
    if (this.#context.view(name).options.opener === "hover") void this.#use((card) => card.hover(name, anchor, over));
  }

  close(): void {
    this.#card?.close();
  }

  update(name?: string): void {
    this.#card?.update(name);
  }

  async #use(act: (card: Card) => void): Promise<void> {
    try {
      this.#loading ??= this.#platform.loadCard() as Promise<CardScript>;
      const { Card, useLanguage } = await this.#loading;
      await useLanguage(this.#context.view("").options.language);
      this.#card ??= new Card(this.#platform, this.#context);
    } catch (error) {
      this.#loading = undefined;
      console.warn(`Pitboard: the card cannot be loaded. Reload the page. ${error}`);
      this.#failed();
      return;
    }
    act(this.#card);
  }
}
