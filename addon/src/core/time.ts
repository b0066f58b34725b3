/** Years of membership by the calendar. */

const DAY = 86_400_000;

/** Whole years from `since` ("YYYY-MM-DD") to `now`, and days to the next anniversary (0: today). */
export function membership(since: string, now: Date): { years: number; days: number } {
  const [year = 0, month = 1, day = 1] = since.split("-").map(Number);
  const today = Date.UTC(now.getFullYear(), now.getMonth(), now.getDate());
  // 29 February becomes 1 March in other years: Date.UTC does that
  const anniversary = (y: number) => Date.UTC(y, month - 1, day);
  const passed = anniversary(now.getFullYear()) <= today;
  const years = now.getFullYear() - year - (passed ? 0 : 1);
  const next = anniversary(now.getFullYear()) === today ? today : anniversary(now.getFullYear() + (passed ? 1 : 0));
  return { years: Math.max(0, years), days: Math.round((next - today) / DAY) };
}
