/** Invented drivers, as the backend sends them. */

const LETTERS = ["Rookie", "Class D", "Class C", "Class B", "Class A", "Pro", "Pro/WC"];
const CATEGORIES = [
  [1, "oval"],
  [5, "sports_car"],
  [6, "formula_car"],
  [3, "dirt_oval"],
  [4, "dirt_road"],
];
const CARS = [
  [169, "Porsche 911 GT3 R (992)"],
  [67, "Global Mazda MX-5 Cup"],
  [128, "Dallara P217"],
  [106, "Dallara F3"],
  [43, "McLaren MP4-12C GT3"],
  [103, "NASCAR Cup Series Chevrolet Camaro ZL1"],
];
const TRACKS = [
  ["Okayama International Circuit", "Full Course"],
  ["Summit Point Raceway"],
  ["Oulton Park Circuit", "International"],
  ["Lime Rock Park"],
];
const COUNTRIES = [
  ["Netherlands", "NL"],
  ["Portugal", "PT"],
  ["Japan", "JP"],
  ["", "SCT"],
  ["United States", "US"],
  ["New Zealand", "NZ"],
];

export const NAMES = [
  "Ann Tester",
  "Bo Demo",
  "Caspar van Voorbeeld",
  "Dörte Prüfling",
  "Eloi d'Exemple",
  "Finn Falsk",
  "Gia Finta",
  "Hugo Inventado2",
  "Ines Fingida",
  "Jun Kakuu",
  "Kaj Opdigt",
  "Lena Musterfrau",
  "Milo Fictum",
  "Nora Påhitt",
  "Otto Probst",
  "Pia Vzorová",
  "Quinn Madeup",
  "Rui Suposto",
  "Sana Kuviteltu",
  "Theo Invente",
];

/** The n-th driver; the same n gives the same driver. `now` is in milliseconds. */
export function driver(n, name = NAMES[n % NAMES.length], now = Date.now()) {
  const [country, code] = COUNTRIES[n % COUNTRIES.length];
  const iso = (hours) => `${new Date(now - hours * 3_600_000).toISOString().slice(0, 19)}Z`;
  return {
    cust_id: 900000 + n,
    disabled: false,
    member_info: {
      cust_id: 900000 + n,
      display_name: name,
      country,
      country_code: code,
      flair_id: 237,
      flair_name: country || "Scotland",
      flair_shortname: "XXX",
      member_since: `20${String(8 + (n % 16)).padStart(2, "0")}-0${1 + (n % 9)}-1${n % 9}`,
      last_login: iso(5),
      licenses: CATEGORIES.map(([category_id, category], i) => {
        const group = i === 1 ? ((n * 3) % 7) + 1 : ((n * 5 + i * 2) % 5) + 1;
        const licence = {
          category_id,
          category,
          category_name: category,
          license_level: group * 4 - (n % 4),
          safety_rating: (200 + ((n * 37 + i * 91) % 260)) / 100,
          cpi: 12.5 + ((n * 13 + i * 7) % 90),
          irating: 800 + ((n * 613 + i * 431 + n * i * 971) % 5200),
          group_id: group,
          group_name: LETTERS[group - 1],
          color: "0153db",
        };
        // what the backend adds: the index has starts and wins, and ranks come from the iRating
        licence.starts = i === 1 ? 180 + ((n * 53) % 80) : (n * 53 + i * 71 + 90) % 170;
        licence.wins = Math.floor(licence.starts * (((n * 7 + i * 3) % 20) / 100));
        const better = Math.exp(-licence.irating / 1100);
        licence.rank = { world: Math.ceil(better * 182_400), of: 182_400 };
        if (code !== "SCT") Object.assign(licence.rank, { country: Math.ceil(better * 8431), country_of: 8431 });
        // as in member/get: without an iRating in a category there is no such field
        if ((n + i) % 6 === 0) {
          delete licence.irating;
          delete licence.rank;
          licence.starts = licence.wins = 0;
        }
        return licence;
      }),
    },
    follow_counts: { followers: (n * 17) % 140, follows: (n * 5) % 40 },
    activity:
      n % 7 === 6
        ? null
        : { recent_30days_count: 4 + n, prev_30days_count: 9, consecutive_weeks: 3, most_consecutive_weeks: 33 },
    recent_events:
      n % 9 === 8
        ? []
        : Array.from({ length: 5 }, (_, i) => {
            const [car_id, car_name] = CARS[(n + (i > 2 ? 1 : 0)) % CARS.length];
            const [track_name, config_name] = TRACKS[(n + i) % TRACKS.length];
            return {
              event_type: i === 3 ? "HOSTED" : i === 4 ? "PRACTICE" : "RACE",
              subsession_id: 80000000 + n * 10 + i,
              start_time: iso(9 + i * 26 + n),
              event_id: 1,
              event_name: "Invented Cup",
              starting_position: i === 4 ? -1 : (n + i * 3) % 20,
              finish_position: i === 4 ? -1 : (n * 2 + i) % 20,
              car_id,
              car_name,
              logo_url: null,
              track: { track_id: 1, track_name, ...(config_name ? { config_name } : {}) },
            };
          }),
    _meta: { state: "fresh", as_of: new Date(now - 240_000).toISOString(), age: 240 },
  };
}

/** The iRating of the n-th driver's main category: the one with the most starts. */
export const mainRating = (n) =>
  driver(n).member_info.licenses.reduce((most, one) => (one.starts > most.starts ? one : most)).irating;

/** The same driver as the backend sends it with `profile=0`. */
export function licencesOnly({ cust_id, member_info, _meta }) {
  return { cust_id, member_info, _meta: { source: "iracing", ..._meta } };
}

/** The same driver as the backend knows it from the index alone, 14 hours old. */
export function indexed({ cust_id, member_info }, now = Date.now()) {
  const { display_name, country_code, licenses } = member_info;
  const known = licenses.map(({ cpi, ...licence }) => licence);
  const as_of = new Date(now - 14 * 3_600_000).toISOString();
  return {
    cust_id,
    member_info: { cust_id, display_name, country_code, licenses: known },
    _meta: { state: "partial", source: "index", as_of, age: 14 * 3600 },
  };
}

/** The cars of the invented races, as the backend lists them: a Dallara P217 is a sports car, whatever its name says. */
export const cars = () => ({
  cars: CARS.map(([car_id, car_name], i) => ({
    car_id,
    car_name,
    category: i === 3 ? "formula_car" : i === 5 ? "oval" : "sports_car",
  })),
  _meta: { state: "fresh" },
});

/** A subsession that the first two drivers were both in. */
export const SHARED = 81000000;

/** The last official races of the n-th driver, newest first: three of the profile's and five older ones. */
export function results(n, now = Date.now()) {
  const profile = driver(n, undefined, now).recent_events.filter((event) => event.event_type === "RACE");
  const others = Array.from({ length: 5 }, (_, i) => [80500000 + n * 10 + i, 200 + i * 31]);
  if (n < 2) others.push([SHARED, 20]);
  const all = [
    ...profile,
    ...others.map(([subsession_id, hours], i) => ({
      subsession_id,
      start_time: `${new Date(now - hours * 3_600_000).toISOString().slice(0, 19)}Z`,
      starting_position: (n + i * 3) % 20,
      finish_position: (n * 2 + i) % 20,
      track: { track_id: 1, track_name: TRACKS[(n + i) % TRACKS.length][0] },
    })),
  ].sort((a, b) => b.start_time.localeCompare(a.start_time));
  return {
    cust_id: 900000 + n,
    races: all.map((event, i) => ({
      subsession_id: event.subsession_id,
      session_start_time: event.start_time,
      car_id: CARS[n % CARS.length][0],
      car_name: CARS[n % CARS.length][1],
      category: cars().cars[n % CARS.length].category,
      track: { track_id: 1, track_name: event.track.track_name },
      start_position: event.starting_position + 1,
      finish_position: event.finish_position + 1,
      incidents: (n + i * 3) % 9,
      strength_of_field: 1500 + ((n * 311 + i * 97) % 2600),
      irating_change: ((n * 37 + i * 53) % 140) - 60,
      safety_rating_change: (((n * 17 + i * 29) % 40) - 18) / 100,
    })),
    _meta: { state: "fresh" },
  };
}

const POINTS = 150;

/** `count` values that end with `to`, as chance and a way from `from` make them. `size`: how far chance goes in a step. */
function way(from, to, count, size, seed) {
  let at = from;
  const walk = Array.from({ length: count }, (_, i) => {
    const swing = Math.sin((seed + i) * 12.9898) * 43758.5453;
    at += (swing - Math.floor(swing) - 0.5) * size;
    return at;
  });
  return walk.map((value, i) => value + ((to - at) * (i + 1)) / count);
}

/** Safety ratings from a rookie's 2.50 to `to` in the class of `group`; at 4.00 comes the next class, with 3.00. */
function safetyWay(to, group, seed) {
  return Array.from({ length: group }, (_, i) => {
    const values = way(i ? 3 : 2.5, i === group - 1 ? to : 4, Math.ceil(POINTS / group), 0.16, seed + i * 100);
    return values.map((value) => [Math.min(4.99, Math.max(0.05, value)), "RDCBAPW"[i]]);
  }).flat();
}

/** The history of the n-th driver in a category, as the backend sends it. */
export function history(n, category, kind, now = Date.now()) {
  const licence = driver(n, undefined, now).member_info.licenses.find((one) => one.category === category);
  if (!licence?.starts) return { category, points: [], career: null, _meta: { state: "fresh" } };
  const { starts, wins } = licence;
  const better = { top5: wins + Math.floor(starts * 0.3), poles: Math.ceil(wins * 0.6) };
  return {
    category,
    points: points(n, licence, kind === "irating", now),
    career: { starts, wins, ...better, avg_finish_position: 6, avg_incidents: 3.2 },
    _meta: { state: "fresh" },
  };
}

/** The ratings up to the present ones: the last changes are those of the last races. */
function points(n, licence, isRating, now) {
  const races = results(n, now).races.filter((race) => race.category === licence.category);
  let value = isRating ? licence.irating : licence.safety_rating;
  const known = races.map((race) => {
    const point = [race.session_start_time.slice(0, 10), value, "RDCBAPW"[licence.group_id - 1]];
    value -= isRating ? race.irating_change : race.safety_rating_change;
    return point;
  });
  const before = isRating
    ? way(1350, value, POINTS, 90, n).map((rating) => [rating])
    : safetyWay(value, licence.group_id, n);
  const newest = Date.parse(races.at(-1)?.session_start_time ?? new Date(now).toISOString());
  const day = (i) => new Date(newest - (before.length - i) * 5 * 86_400_000).toISOString().slice(0, 10);
  // of several results on one day, the last counts
  const byDay = new Map(
    [...before.map((point, i) => [day(i), ...point]), ...known.reverse()].map(([when, ...point]) => [when, point]),
  );
  return [...byDay].map(([when, [level, letter]]) =>
    isRating ? { when, value: Math.round(level) } : { when, value: Math.round(level * 100) / 100, class: letter },
  );
}
