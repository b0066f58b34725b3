/**
 * Country codes. `member/get` has a flair with three letters ("FIN"), profile and index have two ("FI"), and readers
 * shall see the same from the start. Most are the first two letters of the three (ISO 3166-1); these are not.
 */

/** Those with the first and the last letter. */
const FIRST_AND_LAST =
  "ABW AGO AND ARE ARM ATG AUT BDI BGD BHS BLZ BRB BRN CAF CHL CHN COD COG COK CPV CUW DNK ESH FLK FRO FSM GIN GLP GNQ GRD GRL GUF GUY IRQ JAM KAZ KOR LBR LBY MAF MDG MDV MEX MLT MNE MNP MOZ MTQ NIU PAK PCN PLW PNG POL PRT PRY PYF SEN SLB SLV SUR SVK SWE SWZ SYC TCD TKM TUN TUR TUV URY WLF";
/** All others, each with its two letters behind it. */
const OTHERS =
  "ALAAX ATAAQ ATFTF BENBJ BESBQ BIHBA BLRBY COMKM CYMKY ESTEE GNBGW IRLIE ISRIL MACMO MYTYT PRKKP SGSGS SPMPM SRBRS SVNSI UKRUA";
/** Parts of the United Kingdom: iRacing has no other codes for them. */
const PARTS = "ENG NIR SCT WLS";

/** The code that iRacing's profiles have for a flair's short name in capitals; "" for what is none. */
export function countryCode(short: string): string {
  if (!/^[A-Z]{3}$/.test(short)) return "";
  if (PARTS.includes(short)) return short;
  if (FIRST_AND_LAST.includes(short)) return short.charAt(0) + short.charAt(2);
  const at = OTHERS.indexOf(short);
  return at % 6 === 0 ? OTHERS.slice(at + 3, at + 5) : short.slice(0, 2);
}
