/**
 * The body of a publish: the length of the metadata (32 bits, little endian), the metadata as JSON, the length of the
 * .crate file, the file.
 * @see https://doc.rust-lang.org/cargo/reference/registry-web-api.html#publish
 */

/** bytes of a length */
export const LENGTH_BYTES = 4;

export const readLength = (bytes: Buffer): number => bytes.readUInt32LE(0);

const lengthOf = (value: number): Buffer => {
  const bytes = Buffer.alloc(LENGTH_BYTES);
  bytes.writeUInt32LE(value, 0);
  return bytes;
};

/** The body of a publish, in parts. */
export async function* frameParts(
  metadata: object,
  { size, content }: { size: number; content: AsyncIterable<Uint8Array> },
): AsyncGenerator<Uint8Array, void, undefined> {
  const json = Buffer.from(JSON.stringify(metadata));
  yield Buffer.concat([lengthOf(json.byteLength), json, lengthOf(size)]);
  yield* content;
}
