"""What the simulated world is made of: categories, licence classes, flairs, tracks, cars, series.

Categories, licence classes and the shape of flairs are those of iRacing's Data API documentation and of
recorded answers. Tracks, cars and series are invented.
"""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True, eq=False)
class Category:
    """A kind of racing, one of `CATEGORIES`. `slot` is its place in a driver's list of licences."""

    id: int
    key: str
    label: str
    slot: int
    rated_share: float
    """The share of drivers who have raced in it."""


CATEGORIES = (
    Category(1, "oval", "Oval", 0, 0.62),
    Category(5, "sports_car", "Sports Car", 1, 0.74),
    Category(6, "formula_car", "Formula Car", 2, 0.45),
    Category(3, "dirt_oval", "Dirt Oval", 3, 0.22),
    Category(4, "dirt_road", "Dirt Road", 4, 0.12),
)
"""In the order in which licences are listed. Road (2) was split in 2024 and lives on in histories only."""

CATEGORY_BY_KEY = {category.key: category for category in CATEGORIES}


@dataclass(frozen=True, slots=True)
class LicenceClass:
    """A licence class: its name, its letter in the CSV files and its colour."""

    id: int
    name: str
    letter: str
    color: str


CLASSES = {
    licence.id: licence
    for licence in (
        LicenceClass(1, "Rookie", "R", "fc0706"),
        LicenceClass(2, "Class D", "D", "fc8a27"),
        LicenceClass(3, "Class C", "C", "feec04"),
        LicenceClass(4, "Class B", "B", "00c702"),
        LicenceClass(5, "Class A", "A", "0153db"),
        LicenceClass(6, "Pro", "P", "000000"),
        LicenceClass(7, "Pro/WC", "PWC", "000000"),
    )
}


@dataclass(frozen=True, slots=True)
class Flair:
    """What a member shows beside the name: nearly always a country. `code` and `short` may be empty."""

    id: int
    name: str
    short: str
    code: str


UNAFFILIATED = Flair(1, "Unaffiliated", "", "")
SCOTLAND = Flair(237, "Scotland", "SCT", "SCT")

_HOME_NATIONS = (
    Flair(236, "England", "ENG", "ENG"),
    SCOTLAND,
    Flair(238, "Wales", "WLS", "WLS"),
    Flair(239, "Northern Ireland", "NIR", "NIR"),
)

# Name, alpha-3, alpha-2. Germany, the Netherlands and the United Kingdom have their recorded flair ids;
# the others get numbers in alphabetical order, which may differ from iRacing's.
_NATIONS = """
Argentina ARG AR;Australia AUS AU;Austria AUT AT;Belgium BEL BE;Bolivia BOL BO;Brazil BRA BR;
Bulgaria BGR BG;Canada CAN CA;Chile CHL CL;China CHN CN;Colombia COL CO;Costa Rica CRI CR;Croatia HRV HR;
Cyprus CYP CY;Czech Republic CZE CZ;Denmark DNK DK;Ecuador ECU EC;Egypt EGY EG;Estonia EST EE;
Finland FIN FI;France FRA FR;Germany DEU DE;Greece GRC GR;Guatemala GTM GT;Hong Kong HKG HK;
Hungary HUN HU;Iceland ISL IS;India IND IN;Indonesia IDN ID;Ireland IRL IE;Israel ISR IL;Italy ITA IT;
Japan JPN JP;Kenya KEN KE;Korea, Republic of KOR KR;Latvia LVA LV;Lithuania LTU LT;Luxembourg LUX LU;
Malaysia MYS MY;Malta MLT MT;Mexico MEX MX;Morocco MAR MA;Netherlands NLD NL;New Zealand NZL NZ;
Norway NOR NO;Paraguay PRY PY;Peru PER PE;Philippines PHL PH;Poland POL PL;Portugal PRT PT;
Puerto Rico PRI PR;Romania ROU RO;Saudi Arabia SAU SA;Serbia SRB RS;Singapore SGP SG;Slovakia SVK SK;
Slovenia SVN SI;South Africa ZAF ZA;Spain ESP ES;Sweden SWE SE;Switzerland CHE CH;Thailand THA TH;
Turkey TUR TR;Ukraine UKR UA;United Arab Emirates ARE AE;United Kingdom GBR GB;United States USA US;
Uruguay URY UY;Venezuela VEN VE
"""
_RECORDED_IDS = {"DE": 77, "NL": 146, "GB": 222}


def _nations() -> tuple[Flair, ...]:
    rows = [row.strip().rsplit(" ", 2) for row in _NATIONS.replace("\n", "").split(";")]
    free = (number for number in range(3, 236) if number not in _RECORDED_IDS.values())
    return tuple(
        Flair(_RECORDED_IDS.get(code) or next(free), name, short, code) for name, short, code in rows
    )


NATIONS = _nations()
FLAIRS = (
    UNAFFILIATED,
    Flair(2, "iRacing", "", ""),
    *sorted((*NATIONS, *_HOME_NATIONS), key=lambda flair: flair.id),
)

# Where members come from: a nation counts as often as it is in here.
_CROWDED = "US US US US US US US US GB GB GB DE DE DE ES ES IT IT FR FR NL NL AU AU AU CA CA BR BR"
_NATION_BY_CODE = {nation.code: nation for nation in NATIONS}
HOMES = (*(_NATION_BY_CODE[code] for code in _CROWDED.split()), *NATIONS)


@dataclass(frozen=True, slots=True)
class Track:
    """A track in one of its layouts. `layout` may be empty."""

    id: int
    name: str
    layout: str


@dataclass(frozen=True, slots=True)
class Car:
    """A car."""

    id: int
    name: str


@dataclass(frozen=True, slots=True)
class Series:
    """An official series: its cars and where it races. `laps` is a usual race distance."""

    id: int
    name: str
    cars: tuple[Car, ...]
    tracks: tuple[Track, ...]
    laps: int
    lap_seconds: float
    field: int


_OVALS = (
    Track(21, "Copper Basin Speedway", "Oval"),
    Track(22, "Millbrook Motor Speedway ", "Oval"),
    Track(23, "Lake Torrance Superspeedway", ""),
    Track(24, "Fallow Creek Raceway", "Short Track"),
)
_ROADS = (
    Track(41, "Kestrel Hollow Circuit", "Grand Prix"),
    Track(42, "Circuit de Valmorée", "Full Course"),
    Track(43, "Autódromo de Pedra Alta", "Grand Prix"),
    Track(44, "Hochwaldring", "Nordkurs"),
    Track(45, "Saltmarsh Park", "Club"),
    Track(46, "Ørnefjell Ring", ""),
)
_DIRT_OVALS = (
    Track(61, "Redclay Fairgrounds", ""),
    Track(62, "Dustbowl Speedway", "Dirt"),
)
_DIRT_ROADS = (
    Track(81, "Gravel Gulch Rallycross", "Long"),
    Track(82, "Hellmarka RX", "Short"),
)

SERIES: dict[int, tuple[Series, ...]] = {
    1: (
        Series(201, "Thunder Stock Series", (Car(11, "Bulwark Stock V8"),), _OVALS, 80, 31.2, 38),
        Series(202, "Rookie Street Stock", (Car(12, "Bulwark Street"),), _OVALS, 40, 34.8, 20),
        Series(203, "Open Wheel Oval Cup", (Car(18, "Osprey IR-05"),), _OVALS[:3], 60, 27.4, 24),
    ),
    5: (
        Series(
            301,
            "GT3 Sprint Challenge",
            (Car(132, "Halberd GT3"), Car(133, "Vantaro GT3 Evo"), Car(156, "Meridian RS GT3")),
            _ROADS,
            18,
            101.4,
            28,
        ),
        Series(302, "Production Cup", (Car(67, "Meridian Cup"),), _ROADS, 10, 118.9, 22),
        Series(
            303,
            "World Endurance Trophy",
            (Car(159, "Halberd LMDh"), Car(132, "Halberd GT3")),
            _ROADS[:4],
            84,
            97.7,
            40,
        ),
    ),
    6: (
        Series(401, "Formula Junior", (Car(105, "Osprey FJ"),), _ROADS, 14, 96.3, 20),
        Series(
            402, "Grand Prix Tour", (Car(161, "Osprey GP24"), Car(106, "Vantaro F-2")), _ROADS, 24, 82.6, 24
        ),
    ),
    3: (
        Series(501, "Dirt Late Model Tour", (Car(83, "Bulwark Late Model"),), _DIRT_OVALS, 35, 16.9, 22),
        Series(502, "Sprint Car Shootout", (Car(79, "Wasp 360 Sprint"),), _DIRT_OVALS, 25, 14.2, 20),
    ),
    4: (Series(601, "Rallycross Series", (Car(91, "Vantaro RX"),), _DIRT_ROADS, 6, 44.5, 10),),
}
"""Official series by category id. The car ids are iRacing's for cars of that category, the names invented:
clients tell a car's category by its id."""

LEAGUES = (
    (7001, "Backmarkers' League - GT3 Thursdays"),
    (7002, "Nordic Endurance Society"),
    (7003, "Liga de los Domingos"),
)
"""(league id, name)."""
