"""Invented names, numbered: number -> name and name -> number by arithmetic, nothing is stored.

A name is a first name, a surname and, for all but the first member of that name, a number: "Jo Kerbsen",
"Jo Kerbsen2". First names hold no space, so a name can be taken apart again. Surnames are made of words
of the race track and endings from many languages, so that they are nobody's.
"""

from bisect import bisect_left
from collections.abc import Collection, Iterator
from math import ceil, gcd

_FIRST = """
Adrian Adriann Aino Alejandro Alex Alexa Alexander Amélie Ana Anaïs Andrea Andreas Andy Ángel Ann Anna
Annika Anton Antoine Arjan Arthur Åsa Astrid Beatriz Ben Benjamin Bianca Björn Bo Bob Brandon Brian Bruno
Camille Carl Carla Carlos Caroline Cédric César Charlie Chiara Chloé Chris Christian Christina Ciarán Clara
Claude Conor Dale Dan Dana Daniel Daniele Danny Dave David Dawid Denis Diego Dirk Dmitri Dominik Doug Dylan
Eduardo Eirik Elena Eli Elías Élodie Émile Emma Eric Erik Erika Esther Eva Fabian Fatima Felipe Félix
Fernando Finn Florian François Frank Frankie Fredrik Gabriel Gale Gary George Gerard Giulia Göran Graham
Greg Guillermo Gustavo Hanna Hannah Hans Harper Harry Héctor Heidi Helen Henrik Hiro Hugo Håkan Ian Ida
Ignacio Igor Ilse Imre Ingrid Irene Ivan Ivo Jack Jacob Jakub james Jamie Jan Jana Jane Jari Javier Jean
Jean-Luc Jean-Marc Jens Jess Jo Joann João Joe Johan Johanna John Jon Jonas Jordan José Jörg Josh Juan Jules
Julia Julian Jürgen Kai Karel Karin Kaspar Kate Katrín Keith Ken Kenta Kevin Kim Kjell Klaus Koen Kris
Lars Laura Lauri Léa Lee Leo León Liam Lina Lisa Lluís Loïc Luc Luca Lucas Lúcia Luis Łukasz Maja Manuel
Marc Marco Marcus María Mark Markus Marta Martin Mary-Ann Mateo Mats Matt Matteo Max Maxim Mehmet Mia
Michał Mick Miguel Mika Mike Milan Miloš Mo Morgan Nadia Nathan Ned Neil Nele Nick Nico Nikolai Nils Nina
Noa Noël Nora Olaf Ola Oleg Oliver Olivia Omar Oscar Óscar Otto Pablo Pat Patrick Paul Paula Paweł Pedro Per
Pete Peter Petra Phil Pia Piet Pieter Rafael Raúl Ravi Ray René Rhys Rich Rob Robin Roger Rolf Roman Ron
Rosa Ross Ryan Sam Samuel Sandra Sara Scott Seán Sebastian Sergio Shaun Siân Simon Siobhán Søren Stefan
Steve Stian Stuart Sven Tara Ted Teemu Theo Thijs Thomas Tim Tina Tobias Tom Tomáš Tomasz Toni Tyler Ugo
Ulf Vera Víctor Viktor Vince Wade Walter Wes Will Wim Xavier Yann Yuki Zdeněk Zoë Zoltán
"""
_STEMS = """
Apex Axle Brake Camber Clutch Draft Gear Grid Gantry Kerb Lap Marshal Paddock Piston Pit Rumble Slick Sprock
Stint Throttle Torque Tread Turn Wheel
"""
_ENDINGS = "|ander|by|ell|ersson|ford|holm|ian|ini|mann|moré|nær|ov|owski|quist|sen|ström|ton|ák|ñez|üller"
_PREFIXED = ("O'{}ell", "D'{}eaux", "Mc{}", "van der {}", "de la {}ez", "von {}stein", "Saint-{}", "al-{}i")
_GENERATIONS = ("{}ton Jr", "{}ford Jr.", "{} Sr", "{}ers II", "{}well III", "{}by IV")


def _surnames() -> list[str]:
    stems = _STEMS.split()
    plain = [stem + ending for stem in stems for ending in _ENDINGS.split("|")]
    framed = [frame.format(stem) for stem in stems for frame in (*_PREFIXED, *_GENERATIONS)]
    double = [f"{one}sen-{other}ini" for one, other in zip(stems, stems[7:], strict=False)]
    return sorted({*plain, *framed, *double}, key=str.casefold)


FIRST = sorted(set(_FIRST.split()), key=str.casefold)
SURNAMES = _surnames()
_FIRST_NUMBER = {name.casefold(): number for number, name in enumerate(FIRST)}
_SURNAME_NUMBER = {name.casefold(): number for number, name in enumerate(SURNAMES)}
_FOLDED_SURNAMES = list(_SURNAME_NUMBER)
_ALL = range(len(SURNAMES))
_SPACED = [number for number in _ALL if " " in SURNAMES[number]]

PAIRS = len(FIRST) * len(SURNAMES)
"""How many names there are without a number."""


class Names:
    """The names of `size` members, for member numbers 0 to size - 1.

    Four members in five are the first of their name. The others come in ever smaller rounds of homonyms,
    so the longer membership has the smaller suffix, as in real life.
    """

    def __init__(self, size: int, seed: int) -> None:
        self._step = next(n for n in range(PAIRS * 5 // 8 + seed % 1000, PAIRS * 2) if gcd(n, PAIRS) == 1)
        self._back = pow(self._step, -1, PAIRS)
        self._shift = seed * 7919 % PAIRS
        self._rounds = _rounds(size)

    def name(self, number: int) -> str:
        """The name of a member number from 0 to size - 1."""
        for nth, (start, length) in enumerate(self._rounds):
            place = number - start
            if 0 <= place < length:
                first, last = divmod((place * self._step + self._shift) % PAIRS, len(SURNAMES))
                return f"{FIRST[first]} {SURNAMES[last]}{_suffix(nth, place)}"
        raise IndexError(number)

    def shared(self, number: int) -> bool:
        """Whether a member's first name and surname are somebody else's too."""
        start = next(start for start, length in self._rounds if number < start + length)
        return len(self._rounds) > 1 and number - start < self._rounds[1][1]

    def number(self, name: str) -> int | None:
        """The member number of a name in any case, None if nobody is called so."""
        folded = name.casefold()
        base = folded.rstrip("0123456789")
        first, _, last = base.partition(" ")
        if first not in _FIRST_NUMBER or last not in _SURNAME_NUMBER:
            return None
        holders = self._holders(_FIRST_NUMBER[first], _SURNAME_NUMBER[last])
        return next((number for suffix, number in holders if suffix == folded[len(base) :]), None)

    def containing(self, text: str, most: int) -> list[tuple[str, int]]:
        """The first `most` names that hold `text` in any case, sorted by case-folded name, each with its
        member number. A text of nothing but digits finds nobody."""
        folded = text.casefold()
        base = folded.rstrip("0123456789")
        if not base:
            return []
        # Where could the text lie? All in the first name, all in the surname (with the number), or across
        # the space between them, which is then the first space of the text.
        head, space, tail = base.partition(" ")
        inside = [n for n in (_SPACED if space else _ALL) if base in _FOLDED_SURNAMES[n]]
        across = _starting_with(tail) if space else ()
        found: list[tuple[str, int]] = []
        for first, folded_first in enumerate(_FIRST_NUMBER):
            if folded in folded_first:
                lasts: Collection[int] = _ALL
            else:
                lasts = {*inside, *across} if space and folded_first.endswith(head) else inside
            if lasts:
                found += self._matches(first, lasts, folded)
            if len(found) >= most:
                break
        return found[:most]

    def _matches(self, first: int, lasts: Collection[int], folded: str) -> list[tuple[str, int]]:
        names = [
            (f"{FIRST[first]} {SURNAMES[last]}{suffix}", number)
            for last in lasts
            for suffix, number in self._holders(first, last)
        ]
        keyed = sorted((name.casefold(), name, number) for name, number in names)
        return [(name, number) for key, name, number in keyed if folded in key]

    def _holders(self, first: int, last: int) -> Iterator[tuple[str, int]]:
        """Everybody of this first name and surname: suffix and member number."""
        place = (first * len(SURNAMES) + last - self._shift) * self._back % PAIRS
        for nth, (start, length) in enumerate(self._rounds):
            if place >= length:
                return
            yield _suffix(nth, place), start + place


def _starting_with(text: str) -> range:
    """The numbers of the surnames that start with a case-folded text."""
    begin = bisect_left(_FOLDED_SURNAMES, text)
    return range(begin, bisect_left(_FOLDED_SURNAMES, text + chr(0x10FFFF), begin))


def _rounds(size: int) -> list[tuple[int, int]]:
    """Start and length of each round: the first holds 80 % of all, each later one 60 % of what is left."""
    rounds: list[tuple[int, int]] = []
    start = 0
    while start < size:
        share = 0.6 if rounds else 0.8
        length = min(PAIRS, ceil((size - start) * share))
        rounds.append((start, length))
        start += length
    return rounds


def _suffix(nth: int, place: int) -> str:
    """The number of the nth holder of a name. Some names have gaps, because members have left."""
    if nth == 0:
        return ""
    return str(nth + 1 + (4 if place % 4 == 0 else 0))
