/** Makes a zip with equal bytes for equal files: sorted names, one fixed time, no attributes. Reads such zips. */

import { crc32, deflateRawSync, inflateRawSync } from "node:zlib";

const TIME = 0;
const DATE = (1 << 5) | 1; // 1 January 1980, the earliest date in a zip

/** @param {Map<string, Buffer>} files @returns {Buffer} */
export function zip(files) {
  const parts = [];
  const directory = [];
  let offset = 0;
  for (const [name, data] of [...files].sort(([a], [b]) => (a < b ? -1 : 1))) {
    const path = Buffer.from(name);
    const packed = deflateRawSync(data, { level: 9 });
    const common = Buffer.alloc(26);
    common.writeUInt16LE(20, 0);
    common.writeUInt16LE(0x0800, 2);
    common.writeUInt16LE(8, 4);
    common.writeUInt16LE(TIME, 6);
    common.writeUInt16LE(DATE, 8);
    common.writeUInt32LE(crc32(data), 10);
    common.writeUInt32LE(packed.length, 14);
    common.writeUInt32LE(data.length, 18);
    common.writeUInt16LE(path.length, 22);
    parts.push(Buffer.from("PK\x03\x04"), common, path, packed);
    const rest = Buffer.alloc(14);
    rest.writeUInt32LE(offset, 10);
    directory.push(Buffer.from("PK\x01\x02\x14\x00"), common, rest, path);
    offset += 30 + path.length + packed.length;
  }
  const central = Buffer.concat(directory);
  const end = Buffer.alloc(18);
  end.writeUInt16LE(files.size, 4);
  end.writeUInt16LE(files.size, 6);
  end.writeUInt32LE(central.length, 8);
  end.writeUInt32LE(offset, 12);
  return Buffer.concat([...parts, central, Buffer.from("PK\x05\x06"), end]);
}

/** The files of a zip that `zip` made, by name. @param {Buffer} data @returns {Map<string, Buffer>} */
export function unzip(data) {
  const files = new Map();
  let at = 0;
  while (data.readUInt32LE(at) === 0x04034b50) {
    const [packed, length] = [data.readUInt32LE(at + 18), data.readUInt16LE(at + 26)];
    const start = at + 30 + length;
    files.set(data.toString("utf8", at + 30, start), inflateRawSync(data.subarray(start, start + packed)));
    at = start + packed;
  }
  return files;
}
