/** Where flags are in flags.webp. Made by `npm run flags`; change scripts/flags.mjs, not this. */

/** Codes of two letters without anything between them, in the order of the picture. */
const COUNTRIES =
  "ADAEAFAGAIALAMAOAQARASATAUAWAXAZBABBBDBEBFBGBHBIBJBLBMBNBOBQBRBSBTBVBWBYBZCACCCDCFCGCHCICKCLCMCNCOCPCRCUCVCWCXCYCZDEDGDJDKDMDODZECEEEGEHERESETEUFIFJFKFMFOFRGAGBGDGEGFGGGHGIGLGMGNGPGQGRGSGTGUGWGYHKHMHNHRHTHUICIDIEILIMINIOIQIRISITJEJMJOJPKEKGKHKIKMKNKPKRKWKYKZLALBLCLILKLRLSLTLULVLYMAMCMDMEMFMGMHMKMLMMMNMOMPMQMRMSMTMUMVMWMXMYMZNANCNENFNGNINLNONPNRNUNZOMPAPCPEPFPGPHPKPLPMPNPRPSPTPWPYQARERORSRURWSASBSCSDSESGSHSISJSKSLSMSNSOSRSSSTSVSXSYSZTCTDTFTGTHTJTKTLTMTNTOTRTTTVTWTZUAUGUMUNUSUYUZVAVCVEVGVIVNVUWFWSXKYEYTZAZMZW";
const PARTS = ["ENG", "NIR", "SCT", "WLS"];
const COLUMNS = 20;
const ROWS = 13;

/** Where a country's flag is: the shares of the picture's other columns and rows that are before it; null: there is none. */
export function flagAt(code: string): [number, number] | null {
  const part = PARTS.indexOf(code);
  let at = part < 0 || code.length === 2 ? -1 : COUNTRIES.length / 2 + part;
  for (let i = 0; code.length === 2 && i < COUNTRIES.length; i += 2) if (COUNTRIES.startsWith(code, i)) at = i / 2;
  return at < 0 ? null : [(at % COLUMNS) / (COLUMNS - 1), Math.floor(at / COLUMNS) / (ROWS - 1)];
}
