/** Whole years and the next anniversary, by the calendar and not by 365.25 days. */

const DAY = 86_400_000;

/** Years since `since` ("YYYY-MM-DD") at `now`, and days to the next anniversary (0: today). */
export function membership(since: string, now: Date): { years: number; days: number } {
  const [year = 0, month = 1, day = 1] = since.split("-").map(Number);
  const today = Date.UTC(now.getFullYear(), now.getMonth(), now.getDate());
  // a member since 29 February has the anniversary on 1 March in other years, as Date.UTC counts it
  const anniversary = (y: number) => Date.UTC(y, month - 1, day);
  const passed = anniversary(now.getFullYear()) <= today;
  const years = now.getFullYear() - year - (passed ? 0 : 1);
  const next = anniversary(now.getFullYear()) === today ? today : anniversary(now.getFullYear() + (passed ? 1 : 0));
  return { years: Math.max(0, years), days: Math.round((next - today) / DAY) };
}
