"""iRacing's licence categories and classes."""

CATEGORIES = {"oval": 1, "dirt_oval": 3, "dirt_road": 4, "sports_car": 5, "formula_car": 6}
"""Category ids by key (constants/categories). 2, the old road category, was split in March 2024."""

SEQUENCE = ("oval", "sports_car", "formula_car", "dirt_oval", "dirt_road")
"""The order in which member/get lists the categories (recorded)."""

CLASSES = {1: "R", 2: "D", 3: "C", 4: "B", 5: "A", 6: "P", 7: "WC"}
"""Class letters by licence group id."""

GROUPS = {
    "R": (1, "Rookie", "fc0706"),
    "D": (2, "Class D", "fc8a27"),
    "C": (3, "Class C", "feec04"),
    "B": (4, "Class B", "00c702"),
    "A": (5, "Class A", "0153db"),
    "P": (6, "Pro", "000000"),
    "WC": (7, "Pro/WC", "000000"),
}
"""Licence group id, name and colour by class letter (lookup/licenses)."""


def licence_level(group_id: int, safety_rating: float) -> int:
    """iRacing's licence_level, 1 to 28: four levels a group, by the whole part of the safety rating."""
    return (group_id - 1) * 4 + min(max(int(safety_rating), 1), 4)
