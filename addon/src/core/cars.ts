/**
 * The licence category of a car, by iRacing's car id (`categories` in the Data API's car list). A car that is newer than
 * this list has no category here and gets the neutral icon. The name is no help: by its name, the Dallara P217 would be a
 * formula car.
 */

import type { Category } from "./model.ts";

const CARS: Partial<Record<Category, string>> = {
  sports_car:
    "3 10 13 21 23 26 27 28 30 34 35 39 40 41 43 44 48 49 50 52 55 59 60 61 64 67 70 72 73 76 77 88 92 93 94 98 100 " +
    "102 109 112 117 118 119 122 127 128 132 133 135 137 143 144 146 147 149 150 151 152 153 156 157 158 159 160 162 " +
    "165 168 169 170 173 174 176",
  formula_car: "1 4 25 29 33 42 57 71 74 99 105 106 120 121 129 142 145 148 161 163 171 172 178",
  oval:
    "2 5 11 12 18 20 22 24 31 36 37 38 45 46 51 54 56 58 62 63 69 103 110 111 114 115 116 123 124 125 139 140 141 " +
    "154 155 164 167 175 179",
  dirt_oval: "78 79 80 82 83 84 85 86 87 89 95 96 131 134 180 181 182 183",
  dirt_road: "81 91 101 104 107 113 138",
};

let byId: Map<number, Category> | undefined;

/** null: the car is not in the list. */
export function carCategory(carId: number | null): Category | null {
  byId ??= new Map(
    Object.entries(CARS).flatMap(([category, ids]) =>
      ids.split(" ").map((id): [number, Category] => [Number(id), category as Category]),
    ),
  );
  return byId.get(carId ?? 0) ?? null;
}
